//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/test/bench/figures"
)

// perConnection are the maps whose size goes with the number of connections.
var perConnection = []string{"conns", "flows", "released", "openings"}

// memory weighs the maps, for the default size and the largest.
func (b *bench) memory(_ context.Context, r *figures.Report) error {
	for _, connections := range []int{0, b.largest} {
		if err := b.weigh(connections, r); err != nil {
			return err
		}
	}
	r.Notes = append(r.Notes, "Memory is what the kernel accounts to the maps; all of it is taken at the start.")
	return nil
}

// weigh weighs the maps for a number of connections; 0 is the default.
func (b *bench) weigh(connections int, r *figures.Report) error {
	if available, err := memAvailable(); err != nil || available < int64(connections)*perConnectionGuess*2 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d connections were not tried: too little memory is free.", connections))
		return err
	}
	b.say("memory for connections")
	return withPlane(dataplane.Options{Connections: connections}, func(p *dataplane.Plane, dir string) error {
		sizes, err := mapSizes(dir)
		if err != nil {
			return err
		}
		room, _ := p.Capacity()
		r.Rows = append(r.Rows, memoryRow(int(room), connections == 0, sizes))
		if connections != 0 {
			return nil
		}
		stats, err := p.ProgramStats()
		if err != nil {
			return err
		}
		r.Rows = append(r.Rows, figures.Row{Measure: "program", Subject: "steps of the verifier", Value: figures.Of([]float64{float64(stats.Verified)}),
			Note: fmt.Sprintf("%d bytes of machine code", stats.Jited)})
		return nil
	})
}

// perConnectionGuess is more than a connection takes, in bytes.
const perConnectionGuess = 640

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

func memoryRow(connections int, usual bool, sizes map[string]int64) figures.Row {
	var all, own int64
	for _, n := range sizes {
		all += n
	}
	var parts []string
	for _, name := range perConnection {
		own += sizes[name]
		parts = append(parts, fmt.Sprintf("%s %s", name, figures.Figure(float64(sizes[name])/float64(connections))))
	}
	subject := fmt.Sprintf("%d connections, the most", connections)
	if usual {
		subject = fmt.Sprintf("%d connections, the default", connections)
	}
	return figures.Row{Measure: "memory for each connection", Subject: subject, Unit: "bytes",
		Value: figures.Of([]float64{float64(own) / float64(connections)}),
		Note:  fmt.Sprintf("%s; all maps %s MB", strings.Join(parts, ", "), figures.Figure(float64(all)/1e6))}
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
