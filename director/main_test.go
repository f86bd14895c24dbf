package director

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/route/nstest"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/skip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a network namespace with a bridge to the servers, and a directory
// on a bpffs of its own.
type world struct {
	t              testing.TB
	space          *nstest.Space
	client, server *nstest.Space // nil unless they were joined
	dir            string        // of the configuration and the control socket
	state          string        // on the bpffs
	now            time.Time
	*Director
}

func newWorld(t testing.TB) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		skip.UnlessCI(t, "a datapath needs root")
	}
	w := &world{t: t, space: nstest.New(t), dir: t.TempDir()}
	at := t.TempDir()
	if err := unix.Mount("bpf", at, "bpf", 0, "mode=0700"); err != nil {
		skip.UnlessCI(t, "a bpffs cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount the bpffs: %v", err)
		}
	})
	w.state = filepath.Join(at, "d")
	w.space.Enter(t, func() {
		w.space.Bridge(t, "br0")
		w.space.Address(t, "br0", "10.201.0.1/16")
	})
	return w
}

// join adds a client, 10.200.0.9 on d0, and a server, 10.201.0.11, which
// listens at port 80 and takes whatever comes.
func (w *world) join() {
	w.t.Helper()
	w.client, w.server = nstest.New(w.t), nstest.New(w.t)
	nstest.Join(w.t, w.client, "c0", w.space, "d0")
	nstest.Join(w.t, w.server, "s0", w.space, "p0")
	w.space.Enter(w.t, func() {
		w.space.Address(w.t, "d0", "10.200.0.254/24")
		w.space.Set(w.t, "net/ipv4/ip_forward", "1")
		bridge := w.space.Link(w.t, "br0")
		if err := netlink.LinkSetMaster(w.space.Link(w.t, "p0"), bridge); err != nil {
			w.t.Fatal(err)
		}
	})
	w.client.Enter(w.t, func() { w.client.Address(w.t, "c0", "10.200.0.9/24") })
	w.server.Enter(w.t, func() {
		w.server.Address(w.t, "s0", "10.201.0.11/16")
		w.server.Route(w.t, "0.0.0.0/0", "10.201.0.1", 0)
		l, err := net.Listen("tcp", "10.201.0.11:80")
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { l.Close() })
	})
}

// dial connects from the client.
func (w *world) dial(to string) net.Conn {
	w.t.Helper()
	var conn net.Conn
	w.client.Enter(w.t, func() {
		var err error
		if conn, err = net.DialTimeout("tcp", to, 10*time.Second); err != nil {
			w.t.Fatal(err)
		}
	})
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// held are the addresses that were taken.
func (w *world) held() []string {
	w.t.Helper()
	all, err := w.owner.Held()
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, h := range all {
		out = append(out, h.Addr.String())
	}
	return out
}

// file is the configuration's.
func (w *world) file() string { return filepath.Join(w.dir, "director.hcl") }

// write writes the configuration with these VIPs.
func (w *world) write(vips ...string) {
	w.t.Helper()
	interfaces := `"br0"`
	if w.client != nil {
		interfaces += `, "d0"`
	}
	head := fmt.Sprintf("interfaces = ["+interfaces+"]\ncontrol = %q\nstate = %q\nconnections = 4096\n", filepath.Join(w.dir, "director.sock"), w.state)
	if err := os.WriteFile(w.file(), []byte(head+strings.Join(vips, "\n")), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// vipBlock is a VIP with servers as written, separated by blanks. They are not
// asked: checks would leave from the namespace of the test.
func vipBlock(name, address string, port int, servers string, settings ...string) string {
	return fmt.Sprintf("vip %q {\naddress = %q\nports = [%d]\nservers = [%s]\ncheck \"none\" {}\n%s\n}\n", name, address, port,
		`"`+strings.Join(strings.Fields(servers), `", "`)+`"`, strings.Join(settings, "\n"))
}

// start makes a director with the configuration, as Run does, that moves only
// by step.
func (w *world) start() {
	w.t.Helper()
	cfg, err := config.Load(w.file())
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = time.Now()
	w.Director = newDirector(Options{Config: cfg, Log: slog.New(slog.NewTextHandler(&logOf{t: w.t}, nil))})
	w.space.Enter(w.t, func() {
		if err := w.open(); err != nil {
			w.t.Fatal(err)
		}
		if err := w.begin(context.Background()); err != nil {
			w.t.Fatal(err)
		}
	})
	d := w.Director
	w.t.Cleanup(func() { w.stop(d) })
}

// stop ends the director, which may be done.
func (w *world) stop(d *Director) {
	w.t.Helper()
	if w.Director != d {
		return
	}
	w.Director = nil
	d.end()
	if err := d.shut(); err != nil {
		w.t.Error(err)
	}
}

// restart ends the director and starts another on the same state.
func (w *world) restart() {
	w.t.Helper()
	w.stop(w.Director)
	w.start()
}

// pass lets time pass and takes a step.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	w.space.Enter(w.t, func() { w.step(w.now) })
}

// hup reads the configuration again and takes a step.
func (w *world) hup() {
	w.t.Helper()
	w.space.Enter(w.t, func() { w.reload(context.Background()) })
	w.pass(step)
}

// settled waits until every list of servers is known, and takes a step.
func (w *world) settled() {
	w.t.Helper()
	for _, v := range w.vips {
		await(w.t, v.conf.Name+" has servers", func() bool {
			return v.servers.last() != nil && (v.spare == nil || v.spare.last() != nil)
		})
	}
	w.pass(step)
}

// await polls for what goes on in other goroutines.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for long: %s", what)
		}
	}
}

// tell gives a VIP a pool, as its source would.
func (w *world) tell(name string, servers ...pool.Server) {
	v := w.vips[name]
	v.servers.pool.Store(&pool.Pool{Service: name, Servers: servers, At: w.now})
	v.servers.fresh.Store(true)
}

// server is one that is well.
func server(id, addr string, port uint16) pool.Server {
	return pool.Server{ID: id, Addrs: []netip.Addr{netip.MustParseAddr(addr)}, Port: port, Capacity: 1, Health: pool.Passing}
}

// answering says which VIP answers at "address:port" of TCP, by name; empty
// for none.
func (w *world) answering(at string) string {
	to := netip.MustParseAddrPort(at)
	key := dataplane.VIP{Addr: to.Addr(), Port: to.Port(), Proto: unix.IPPROTO_TCP}
	for id, s := range w.plane.Services() {
		for _, k := range w.plane.VIPs(id) {
			if k == key {
				return nameOf(s)
			}
		}
	}
	return ""
}

// members are the addresses of those that get connections of a service.
func (w *world) members(service string) []string {
	w.t.Helper()
	var out []string
	for id, s := range w.plane.Services() {
		if nameOf(s) != service {
			continue
		}
		ids, _, err := w.plane.Tables(id)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, real := range ids {
			out = append(out, w.plane.Reals(id)[real].Addr.String())
		}
	}
	return out
}

// logOf writes a director's log to that of the test, as long as it runs.
type logOf struct {
	mu sync.Mutex
	t  testing.TB
}

func (l *logOf) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

func addrPort(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }
