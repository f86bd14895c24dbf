//go:build linux

package main

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
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
			all = append(all, connecting{threads: threads, reset: reset, ports: connectPorts})
		}
	}
	return all
}

// rates are what the ways gave in each round, by the name of the way.
type rates map[string][]float64

// through measures ways to one server beside one another.
func (b *bench) through(ctx context.Context, r *figures.Report) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	transfer := newBulk()
	serve := func(l *lab.Lab) (func(), error) {
		stopBulk, err := transfer.serve(ctx, l.Servers[0].Node, bulkPort)
		if err != nil {
			return nil, err
		}
		stopAccept, err := acceptAll(l.Servers[0].Node, connectPorts)
		if err != nil {
			stopBulk()
			return nil, err
		}
		return func() { stopBulk(); stopAccept() }, nil
	}
	ports := append([]int{bulkPort}, connectPorts...)
	return b.withWays(ctx, []string{plain, ballast, nftables, haproxy}, 1, ports, serve, func(ways []*way) error {
		bits := rates{}
		err := b.inTurn(ctx, b.rounds, "bulk TCP by "+transfer.String(), ways, func(w *way) (float64, error) {
			return transfer.send(ctx, w.lab.Client, netip.AddrPortFrom(w.target, bulkPort), b.bulkFor)
		}, bits)
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, bits.rows("bulk TCP, one connection", "Gbit/s", 1e-9, 0.95, 1)...)
		for _, c := range connects() {
			opened := rates{}
			if err := b.inTurn(ctx, b.connectRounds, c.String(), ways, func(w *way) (float64, error) {
				return c.run(w.lab.Client, w.target, b.connectFor)
			}, opened); err != nil {
				return err
			}
			r.Rows = append(r.Rows, opened.rows(c.String(), "each s", 1, 0, 1.15)...)
		}
		r.Notes = append(r.Notes, b.throughNotes(transfer))
		return nil
	})
}

func (b *bench) throughNotes(transfer bulk) string {
	return fmt.Sprintf("Through network namespaces: client, director and one server by veth pairs and a bridge, all by turns, "+
		"%d rounds of bulk by %s for %v, %d of connections for %v to %d ports with %d accepting threads each; ratios are medians of the rounds' ratios. "+
		"HAProxy terminates: it takes a connection before a server has.",
		b.rounds, transfer, b.bulkFor, b.connectRounds, b.connectFor, len(connectPorts), acceptLoops)
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
