package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/programs"
)

// server is a running name server.
type server struct {
	*child.Process
	addr string // host:port
	log  *logBuffer
}

// stopLimit is how long a server may take to end.
const stopLimit = 5 * time.Second

// startServer starts coredns with one server block and waits until it
// answers. Whoever calls it ends it with stop; so does the end of ctx.
func (b *bench) startServer(ctx context.Context, plugins string) (*server, error) {
	port, err := freeport.Take()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(b.dir, fmt.Sprintf("Corefile.%d", port))
	if err := os.WriteFile(conf, []byte(corefile(port, plugins)), 0o600); err != nil {
		return nil, err
	}
	return b.launch(ctx, port, b.binary, "-conf", conf)
}

// startPeer starts another name server.
func (b *bench) startPeer(ctx context.Context, p program) (*server, error) {
	path, err := programs.Find(p.name)
	if err != nil {
		return nil, fmt.Errorf("%w: make packages gets it", err)
	}
	port, err := freeport.Take()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(b.dir, p.name)
	if err := p.configure(dir, port); err != nil {
		return nil, err
	}
	return b.launch(ctx, port, path, p.args(dir)...)
}

// launch runs a program that is to answer on the port.
func (b *bench) launch(ctx context.Context, port int, path string, args ...string) (*server, error) {
	if err := writeZones(b.dir); err != nil {
		return nil, err
	}
	s := &server{addr: fmt.Sprintf("127.0.0.1:%d", port), log: &logBuffer{}}
	cmd := child.Command(ctx, stopLimit, path, args...)
	cmd.Dir = b.dir
	cmd.Stdout, cmd.Stderr = s.log, s.log
	var err error
	if s.Process, err = child.Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	if err := s.await(ctx, time.Minute); err != nil {
		s.stop()
		return nil, fmt.Errorf("%s %s: %w\n%s", path, strings.Join(args, " "), err, s.log)
	}
	return s, nil
}

func writeZones(dir string) error {
	for name, text := range zoneFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// await asks until there is an answer.
func (s *server) await(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		_, err := s.ask(ctx, dns.TypeA)
		if err == nil {
			return nil
		}
		select {
		case <-s.Ended():
			return errors.New("ended at once")
		case <-ctx.Done():
			return fmt.Errorf("does not answer on %s: %w", s.addr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ask sends the question of all measurements, by one packet.
func (s *server) ask(ctx context.Context, qtype uint16) (*dns.Msg, error) {
	c := &dns.Client{Net: "udp", Timeout: time.Second}
	m, _, err := c.ExchangeContext(ctx, question(qtype), s.addr)
	if err == nil && m.Rcode != dns.RcodeSuccess {
		err = fmt.Errorf("%s %s: %s", qname, dns.TypeToString[qtype], dns.RcodeToString[m.Rcode])
	}
	return m, err
}

// question is as resolvers ask: with EDNS, and the buffer of the DNS flag day
// of 2020.
func question(qtype uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(qname, qtype)
	m.RecursionDesired = false
	return m.SetEdns0(1232, false)
}

// stop ends the process and waits until it is gone.
func (s *server) stop() { s.Stop(stopLimit) }

// logBuffer keeps the beginning of what a process writes.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const logLimit = 64 << 10

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := logLimit - l.text.Len(); room > 0 {
		l.text.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.text.String())
}
