package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// zoneLane changes the zone file, in good ways and in bad ones.
func (s *stage) zoneLane() lane {
	l := lane{name: "zone file", every: s.pace(4 * time.Second)}
	for _, w := range []struct {
		name  string
		share int
		write func(path, text string, r *rand.Rand) error
	}{
		{"zone renamed into place", 6, writeByRename},
		{"zone written in place", 4, writeInPlace},
		{"zone removed and put back", 1, writeAfterRemoval},
	} {
		l.ops = append(l.ops, op{name: w.name, share: w.share, do: func(_ context.Context, r *rand.Rand, note func(string, ...any) func()) error {
			s.files.Lock()
			defer s.files.Unlock()
			s.draft.change(r)
			return s.changeZone(r, w.write, note)
		}})
	}
	for _, b := range []struct {
		name string
		do   func(path, text string) error
	}{
		{"zone with a mistake", func(path, text string) error {
			return os.WriteFile(path, []byte(strings.Replace(text, "IN LB consul", "IN LB counsel", 1)), 0o644)
		}},
		{"zone truncated", func(path, text string) error { return os.Truncate(path, int64(len(text)-5)) }},
		{"zone emptied", func(path, _ string) error { return os.Truncate(path, 0) }},
		{"zone removed", func(path, _ string) error { return os.Remove(path) }},
		{"zone unreadable", func(path, _ string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return os.Mkdir(path, 0o700) // as root, no mode keeps one from reading
		}},
	} {
		l.ops = append(l.ops, op{name: b.name, share: 1, fault: true, do: s.breakZone(b.do)})
	}
	return l
}

// breakZone makes the zone file unusable for a while. What was served before stays
// the truth.
func (s *stage) breakZone(do func(path, text string) error) func(context.Context, *rand.Rand, func(string, ...any) func()) error {
	return func(ctx context.Context, r *rand.Rand, note func(string, ...any) func()) error {
		s.files.Lock() // nothing is started meanwhile: it could not
		defer s.files.Unlock()
		defer note("")()
		s.model.BeginBroken(s.clock.now())
		said := s.process.log.count(logZoneBroken)
		_, text := s.draft.zone()
		if err := do(s.zonePath, text); err != nil {
			return err
		}
		if !s.within(s.settings.limits.Zone, func() bool { return s.process.log.count(logZoneBroken) > said }) {
			s.examiner.fault(unnoticed, "nobody noticed that the zone file cannot be used")
		}
		sleep(ctx, between(r, 0, 3*time.Second))
		os.Remove(s.zonePath)
		err := s.changeZone(r, writeByRename, func(string, ...any) func() { return func() {} })
		s.model.EndBroken(s.clock.now())
		return err
	}
}

// unnoticed is what is wrong if a mistake is not told.
const unnoticed oracle.Kind = "unnoticed"

// changeZone writes the draft.
func (s *stage) changeZone(r *rand.Rand, write func(path, text string, r *rand.Rand) error, note func(string, ...any) func()) error {
	s.draft.serial++
	zone, text := s.draft.zone()
	defer note("serial %d, TTL %d, extra names %v", s.draft.serial, s.draft.ttl, s.draft.extra)()
	s.model.BeginZone(s.clock.now(), zone)
	if err := write(s.zonePath, text, r); err != nil {
		return err
	}
	s.model.DoneZone(s.clock.now())
	return nil
}

// change draws another zone.
func (d *draft) change(r *rand.Rand) {
	switch r.IntN(4) {
	case 0:
		d.ttl = []uint32{20, 30, longTTL}[r.IntN(3)]
	case 1:
		d.static = []uint32{60, 300, 3600}[r.IntN(3)]
	default:
		i := r.IntN(len(d.extra))
		d.extra[i] = !d.extra[i]
	}
}

func writeByRename(path, text string, _ *rand.Rand) error {
	next := filepath.Join(filepath.Dir(path), "next.zone")
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// writeInPlace writes the file as editors and scripts do: it is short for a
// moment, and then whole again. It is cut between two lines, so that what stands
// there meanwhile has no mistake.
func writeInPlace(path, text string, r *rand.Rand) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	cut := 1 + strings.LastIndex(text[:len(text)/3+r.IntN(len(text)/2)], "\n")
	if _, err := fmt.Fprint(f, text[:cut]); err != nil {
		return err
	}
	time.Sleep(between(r, 0, 150*time.Millisecond))
	_, err = fmt.Fprint(f, text[cut:])
	return err
}

func writeAfterRemoval(path, text string, r *rand.Rand) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	time.Sleep(between(r, 0, 800*time.Millisecond))
	return writeByRename(path, text, r)
}
