//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/schedule"
	"github.com/ballast-lb/ballast/test/bench/figures"
	"golang.org/x/sys/unix"
)

// The goals, in nanoseconds of the median with the cost of the call.
const (
	establishedLimit = 300
	newLimit         = 800
)

// tableSize is how many connections the table of the packets has room for.
const tableSize = 1 << 19

// runCase is one kind of packet.
type runCase struct {
	subject string
	program int
	verdict uint32
	limit   float64
	next    func(n int) [][]byte // packets of a batch
	after   func() error         // once they were given

	durations []float64 // ns, of all runs
	medians   []float64 // of the batches
}

// testRuns gives packets to the program alone, without a network.
func (b *bench) testRuns(ctx context.Context, r *figures.Report) error {
	hour := dataplane.Timeouts{Opening: time.Hour, Established: time.Hour, Closing: time.Hour, Reset: time.Hour}
	return withPlane(dataplane.Options{Connections: tableSize, Reals: 8192, Timeouts: hour}, func(p *dataplane.Plane, dir string) error {
		forward, err := openPinned(filepath.Join(dir, "forward"))
		if err != nil {
			return err
		}
		defer unix.Close(forward)
		empty, err := loadEmpty()
		if err != nil {
			return err
		}
		defer unix.Close(empty)
		s := &packets{plane: p, forward: forward}
		b.say("packets in the datapath: opening %d connections", 2*b.flows)
		cases, err := s.cases(b.flows, empty)
		if err != nil {
			return err
		}
		for batch := range b.batches + 1 {
			if batch%20 == 1 {
				b.say("packets in the datapath: batch %d of %d, %d packets each of %d kinds", batch, b.batches, b.batch, len(cases))
			}
			for _, c := range cases {
				if err := s.batch(c, b.batch, batch == 0); err != nil {
					return fmt.Errorf("%s: %w", c.subject, err)
				}
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		r.Rows = append(r.Rows, runRows(cases)...)
		r.Notes = append(r.Notes, fmt.Sprintf("Packets in the datapath: BPF_PROG_TEST_RUN of the program on a fresh copy of the packet each time, "+
			"%d runs of each kind in batches of %d by turns; the range is that of the batches' medians. "+
			"The time is the kernel's, with what it takes to call any program; goals are for that sum. "+
			"It ends with the verdict: finding the neighbour and sending are not in it. The table has room for %d connections.",
			b.batches*b.batch, b.batch, tableSize))
		return nil
	})
}

// addCase adds a case of packets that are sent on.
type addCase func(limit float64, subject string, next func(n int) [][]byte, after func() error)

// cases are all kinds of packets, the empty program first.
func (s *packets) cases(flows, empty int) (all []*runCase, err error) {
	add := func(limit float64, subject string, next func(int) [][]byte, after func() error) {
		all = append(all, &runCase{subject: subject, program: s.forward, verdict: redirected, limit: limit, next: next, after: after})
	}
	for _, f := range families {
		if err := s.addEstablished(add, f, flows); err != nil {
			return nil, err
		}
		if err := s.addNew(add, f); err != nil {
			return nil, err
		}
	}
	idle := &runCase{subject: "none: the empty program", program: empty, next: all[0].next}
	return slices.Insert(all, 0, idle), nil
}

// addEstablished adds packets of connections that are open.
func (s *packets) addEstablished(add addCase, f family, n int) error {
	usual := pool{family: f, scheduler: schedule.KindWLC, servers: 3, port: 80}
	translated := pool{family: f, scheduler: schedule.KindWLC, servers: 3, port: 81, to: 8080}
	flows, err := s.establishMany(usual, n)
	if err != nil {
		return err
	}
	other, err := s.establishMany(translated, 1)
	if err != nil {
		return err
	}
	toServer, toClient := func(f flow) []byte { return f.toServer }, func(f flow) []byte { return f.toClient }
	name := "established, " + f.name + ", "
	many := fmt.Sprintf(", %d flows", n)
	add(establishedLimit, name+"client to server, 1 flow", inTurn(flows[:1], toServer), nil)
	add(establishedLimit, name+"client to server"+many, inTurn(flows, toServer), nil)
	add(establishedLimit, name+"server to client, 1 flow", inTurn(flows[:1], toClient), nil)
	add(establishedLimit, name+"server to client"+many, inTurn(flows, toClient), nil)
	add(establishedLimit, name+"client to another port of the server, 1 flow", inTurn(other, toServer), nil)
	return nil
}

// inTurn takes the flows' packets of one side, one after the other.
func inTurn(flows []flow, side func(flow) []byte) func(n int) [][]byte {
	at := 0
	return func(n int) [][]byte {
		frames := make([][]byte, n)
		for i := range frames {
			frames[i] = side(flows[at%len(flows)])
			at++
		}
		return frames
	}
}

// addNew adds SYNs of clients that were not seen before.
func (s *packets) addNew(add addCase, f family) error {
	var port uint16 = 90
	for _, servers := range []int{3, 1024} {
		for _, kind := range []schedule.Kind{schedule.KindWLC, schedule.KindMaglev} {
			p := pool{family: f, scheduler: kind, servers: servers, port: port}
			if err := p.put(s.plane); err != nil {
				return err
			}
			fresh := &newcomers{packets: s, pool: p}
			add(newLimit, fmt.Sprintf("new connection, %s, %v, %d servers", f.name, kind, servers), fresh.next, fresh.end)
			port++
		}
	}
	return nil
}

// newcomers are connections that have not been seen before.
type newcomers struct {
	*packets
	pool   pool
	client int // the next
	opened []bpftest.Packet
}

func (c *newcomers) next(n int) [][]byte {
	c.opened = c.opened[:0]
	frames := make([][]byte, n)
	for i := range frames {
		syn := synOf(c.pool, c.client)
		c.client++
		c.opened = append(c.opened, syn)
		frames[i] = syn.Bytes()
	}
	return frames
}

// end makes room for the next.
func (c *newcomers) end() error {
	for _, syn := range c.opened {
		if _, err := c.plane.End(syn.Tuple()); err != nil {
			return err
		}
	}
	return nil
}

// batch gives a case's packets. The first batch is not counted: caches are cold.
func (s *packets) batch(c *runCase, n int, warmUp bool) error {
	durations := make([]float64, 0, n)
	for _, frame := range c.next(n) {
		verdict, ns, err := s.run(c.program, frame)
		if err != nil {
			return err
		}
		if verdict != c.verdict {
			return fmt.Errorf("verdict %d, want %d", int32(verdict), c.verdict)
		}
		durations = append(durations, float64(ns))
	}
	if !warmUp {
		c.durations = append(c.durations, durations...)
		c.medians = append(c.medians, figures.Percentile(durations, 0.5))
	}
	if c.after != nil {
		return c.after()
	}
	return nil
}

// runRows compare all cases with the first.
func runRows(cases []*runCase) []figures.Row {
	call := figures.Percentile(cases[0].durations, 0.5)
	var rows []figures.Row
	for _, c := range cases {
		value := figures.Of(c.medians)
		value.Median = figures.Percentile(c.durations, 0.5)
		row := figures.Row{Measure: "packet in the datapath", Subject: c.subject, Unit: "ns", Value: value,
			Note: fmt.Sprintf("mean %s ns", figures.Figure(mean(c.durations)))}
		if c.limit > 0 {
			row.Goal = figures.AtMost("median", value.Median, c.limit, "ns")
			row.Against = fmt.Sprintf("empty program: %s ns", figures.Figure(call))
			row.Note += fmt.Sprintf("; net of the empty program %s ns", figures.Figure(value.Median-call))
		}
		rows = append(rows, row)
	}
	return rows
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(1, len(values)))
}
