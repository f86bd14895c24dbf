// Package child runs other programs, for tests and experiments, as processes that
// end with this one.
package child

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a process that was started.
type Process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// Command is one that is asked to end, with SIGTERM, when ctx does, and killed if it
// takes longer than limit.
func Command(ctx context.Context, limit time.Duration, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = limit
	return cmd
}

// Start starts a command. On Linux the kernel kills the process when this one ends,
// however it does. The process has a group of its own, so that Ctrl-C does not reach
// it beside us, unless cmd.SysProcAttr is set, which is then kept.
func Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	endWithParent(cmd.SysProcAttr)
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run keeps the thread until the process has ended: to the kernel the parent is the
// thread that started it (prctl(2), PR_SET_PDEATHSIG), and Go ends threads as it likes.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // State tells how it ended
		close(p.ended)
	}
}

// Ended is closed when the process is gone and all that it wrote has been copied.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// State tells how the process ended; nil while it has not.
func (p *Process) State() *os.ProcessState {
	select {
	case <-p.ended:
		return p.cmd.ProcessState
	default:
		return nil
	}
}

// Pid is the process ID, also after the end.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process; it fails if that has ended.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the process to end, with SIGTERM, kills it if it takes longer than limit,
// and waits.
func (p *Process) Stop(limit time.Duration) {
	_ = p.Signal(syscall.SIGTERM) // fails only if it is gone already
	select {
	case <-p.ended:
	case <-time.After(limit):
		p.Kill()
	}
}

// Kill ends the process at once, with the others of its group if it leads one, and
// waits.
func (p *Process) Kill() {
	if p.State() == nil && syscall.Kill(-p.Pid(), syscall.SIGKILL) != nil {
		_ = p.Signal(syscall.SIGKILL) // as above
	}
	<-p.ended
}
