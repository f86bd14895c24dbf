package dataplane

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// migrate makes a set with new maps current. At every step a crash leaves what
// recoverSets can go on from: the set next is complete before a link has its
// program, and current is exchanged for it when it lacks nothing any more.
func (p *Plane) migrate(c *change) (err error) {
	if err := p.set.pin(filepath.Join(p.dir, nextDir)); err != nil {
		return err
	}
	if len(c.old.maps) == 0 {
		return promote(p.dir)
	}
	p.log.Info("maps are replaced", "maps", c.renewed)
	u, err := newUnit(c.old, p.set, p.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.close()) }()
	restore, err := quiet(c.old, u.new.len, p.set.maps["openings"].MaxEntries())
	if err == nil {
		err = p.hand(c, u)
	}
	if err == nil {
		return promote(p.dir)
	}
	err = fmt.Errorf("take over from the maps before: %w", err)
	if restore != nil {
		err = errors.Join(err, recoverSets(p.dir, p.log), restore())
	}
	return err
}

// hand copies what there is, exchanges the programs, and copies the rest.
func (p *Plane) hand(c *change, u *unit) error {
	counts, err := copyCounts(c)
	if err != nil {
		return err
	}
	steps := []struct {
		of string // the map whose renewal needs the step; "": always
		do func() error
	}{
		{"", func() error { return copyMaps(c, 0) }},
		{"conns", u.prepare},
		{"conns", u.first},
		{"conns", u.share},
		{"gauges", u.reserve},
		{"", p.swap},
		{"conns", u.early},
		{"", settled},
		{"", counts.add},
		{"conns", u.second},
		{"conns", u.merged},
		{"conns", u.drain},
		{"", u.resume},
		{"", func() error { return copyMaps(c, ebpf.UpdateNoExist) }},
	}
	for _, s := range steps {
		if s.of != "" && !slices.Contains(c.renewed, s.of) {
			continue
		}
		if err := s.do(); err != nil {
			return err
		}
	}
	return nil
}

// copyMaps copies the maps that are neither counts nor part of a unit; with NOEXIST only hashes,
// and of them only what is missing.
func copyMaps(c *change, flags ebpf.MapUpdateFlags) error {
	for _, name := range c.renewed {
		from, to := c.old.maps[name], c.next.maps[name]
		if from == nil || unkept[name] || counters[name] != nil || slices.Contains(groups[0], name) {
			continue
		}
		hash := from.Type() == ebpf.Hash || from.Type() == ebpf.LRUHash
		if flags == ebpf.UpdateNoExist && !hash {
			continue
		}
		if err := copyMap(from, to, flags); err != nil {
			return err
		}
	}
	return nil
}

// never is longer than any difference of ticks.
const never = 1<<31 - 1

// quiet lets no connection end by time, so that garbage collection leaves the
// tables alone, and lets the program use no more of them than the new ones have.
// It gives what restores the time.
func quiet(s *set, conns, openings uint32) (restore func() error, err error) {
	config, err := mapBytes(s.maps["config"])
	if err != nil {
		return nil, err
	}
	defer config.close()
	var v bpf.Settings
	copyWords(wordsOf(&v), config.words(0))
	v.Conns, v.Openings = min(v.Conns, conns), min(v.Openings, openings)
	before := v
	for state := range v.Timeouts {
		v.Timeouts[state] = never
	}
	copyWords(config.words(0), wordsOf(&v))
	settle()
	return func() error {
		config, err := mapBytes(s.maps["config"])
		if err != nil {
			return err
		}
		copyWords(config.words(0), wordsOf(&before))
		return config.close()
	}, nil
}

// settle waits until no CPU runs a program that was replaced, or is still
// within what it did before. The kernel's membarrier waits for that with
// synchronize_rcu; where it does not offer that, time does.
func settle() {
	const global = 1 // MEMBARRIER_CMD_GLOBAL
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0); errno != 0 {
		time.Sleep(50 * time.Millisecond)
	}
}

func settled() error { settle(); return nil }

// sameMap tells whether both are one map of the kernel.
func sameMap(a, b *ebpf.Map) bool {
	id := func(m *ebpf.Map) ebpf.MapID {
		info, err := m.Info()
		if err != nil {
			return 0
		}
		id, _ := info.ID()
		return id
	}
	return id(a) != 0 && id(a) == id(b)
}
