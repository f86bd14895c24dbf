package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/test/bench/figures"
	"github.com/miekg/dns"
)

// perService is how many servers each service of a catalogue has.
const perService = 10

// The goals for the whole catalogue.
const (
	startLimit  = 10      // seconds
	memoryLimit = 1 << 10 // MiB
)

// catalogued is what one catalogue cost.
type catalogued struct {
	services int
	startCPU float64 // seconds of processor until then
	start    float64 // seconds from the start of the process until all are answered
	memory   float64 // MiB of resident memory, its peak
	change   float64 // microseconds of processor for one change of one service
	idle     float64 // share of a core while nothing changes
}

// catalogue serves many services of a synthetic source: how long it takes to
// learn them, what they take of memory, and what one change costs beside a
// catalogue of a tenth.
func (b *bench) catalogue(ctx context.Context, r *figures.Report) error {
	small, err := b.catalogued(ctx, b.services/10)
	if err != nil {
		return err
	}
	large, err := b.catalogued(ctx, b.services)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("catalogue of %d services, %d servers", large.services, large.services*perService)
	one := func(subject, unit string, value float64, goal *figures.Goal, note string) figures.Row {
		return figures.Row{Measure: what, Subject: subject, Unit: unit, Value: figures.Of([]float64{value}), Goal: goal, Note: note}
	}
	change := one("CPU of one service's change", "µs", large.change, nil, "each service gets a server of another weight; what the process takes at rest is taken off")
	ratio := figures.Of([]float64{large.change / small.change})
	change.Against, change.Ratio = fmt.Sprintf("a tenth of the catalogue: %s µs", figures.Figure(small.change)), &ratio
	r.Rows = append(r.Rows,
		one("start to all answered", "s", large.start, figures.AtMost("", large.start, startLimit, "s"), fmt.Sprintf("%s s of processor; a tenth: %s s", figures.Figure(large.startCPU), figures.Figure(small.start))),
		one("memory, peak", "MiB", large.memory, figures.AtMost("", large.memory, memoryLimit, "MiB"), fmt.Sprintf("a tenth: %s MiB", figures.Figure(small.memory))),
		one("at rest", "% of a core", 100*large.idle, nil, fmt.Sprintf("a tenth: %s", figures.Figure(100*small.idle))),
		change)
	return nil
}

// catalogued starts a server for a catalogue and measures it.
func (b *bench) catalogued(ctx context.Context, services int) (*catalogued, error) {
	b.say("catalogue: %d services", services)
	source, err := newSynthetic(services)
	if err != nil {
		return nil, err
	}
	defer source.close()
	if err := os.WriteFile(filepath.Join(b.dir, "catalogue.zone"), catalogueZone(services), 0o600); err != nil {
		return nil, err
	}
	c := &catalogued{services: services}
	begin := time.Now()
	srv, err := b.startServer(ctx, fmt.Sprintf("ballast catalogue.zone {\n control off\n startup_timeout 1m\n consul %s\n}", source.addr()))
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	if err := srv.answersAll(ctx, services); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, srv.log)
	}
	c.start = time.Since(begin).Seconds()
	cpu, err := cpuTime(srv.Pid())
	if err != nil {
		return nil, err
	}
	c.startCPU = cpu.Seconds()
	if c.idle, err = b.atRest(ctx, srv); err != nil {
		return nil, err
	}
	if c.change, err = b.changeEach(ctx, srv, source, c.idle); err != nil {
		return nil, err
	}
	c.memory, err = peakMemory(srv.Pid())
	return c, err
}

// catalogueZone has an LB name for each service. The question of the other
// measurements tells when it serves.
func catalogueZone(services int) []byte {
	var z strings.Builder
	z.WriteString(zoneHead + "www IN A 192.0.2.1\n")
	for i := range services {
		fmt.Fprintf(&z, "n%d IN LB consul s%d ramp=0\n", i, i)
	}
	return []byte(z.String())
}

// answersAll asks for each name, and again for those that have no answer yet.
func (s *server) answersAll(ctx context.Context, services int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	co := &dns.Conn{Conn: conn, UDPSize: 1232}
	for i := 0; i < services; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("n%d has no answer: %w", i, err)
		}
		m := new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.%s", i, origin), dns.TypeA)
		reply, _, err := new(dns.Client).ExchangeWithConnContext(ctx, m, co)
		if err == nil && len(reply.Answer) > 0 {
			i++
			continue
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// atRest is the share of a core that the process takes while nothing happens.
func (b *bench) atRest(ctx context.Context, srv *server) (float64, error) {
	before, err := cpuTime(srv.Pid())
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	select {
	case <-time.After(b.rest):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	after, err := cpuTime(srv.Pid())
	return float64(after-before) / float64(time.Since(begin)), err
}

// changeEach changes each service once and gives the processor time of a change
// beyond what the process takes at rest.
func (b *bench) changeEach(ctx context.Context, srv *server, source *synthetic, idle float64) (float64, error) {
	before, err := cpuTime(srv.Pid())
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	for i := range source.services() {
		source.change(i)
	}
	if err := source.settled(ctx); err != nil {
		return 0, err
	}
	after, err := cpuTime(srv.Pid())
	extra := float64(after-before) - idle*float64(time.Since(begin))
	return max(0, extra/float64(source.services())/float64(time.Microsecond)), err
}
