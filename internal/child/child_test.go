package child

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleEnv makes of the test binary one of the programs below.
const roleEnv = "CHILD_TEST_ROLE"

var roles = map[string]func(){
	"willing": wait,
	"deaf":    func() { signal.Ignore(syscall.SIGTERM); wait() },
	"parent":  func() { Start(as("willing", exec.Command(os.Args[0]), os.Stdin, os.Stdout)); wait() },
	"family":  func() { as("willing", exec.Command(os.Args[0]), os.Stdin, os.Stdout).Start(); wait() },
}

// wait says that the program runs, and ends with the test at the latest.
func wait() {
	os.Stdout.WriteString("runs\n")
	io.Copy(io.Discard, os.Stdin)
}

func as(role string, cmd *exec.Cmd, in, out *os.File) *exec.Cmd {
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, os.Stderr
	return cmd
}

func TestMain(m *testing.M) {
	if run := roles[os.Getenv(roleEnv)]; run != nil {
		run()
		return
	}
	goleak.VerifyTestMain(m)
}

// running is a process with what it and its descendants write, which ends when the
// last of them does.
type running struct {
	*Process
	out *bufio.Reader
}

// start starts the test binary in a role, by cmd, and waits until it runs.
func start(t *testing.T, role string, cmd *exec.Cmd) running {
	t.Helper()
	in, hold := pipe(t)
	out, write := pipe(t)
	out.SetReadDeadline(time.Now().Add(20 * time.Second))
	p, err := Start(as(role, cmd, in, write))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hold.Close(); p.Kill() })
	write.Close()
	r := running{p, bufio.NewReader(out)}
	r.another(t)
	return r
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// another waits until one more program runs.
func (r running) another(t *testing.T) {
	t.Helper()
	if _, err := r.out.ReadString('\n'); err != nil {
		t.Fatalf("No program says that it runs: %v", err)
	}
}

// allGone waits until there is nobody left who could write.
func (r running) allGone(t *testing.T) {
	t.Helper()
	if text, err := r.out.ReadString('\n'); !errors.Is(err, io.EOF) {
		t.Errorf("Somebody still runs: read %q, %v", text, err)
	}
}

func (r running) endedBy(t *testing.T, want syscall.Signal) {
	t.Helper()
	select {
	case <-r.Ended():
	case <-time.After(10 * time.Second):
		t.Fatal("It still runs")
	}
	if got := r.State().Sys().(syscall.WaitStatus).Signal(); got != want {
		t.Errorf("It ended by %v, want %v", r.State(), want)
	}
}

func TestStop(t *testing.T) {
	for _, c := range []struct {
		role  string
		limit time.Duration
		want  syscall.Signal
	}{
		{"willing", time.Minute, syscall.SIGTERM},
		{"deaf", 50 * time.Millisecond, syscall.SIGKILL},
	} {
		t.Run(c.role, func(t *testing.T) {
			p := start(t, c.role, exec.Command(os.Args[0]))
			if p.State() != nil {
				t.Errorf("While it runs its state is %v", p.State())
			}
			p.Stop(c.limit)
			p.endedBy(t, c.want)
			p.Stop(c.limit) // once more is nothing more
			if p.Signal(syscall.SIGHUP) == nil {
				t.Error("A process that is gone takes a signal")
			}
		})
	}
}

func TestCommand(t *testing.T) {
	for role, want := range map[string]syscall.Signal{"willing": syscall.SIGTERM, "deaf": syscall.SIGKILL} {
		t.Run(role, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p := start(t, role, Command(ctx, 50*time.Millisecond, os.Args[0]))
			cancel()
			p.endedBy(t, want)
		})
	}
}

func TestKillTakesTheGroup(t *testing.T) {
	p := start(t, "family", exec.Command(os.Args[0]))
	p.another(t)
	p.Kill()
	p.endedBy(t, syscall.SIGKILL)
	p.allGone(t)
}

func TestGroup(t *testing.T) {
	for _, c := range []struct {
		name  string
		attr  *syscall.SysProcAttr
		leads bool
	}{
		{"its own", nil, true},
		{"ours, as the caller says", &syscall.SysProcAttr{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.SysProcAttr = c.attr
			p := start(t, "willing", cmd)
			group, err := syscall.Getpgid(p.Pid())
			if err != nil || (group == p.Pid()) != c.leads {
				t.Errorf("Process %d is in group %d, %v", p.Pid(), group, err)
			}
			p.Kill()
			p.endedBy(t, syscall.SIGKILL)
		})
	}
}

func TestMissingProgram(t *testing.T) {
	if _, err := Start(exec.Command(filepath.Join(t.TempDir(), "nothing"))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Error %v", err)
	}
	goleak.VerifyNone(t)
}
