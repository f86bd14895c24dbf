package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
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

	mu    sync.Mutex
	life  *life // nil while it does not run
	begun bool  // the log has been begun
}

// life is one run of a program.
type life struct {
	*child.Process
	asked bool // to end; guarded by program.mu
}

func newProgram(s *settings, name, path string, args ...string) *program {
	return &program{name: name, path: path, args: args, log: filepath.Join(s.run, name+".log")}
}

// start starts the program unless it runs.
func (p *program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != nil {
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
	started, err := child.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.life = &life{Process: started}
	go p.watch(p.life)
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

// watch tells when the program ends by itself.
func (p *program) watch(l *life) {
	<-l.Ended()
	if asked := p.forget(l); !asked && p.died != nil {
		p.died(p.obituary(l.State()))
	}
}

// forget lets another life follow, and returns whether this one was asked to end.
func (p *program) forget(l *life) (asked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life == l {
		p.life = nil
	}
	return l.asked
}

// obituary tells how the program ended, with the end of its log.
func (p *program) obituary(how *os.ProcessState) error {
	return fmt.Errorf("%s ended by itself (%v); the end of %s:\n%s", p.name, how, p.log, p.tail(12))
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
	return p.life != nil
}

// stop asks the program to end, makes it end after killAfter, and waits.
func (p *program) stop() { p.end(func(l *life) { l.Stop(killAfter) }) }

// kill ends the program without asking, and waits.
func (p *program) kill() { p.end(func(l *life) { l.Kill() }) }

func (p *program) end(by func(*life)) {
	p.mu.Lock()
	l := p.life
	if l != nil {
		l.asked = true
	}
	p.mu.Unlock()
	if l != nil {
		by(l)
		p.forget(l)
	}
}
