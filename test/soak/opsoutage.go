package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/control"
)

// outage is a time in which nothing comes from Consul.
type outage struct {
	lasts bool
	from  time.Duration
	moved bool // the process takes its pools for older or younger than they are
}

// ways are those in which Consul goes, and comes back. A process must notice at
// once that nobody answers, and after its timeout that somebody is silent.
var ways = []struct {
	name   string
	notice time.Duration
	fault  consultest.Fault // nil: Consul is killed
}{
	{"reset", 2 * time.Second, consultest.Reset()},
	{"black hole", 9 * time.Second, consultest.BlackHole()},
	{"Consul killed", 2 * time.Second, nil},
}

// outageOps are starts while Consul is away, and such that find their state damaged,
// with Consul well or away.
func (s *stage) outageOps() []op {
	ops := []op{
		{name: "SIGTERM and start while Consul is away", share: 4, fault: true, do: s.restartInOutage(false)},
		{name: "kill -9 and start while Consul is away", share: 4, fault: true, do: s.restartInOutage(true)},
		{name: "start with an empty state directory", share: 1, fault: true, do: s.restartWith(func(_ *rand.Rand, left *legacy) error {
			left.forget(poolsFile)
			left.forget(overridesFile)
			return s.state.remake()
		})},
	}
	for i := range damages {
		how := &damages[i]
		ops = append(ops, op{name: "start with state " + how.name, share: 1, fault: true, do: s.restartWith(func(r *rand.Rand, left *legacy) error {
			file := poolsFile
			if !how.whole && r.IntN(3) == 0 {
				file = overridesFile
			}
			done, err := s.state.harm(r, file, how)
			switch {
			case done && how.whole:
				left.memory.Aged, s.outage.moved = how.aged, true
			case done:
				left.forget(file)
			}
			return err
		})})
	}
	return ops
}

// restartInOutage has the process end and start again, once or twice, while Consul
// is away. In half of these outages the zone names no other sources meanwhile, so
// that the process must know them all.
func (s *stage) restartInOutage(kill bool) func(context.Context, *rand.Rand, func(string, ...any) func()) error {
	return func(ctx context.Context, r *rand.Rand, note func(string, ...any) func()) error {
		s.faults.Lock()
		defer s.faults.Unlock()
		turn := func() error { return s.away(kill, unnoted, nil) }
		if r.IntN(2) == 0 {
			s.files.Lock()
			defer s.files.Unlock()
			s.within(stillFor, func() bool { return s.confirmed() && s.model.Knows(s.clock.now()) })
			turn = func() error { return s.turn(kill, nil) }
		}
		return s.withoutConsul(ctx, r, note, func() error {
			for range 1 + r.IntN(2) {
				if err := turn(); err != nil {
					return err
				}
				sleep(ctx, s.pace(between(r, 2*time.Second, 16*time.Second)))
			}
			return nil
		})
	}
}

// stillFor is how long to wait at most until the process knows everything.
const stillFor = 8 * time.Second

// confirmed asks the process whether it has heard of all services since Consul was
// away the last time, and tells the model. What it says counts: later it may know
// nothing older.
func (s *stage) confirmed() bool {
	at, since := s.clock.now(), s.model.Troubled()
	status, err := s.status()
	if err != nil {
		return false
	}
	for _, src := range status.Sources {
		if strings.HasPrefix(src.Source, "consul ") && (src.Err != "" || s.clock.of(src.Confirmed) <= since) {
			return false
		}
	}
	s.model.Confirmed(at)
	return true
}

// unnoted is for what is a part of something that was noted.
func unnoted(string, ...any) func() { return func() {} }

// restartWith has the process find something else than it left.
func (s *stage) restartWith(harm func(*rand.Rand, *legacy) error) func(context.Context, *rand.Rand, func(string, ...any) func()) error {
	return func(ctx context.Context, r *rand.Rand, note func(string, ...any) func()) error {
		s.faults.Lock()
		defer s.faults.Unlock()
		kill, harm := r.IntN(2) == 0, func(left *legacy) error { return harm(r, left) }
		defer func() { s.outage.moved = false }()
		if r.IntN(2) == 0 {
			return s.away(kill, note, harm)
		}
		return s.withoutConsul(ctx, r, note, func() error {
			err := s.away(kill, unnoted, harm)
			sleep(ctx, s.pace(between(r, 2*time.Second, 10*time.Second)))
			return err
		})
	}
}

// withoutConsul does something while Consul is away. Others may change what stands
// in Consul, unless that was killed.
func (s *stage) withoutConsul(ctx context.Context, r *rand.Rand, note func(string, ...any) func(), do func() error) error {
	way := ways[r.IntN(len(ways))]
	s.within(stillFor, s.confirmed)
	defer note("%s", way.name)()
	s.model.BeginTrouble(s.clock.now())
	if s.proxy.Set(way.fault); way.fault == nil {
		s.consulUp.Lock()
		defer s.consulUp.Unlock()
		s.consul.Kill()
	}
	s.proxy.Cut()
	s.outage.lasts, s.outage.from = true, s.clock.now()
	s.model.BeginBlind(s.outage.from, time.Duration(float64(way.notice)*s.settings.slow))
	sleep(ctx, s.pace(between(r, 0, 6*time.Second)))
	err := do()
	s.outage.lasts = false
	s.model.EndBlind(s.clock.now())
	if s.proxy.Set(nil); way.fault == nil {
		err = firstOf(err, s.consul.Restart())
	}
	s.proxy.Cut() // what hangs in it would hang until it times out
	s.model.EndTrouble(s.clock.now(), s.settings.recovery)
	return err
}

// checkAges checks that the process says of pools that they are from before, and as
// old as they are.
func (s *stage) checkAges(sources []control.SourceStatus) {
	if !s.outage.lasts {
		return
	}
	gone := s.clock.now() - s.outage.from
	for _, src := range sources {
		if !strings.HasPrefix(src.Source, "consul ") {
			continue
		}
		if age := src.Age.Duration(); src.Snapshot.IsZero() || !s.outage.moved && age < gone-time.Second {
			s.examiner.fault(unkept, "%s says that it is %v old, from the snapshot of %v; Consul went %v ago", src.Source, age, src.Snapshot, gone)
		}
	}
}
