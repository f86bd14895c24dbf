package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/freeport"
)

// process is a running name server.
type process struct {
	*child.Process
	name string
	addr string // host:port
	log  string // file
}

// stopLimit is how long a server may take to end.
const stopLimit = 5 * time.Second

// startProcess starts a name server for zones, with what it needs below dir.
// Whoever calls it ends it with stop; so does the end of ctx.
func startProcess(ctx context.Context, k *kind, dir string, zones []placed) (*process, error) {
	port, err := freeport.Take()
	if err != nil {
		return nil, err
	}
	own := filepath.Join(dir, k.name)
	if err := os.Mkdir(own, 0o700); err != nil {
		return nil, err
	}
	conf := filepath.Join(own, "conf")
	if err := os.WriteFile(conf, []byte(k.conf(own, port, zones)), 0o600); err != nil {
		return nil, err
	}
	p := &process{name: k.name, addr: fmt.Sprintf("127.0.0.1:%d", port), log: filepath.Join(own, "log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	cmd := child.Command(ctx, stopLimit, k.program, append(slices.Clip(k.args), conf)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = own, log, log
	if p.Process, err = child.Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// tail is the end of the log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// stop ends the process and waits until it is gone.
func (p *process) stop() { p.Stop(stopLimit) }
