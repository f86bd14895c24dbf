package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ballast-lb/ballast/test/bench/figures"
)

const pluginPackage = "github.com/ballast-lb/ballast/plugin"

// alone runs the Go benchmarks of the plugin and reports them. Each run goes
// through all of them, so that a disturbance hits a single value of each.
func (b *bench) alone(ctx context.Context, r *figures.Report) error {
	b.say("building the benchmarks of %s", pluginPackage)
	binary := filepath.Join(b.dir, "plugin.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, pluginPackage).CombinedOutput(); err != nil {
		return fmt.Errorf("build the benchmarks of %s: %w\n%s", pluginPackage, err, out)
	}
	one, all := costs{}, costs{}
	for i := range b.runs {
		b.say("ServeDNS and draws alone: run %d of %d", i+1, b.runs)
		if err := b.goBench(ctx, one, binary, "ServeDNS|Draw|Keys", 1); err != nil {
			return err
		}
		if err := b.goBench(ctx, all, binary, "Keys", runtime.NumCPU()); err != nil {
			return err
		}
	}
	rows, err := one.rows()
	if err != nil {
		return err
	}
	keys, err := keyRows(one, all)
	r.Rows = append(append(r.Rows, rows...), keys...)
	return err
}

// goBench runs the plugin's benchmarks of those names once, and adds what they
// cost.
func (b *bench) goBench(ctx context.Context, costs costs, binary, names string, cpus int) error {
	cmd := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench=^Benchmark("+names+")$",
		"-test.benchmem", fmt.Sprintf("-test.cpu=%d", cpus), "-test.benchtime="+b.benchtime)
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchmarks of %s: %w\n%s", pluginPackage, err, out)
	}
	return costs.read(bytes.NewReader(out))
}

// The benchmarks whose results are reported, and what to call them.
var (
	answerKinds = [][2]string{
		{"A", "A, 3 servers"}, {"AAAA", "AAAA, 3 servers"}, {"SRV", "SRV, 3 servers"},
		{"A_hash", "A, 3 servers, policy=hash"}, {"A_headroom", "A, 7 servers, policy=headroom"},
		{"A_1000", "A, 1000 servers"}, {"A_1000_hash", "A, 1000 servers, policy=hash"},
		{"A_1000_headroom", "A, 1000 servers, policy=headroom"},
	}
	drawKinds = [][2]string{
		{"weighted/3", "weighted, 3 members"}, {"weighted/16", "weighted, 16 members"},
		{"weighted/100", "weighted, 100 members"}, {"weighted/1000", "weighted, 1000 members"},
		{"hash/3", "hash, 3 members"}, {"hash/16", "hash, 16 members"},
		{"hash/100", "hash, 100 members"}, {"hash/1000", "hash, 1000 members"},
	}
)

// Ballast's own cost of an answer: what is left when that of building the
// reply is taken away.
const ownLimit = 1000 // ns

func (c costs) rows() ([]figures.Row, error) {
	var rows []figures.Row
	for _, kind := range answerKinds {
		served, err := c.get("ServeDNS/" + kind[0] + "/served")
		if err != nil {
			return nil, err
		}
		byHand, err := c.get("ServeDNS/" + kind[0] + "/by_hand")
		if err != nil {
			return nil, err
		}
		rows = append(rows, answerRow(kind[1], served, byHand))
	}
	file, err := c.staticRows()
	if err != nil {
		return nil, err
	}
	rows = append(rows, file...)
	for _, kind := range drawKinds {
		draw, err := c.get("Draw/" + kind[0])
		if err != nil {
			return nil, err
		}
		rows = append(rows, figures.Row{Measure: "draw alone", Subject: kind[1], Unit: "ns", Value: figures.Of(draw.ns),
			Note: allocations(draw.allocs)})
	}
	return rows, nil
}

// answerRow compares an answer with its reply.
func answerRow(subject string, served, byHand *cost) figures.Row {
	own := figures.Of(figures.Differences(served.ns, byHand.ns))
	ratio := figures.Of(figures.Ratios(served.ns, byHand.ns))
	goal := figures.AtMost("own", own.Median, ownLimit, "ns")
	extra := served.allocs - byHand.allocs
	goal.Text += fmt.Sprintf(", %d allocations of none", extra)
	goal.Met = goal.Met && extra <= 0
	return figures.Row{Measure: "ServeDNS alone", Subject: subject, Unit: "ns", Value: figures.Of(served.ns),
		Against: fmt.Sprintf("the reply by hand: %s ns", figures.Figure(figures.Of(byHand.ns).Median)),
		Ratio:   &ratio, Goal: goal, Note: allocations(served.allocs)}
}

// staticRows compares plain records through ballast and through file.
func (c costs) staticRows() ([]figures.Row, error) {
	static, err := c.get("ServeDNS/static/served")
	if err != nil {
		return nil, err
	}
	file, err := c.get("ServeDNS/file/served")
	if err != nil {
		return nil, err
	}
	steered, err := c.get("ServeDNS/A/served")
	if err != nil {
		return nil, err
	}
	against := fmt.Sprintf("file: %s ns", figures.Figure(figures.Of(file.ns).Median))
	row := func(subject string, of *cost) figures.Row {
		ratio := figures.Of(figures.Ratios(of.ns, file.ns))
		return figures.Row{Measure: "ServeDNS alone", Subject: subject, Unit: "ns", Value: figures.Of(of.ns),
			Against: against, Ratio: &ratio, Note: fmt.Sprintf("%s; file %d", allocations(of.allocs), file.allocs)}
	}
	return []figures.Row{row("A, 3 servers", steered), row("A, plain records", static)}, nil
}

func allocations(n int64) string {
	return strings.TrimSuffix(fmt.Sprintf("%d allocations", n), map[bool]string{true: "s"}[n == 1])
}
