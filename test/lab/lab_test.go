//go:build linux

package lab

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Child()
	goleak.VerifyTestMain(m)
}

// dial connects and returns the name of the server that answers.
func dial(t *testing.T, n *Node, address string, limit time.Duration) (name string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	conn, err := n.Dial(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	name, err = bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(name), err
}

func startEchoes(t *testing.T, l *Lab, port int) []*Echo {
	t.Helper()
	var all []*Echo
	for _, s := range l.Servers {
		e, err := s.StartEcho(port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		all = append(all, e)
	}
	return all
}

func TestEveryNodeReachesTheOthers(t *testing.T) {
	l := ForTest(t, Options{})
	startEchoes(t, l, 80)
	for _, from := range []*Node{l.Client, l.Director, l.NS} {
		for _, s := range l.Servers {
			for _, address := range []string{s.HostPort(80), s.HostPort6(80)} {
				if name, err := dial(t, from, address, 2*time.Second); err != nil || name != s.Name {
					t.Errorf("%s to %s: answered by %q, %v; want %s", from.Name, address, name, err, s.Name)
				}
			}
		}
	}
}

func TestDialFromAnAddressAndPort(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	startEchoes(t, l, 80)
	local := netip.AddrPortFrom(l.Client.Addr, 12345)
	for range 2 { // the port is free again at once
		conn, err := l.Client.DialFrom(t.Context(), local, "tcp", l.Servers[0].HostPort(80))
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.LocalAddr().String(); got != local.String() {
			t.Errorf("It connected from %s, want %s", got, local)
		}
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

func TestDatagramsAreAnsweredByName(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	echoes := startEchoes(t, l, 53)
	conn, err := l.Client.Dial(t.Context(), "udp", l.Servers[0].HostPort6(53))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Second))
	buf := make([]byte, 64)
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(buf); err != nil || string(buf[:n]) != "s1 hello" {
		t.Errorf("Answer %q, %v", buf[:n], err)
	}
	if got := echoes[0].Stats().Datagrams; got != 1 {
		t.Errorf("The server counted %d datagrams", got)
	}
}

func TestLabLeavesNothingBehind(t *testing.T) {
	Require(t)
	o := Options{Prefix: ForTest(t, Options{Servers: 1}).options.Prefix + "second-"}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	sleeper := l.Servers[0].Command("sleep", "3600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("A second lab of the same name: %v", err)
	}
	for range 2 { // again is no error
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(netnsDir, o.Prefix+"*")); len(left) > 0 {
		t.Errorf("Namespaces are left: %v", left)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), l.Dir()) || strings.Contains(string(mounts), o.Prefix) {
		t.Errorf("A mount is left, or %v", err)
	}
	if _, err := os.Stat(l.Dir()); err == nil {
		t.Errorf("The folder %s is left", l.Dir())
	}
	if err := syscall.Kill(sleeper.Process.Pid, 0); err == nil {
		t.Error("A process is left")
	}
	if err := l.Servers[0].Command("true").Start(); err == nil {
		t.Error("A process was started in a lab that is closed")
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for name, o := range map[string]Options{
		"no prefix":        {},
		"a pattern":        {Prefix: "*"},
		"a path":           {Prefix: "../x"},
		"too many servers": {Prefix: "x-", Servers: 201},
		"fewer than none":  {Prefix: "x-", Servers: -1},
	} {
		t.Run(name, func(t *testing.T) {
			if l, err := New(o); err == nil {
				l.Close()
				t.Error("It was built")
			}
			if err := Remove(o); err == nil {
				t.Error("It was removed")
			}
		})
	}
}

func TestProcessesRunInTheNamespace(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	out, err := l.Servers[0].Command("cat", "/proc/self/net/dev").Output()
	if err != nil || !strings.Contains(string(out), "eth0") {
		t.Errorf("Its interfaces are %s, %v", out, err)
	}
	if _, err := l.Client.Command("ls", "/no/such/file").Output(); err == nil || !strings.Contains(err.Error(), "No such file") {
		t.Errorf("A failure tells %v", err)
	}
	sleeper := l.NS.Command("sleep", "3600")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := sleeper.Stop(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("Stopped with %v, %v", err, ctx.Err())
	}
}

func TestBPFFileSystem(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	var stat syscall.Statfs_t
	if err := syscall.Statfs(l.BPF(), &stat); err != nil || stat.Type != 0xcafe4a11 {
		t.Errorf("%s has type %#x, %v; want BPF_FS_MAGIC", l.BPF(), stat.Type, err)
	}
}

func TestLabThatIsOpenedStaysWhenClosed(t *testing.T) {
	built := ForTest(t, Options{Servers: 2})
	l, err := Open(Options{Prefix: built.options.Prefix})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Servers) != 2 {
		t.Errorf("It has %d servers, want 2", len(l.Servers))
	}
	if err := l.Servers[1].Silence(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	startEchoes(t, built, 80)
	if _, err := dial(t, built.Client, built.Servers[1].HostPort(80), 200*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Its fault is gone: %v", err)
	}
	if _, err := Open(Options{Prefix: "blt-no-such-lab-"}); !errors.Is(err, ErrNone) {
		t.Errorf("A lab that is not there: %v", err)
	}
}
