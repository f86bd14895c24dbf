//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/test/bench/figures"
	"github.com/ballast-lb/ballast/test/lab"
)

const bulkPort = 5201

var connectPorts = []int{7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007}

// connects are the loads of short connections.
func connects() (all []connecting) {
	for _, reset := range []bool{true, false} {
		for _, threads := range []int{1, 8} {
			all = append(all, connecting{Threads: threads, Reset: reset, Ports: connectPorts})
		}
	}
	return all
}

// rates are what the ways gave in each round, by the name of the way.
type rates map[string][]float64

// through measures ways to one server beside one another.
func (b *bench) through(ctx context.Context, r *figures.Report) error {
	sender := newBulk()
	acceptors := map[*lab.Lab]int{}
	serve := func(l *lab.Lab) (func(), error) {
		cmd, err := helper(ctx, l.Servers[0].Node, append([]string{"accept"}, words(connectPorts)...)...)
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil { // it ends with the lab
			return nil, err
		}
		acceptors[l] = cmd.Process.Pid
		return sender.serve(ctx, l.Servers[0].Node, bulkPort)
	}
	ports := append([]int{bulkPort}, connectPorts...)
	return b.withWays(ctx, []string{plain, ballast, nftables, haproxy}, 1, ports, serve, func(ways []*way) error {
		rows, err := b.transfers(ctx, sender, ways)
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, rows...)
		for _, c := range connects() {
			rows, err := b.connects(ctx, c, ways, acceptors)
			if err != nil {
				return err
			}
			r.Rows = append(r.Rows, rows...)
		}
		r.Notes = append(r.Notes, b.throughNotes(sender))
		return nil
	})
}

// transfers measures one long connection by all ways.
func (b *bench) transfers(ctx context.Context, sender bulk, ways []*way) ([]figures.Row, error) {
	const measure = "bulk TCP, one connection"
	bits, cpu := rates{}, rates{}
	err := b.inTurn(ctx, b.rounds, measure+", by "+sender.String(), ways, func(w *way) (float64, error) {
		before, started := cpuOf(w.pid), time.Now()
		t, err := sender.send(ctx, w.lab.Client, netip.AddrPortFrom(w.target, bulkPort), b.bulkFor)
		t.cpu += perGB((cpuOf(w.pid)-before).Seconds()/time.Since(started).Seconds(), t.bits)
		cpu[w.name] = append(cpu[w.name], t.cpu)
		return t.bits, err
	}, bits)
	return append(bits.rows(measure, "Gbit/s", 1e-9, 0.95, 1), cpu.counted().rows(measure+": CPU", "ms/GB", 1, 0, 0)...), err
}

// counted leaves out the first round.
func (all rates) counted() rates {
	counted := rates{}
	for name, values := range all {
		counted[name] = values[min(1, len(values)):]
	}
	return counted
}

// connects measures short connections by all ways, and what processors they
// take: of the client, the server's process and the way's program.
func (b *bench) connects(ctx context.Context, c connecting, ways []*way, acceptors map[*lab.Lab]int) ([]figures.Row, error) {
	opened, cpu := rates{}, rates{}
	err := b.inTurn(ctx, b.connectRounds, c.String(), ways, func(w *way) (float64, error) {
		c.To, c.For = w.target, b.connectFor
		others := []int{acceptors[w.lab], w.pid}
		before := cpuOf(others...)
		result, err := c.run(ctx, w.lab.Client)
		if err != nil {
			return 0, err
		}
		spent := result.CPU + cpuOf(others...) - before
		cpu[w.name] = append(cpu[w.name], float64(spent)/float64(time.Microsecond)/float64(result.Opened))
		return float64(result.Opened) / result.Elapsed.Seconds(), nil
	}, opened)
	return append(opened.rows(c.String(), "each s", 1, 0, 1.15), cpu.counted().rows(c.String()+": CPU", "µs", 1, 0, 0)...), err
}

// words writes numbers as arguments of a program.
func words(numbers []int) (all []string) {
	for _, n := range numbers {
		all = append(all, strconv.Itoa(n))
	}
	return all
}

func (b *bench) throughNotes(sender bulk) string {
	return fmt.Sprintf("Through network namespaces: client, director and one server by veth pairs and a bridge, all by turns, "+
		"%d rounds of bulk by %s for %v, %d of connections for %v to %d ports with %d accepting threads each; ratios are medians of the rounds' ratios. "+
		"HAProxy terminates: it takes a connection before a server has. "+
		"CPU is that of both ends' processes, in which most packets in between are handled as well, and of the way's program: other work on the machine disturbs it less than the rates.",
		b.rounds, sender, b.bulkFor, b.connectRounds, b.connectFor, len(connectPorts), acceptLoops)
}

// inTurn measures all ways round by round, each round beginning with another.
// The first is not counted: neighbours are unknown and caches cold.
func (b *bench) inTurn(ctx context.Context, rounds int, what string, ways []*way, measure func(*way) (float64, error), into rates) error {
	for round := range rounds + 1 {
		if round <= 1 || round == rounds {
			b.say("%s: round %d of %d", what, round, rounds)
		}
		for i := range ways {
			w := ways[(i+round)%len(ways)]
			if w.forget != nil {
				if err := w.forget(); err != nil {
					return fmt.Errorf("%s: forget connections: %w", w.name, err)
				}
			}
			value, err := measure(w)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", what, w.name, err)
			}
			if round > 0 {
				into[w.name] = append(into[w.name], value)
			}
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

// pause lets what a measurement left come to an end.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// rows compare ballast with the others, and these with plain routing. Goals
// are ratios to plain routing and to nftables; 0 is none.
func (all rates) rows(measure, unit string, scale, ofPlain, ofNftables float64) []figures.Row {
	limits := map[string]float64{plain: ofPlain, nftables: ofNftables}
	var rows []figures.Row
	for _, pair := range [][2]string{{ballast, plain}, {ballast, nftables}, {ballast, haproxy}, {nftables, plain}, {haproxy, plain}} {
		of, to := all[pair[0]], all[pair[1]]
		if of == nil || to == nil {
			continue
		}
		ratio := figures.Of(figures.Ratios(of, to))
		row := figures.Row{Measure: measure, Subject: pair[0], Unit: unit, Value: scaled(figures.Of(of), scale),
			Against: fmt.Sprintf("%s: %s %s", pair[1], figures.Figure(figures.Of(to).Median*scale), unit), Ratio: &ratio}
		if limit := limits[pair[1]]; limit > 0 && pair[0] == ballast {
			row.Goal = figures.AtLeast("ratio", ratio.Median, limit, "")
		}
		rows = append(rows, row)
	}
	return rows
}

func scaled(s figures.Spread, by float64) figures.Spread {
	return figures.Spread{Median: s.Median * by, Min: s.Min * by, Max: s.Max * by}
}
