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
	if err := quiet(c.old, u.new.len, p.set.maps["openings"].MaxEntries()); err != nil {
		return err
	}
	if err := p.hand(c, u); err != nil {
		return fmt.Errorf("take over from the maps before: %w", err)
	}
	return promote(p.dir)
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
		{"conns", u.first},
		{"conns", u.share},
		{"gauges", u.reserve},
		{"", p.swap},
		{"", settled},
		{"", counts.add},
		{"conns", u.second},
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

// quiet stops garbage collection, whose timer is not started again when its
// period is 0, and lets the program use no more of the tables than the new ones
// have.
func quiet(s *set, conns, openings uint32) error {
	config, err := mapBytes(s.maps["config"])
	if err != nil {
		return err
	}
	defer config.close()
	var v bpf.Settings
	copyWords(wordsOf(&v), config.words(0))
	every := time.Duration(v.GcEvery)
	v.GcEvery, v.Conns, v.Openings = 0, min(v.Conns, conns), min(v.Openings, openings)
	copyWords(config.words(0), wordsOf(&v))
	time.Sleep(min(every+every/2, time.Second)) // the last step is over
	return nil
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
