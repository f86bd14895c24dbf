package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// killAfter is how long a program may take to end when asked to.
const killAfter = 5 * time.Second

// program is a process that can be stopped and started again. Its output goes
// to a log file.
type program struct {
	name string
	path string
	args []string
	env  []string // beside our own
	log  string
	died func(error) // called when it ends unasked

	mu      sync.Mutex
	process *process // nil while it does not run
	begun   bool     // the log has been begun
}

// process is one life of a program.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	asked bool // to end; guarded by program.mu
}

func newProgram(s *settings, name, path string, args ...string) *program {
	return &program{name: name, path: path, args: args, log: filepath.Join(s.run, name+".log")}
}

// start starts the program unless it runs.
func (p *program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.process != nil {
		return nil
	}
	out, err := p.openLog()
	if err != nil {
		return err
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(p.path, p.args...)
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = ownGroup()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.process = &process{cmd: cmd, ended: make(chan struct{})}
	go p.wait(p.process)
	return nil
}

// openLog begins the log anew in the program's first life only.
func (p *program) openLog() (*os.File, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if !p.begun {
		flags |= os.O_TRUNC
		p.begun = true
	}
	out, err := os.OpenFile(p.log, flags, 0o644)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", p.name, err)
	}
	return out, nil
}

func (p *program) wait(life *process) {
	err := life.cmd.Wait()
	p.mu.Lock()
	p.process = nil
	asked := life.asked
	p.mu.Unlock()
	close(life.ended)
	if !asked && p.died != nil {
		p.died(p.obituary(err))
	}
}

// obituary tells how the program ended, with the end of its log.
func (p *program) obituary(err error) error {
	how := "exit status 0"
	if err != nil {
		how = err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); the end of %s:\n%s", p.name, how, p.log, p.tail(12))
}

// tail is the end of the log, indented.
func (p *program) tail(lines int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return "  " + err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(all[max(0, len(all)-lines):], "\n  ")
}

// running tells whether the program runs.
func (p *program) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process != nil
}

// stop asks the program to end, makes it end after killAfter, and waits.
func (p *program) stop() { p.end(syscall.SIGTERM) }

// kill ends the program without asking, and waits.
func (p *program) kill() { p.end(syscall.SIGKILL) }

func (p *program) end(sig syscall.Signal) {
	p.mu.Lock()
	life := p.process
	if life == nil {
		p.mu.Unlock()
		return
	}
	life.asked = true
	life.cmd.Process.Signal(sig)
	p.mu.Unlock()
	timer := time.NewTimer(killAfter)
	defer timer.Stop()
	select {
	case <-life.ended:
	case <-timer.C:
		life.cmd.Process.Kill()
		<-life.ended
	}
}
