//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/test/bench/figures"
)

// memory weighs the maps, for the default size and the largest.
func (b *bench) memory(_ context.Context, r *figures.Report) error {
	b.say("memory for connections")
	usual, err := weigh(0)
	if err != nil {
		return err
	}
	twice, err := weigh(2 * usual.connections)
	if err != nil {
		return err
	}
	growing := usual.growing(twice)
	r.Rows = append(r.Rows, usual.row("the default", growing), figures.Row{
		Measure: "program", Subject: "steps of the verifier", Value: figures.Of([]float64{float64(usual.program.Verified)}),
		Note: fmt.Sprintf("%d bytes of machine code", usual.program.Jited)})
	r.Notes = append(r.Notes, "Memory is what the kernel accounts to the maps; all of it is taken at the start.")
	needed := int64(usual.each(growing) * float64(b.largest) * 1.5)
	if free, err := memAvailable(); err != nil || free < needed {
		r.Notes = append(r.Notes, fmt.Sprintf("%d connections were not tried: less than %d MB of memory are free.", b.largest, needed/1e6))
		return err
	}
	most, err := weigh(b.largest)
	if err != nil {
		return err
	}
	r.Rows = append(r.Rows, most.row("the most", growing))
	return nil
}

// weight is what a datapath with room for connections takes.
type weight struct {
	connections int
	maps        map[string]int64 // bytes
	program     dataplane.ProgramStats
}

// weigh weighs a datapath with room for connections; 0 is the default.
func weigh(connections int) (w weight, err error) {
	err = withPlane(dataplane.Options{Connections: connections}, func(p *dataplane.Plane, dir string) (err error) {
		room, _ := p.Capacity()
		w.connections = int(room)
		if w.program, err = p.ProgramStats(); err != nil {
			return err
		}
		w.maps, err = mapSizes(dir)
		return err
	})
	return w, err
}

// growing are the maps that are larger in a larger datapath.
func (w weight) growing(larger weight) (names []string) {
	for name, size := range w.maps {
		if larger.maps[name] > size {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(w.maps[b], w.maps[a]), strings.Compare(a, b))
	})
	return names
}

// each is the bytes of maps for each connection.
func (w weight) each(names []string) float64 {
	var sum int64
	for _, name := range names {
		sum += w.maps[name]
	}
	return float64(sum) / float64(w.connections)
}

func (w weight) row(size string, growing []string) figures.Row {
	var parts []string
	for _, name := range growing {
		parts = append(parts, fmt.Sprintf("%s %s", name, figures.Figure(w.each([]string{name}))))
	}
	all := w.each(slices.Collect(maps.Keys(w.maps))) * float64(w.connections)
	return figures.Row{
		Measure: "memory for each connection", Subject: fmt.Sprintf("%d connections, %s", w.connections, size), Unit: "bytes",
		Value: figures.Of([]float64{w.each(growing)}),
		Note:  fmt.Sprintf("%s; all maps %s MB", strings.Join(parts, ", "), figures.Figure(all/1e6)),
	}
}

// mapSizes are the bytes of all maps pinned in a directory, by name.
func mapSizes(dir string) (map[string]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	for _, e := range entries {
		if e.Name() == "forward" { // the program
			continue
		}
		if sizes[e.Name()], err = mapBytes(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

// memAvailable is how much memory may be taken without swapping, in bytes.
func memAvailable() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	return available(string(text))
}

func available(meminfo string) (int64, error) {
	for line := range strings.Lines(meminfo) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "MemAvailable:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no MemAvailable in /proc/meminfo")
}
