package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// drainLane orders drains, as operators do.
func (s *stage) drainLane() lane {
	return lane{name: "operators", every: s.pace(1500 * time.Millisecond), ops: []op{
		{name: "drain", share: 4, do: s.drain(s.byControl)},
		{name: "drain by ballastctl", share: 1, do: s.drain(s.byCommand)},
		{name: "undrain", share: 4, do: s.undrain(s.byControl)},
		{name: "undrain by ballastctl", share: 1, do: s.undrain(s.byCommand)},
	}}
}

// maxDrains is how many servers are drained at once.
const maxDrains = 6

// order tells the name server to drain a server, or to end that.
type order func(id string, drain bool) error

func (s *stage) byControl(id string, drain bool) (err error) {
	ctx, cancel := context.WithTimeout(s.always, 10*time.Second)
	defer cancel()
	if drain {
		_, err = s.control.SetOverride(ctx, control.Override{Server: id, Drain: true, By: "soak"})
		return err
	}
	_, err = s.control.ClearOverride(ctx, id, "")
	return err
}

func (s *stage) byCommand(id string, drain bool) error {
	verb := "undrain"
	if drain {
		verb = "drain"
	}
	out, err := exec.Command(s.settings.program("ballastctl"), "--socket", s.socket, verb, id).CombinedOutput()
	// It fails as well where the order stands but changes nothing: no server is
	// there, or none but those that are drained.
	stands := strings.Contains(string(out), "matches 0 servers") || strings.Contains(string(out), "in answers all the same")
	if err != nil && !stands {
		return fmt.Errorf("ballastctl %s %s: %w: %s", verb, id, err, out)
	}
	return nil
}

func (s *stage) drain(do order) func(context.Context, *rand.Rand, func(string, ...any) func()) error {
	return func(_ context.Context, r *rand.Rand, note func(string, ...any) func()) error {
		source := s.sources[r.IntN(len(s.sources))]
		pool := s.model.Pool(source)
		if len(pool) == 0 {
			return nil
		}
		id := pick(r, pool).ID
		s.alive.RLock() // an order to a process that ends is lost with it
		defer s.alive.RUnlock()
		drained := s.model.Drained()
		if len(drained) >= maxDrains || drained[id] {
			return nil
		}
		next := maps.Clone(drained)
		next[id] = true
		defer note("%s", id)()
		return s.order(do, id, true, next)
	}
}

func (s *stage) undrain(do order) func(context.Context, *rand.Rand, func(string, ...any) func()) error {
	return func(_ context.Context, r *rand.Rand, note func(string, ...any) func()) error {
		s.alive.RLock()
		defer s.alive.RUnlock()
		drained := s.model.Drained()
		if len(drained) == 0 {
			return nil
		}
		ids := slices.Sorted(maps.Keys(drained))
		id := ids[r.IntN(len(ids))]
		next := maps.Clone(drained)
		delete(next, id)
		defer note("%s", id)()
		return s.order(do, id, false, next)
	}
}

// order gives an order. It must be taken, also while a Corefile is loaded anew.
func (s *stage) order(do order, id string, drain bool, next oracle.Drains) error {
	s.model.BeginDrains(s.clock.now(), next)
	if err := do(id, drain); err != nil {
		s.examiner.fault(refusedOrder, "the order to drain (%t) %s was not taken: %v", drain, id, err)
		if err := do(id, drain); err != nil {
			return err
		}
	}
	s.model.DoneDrains(s.clock.now())
	return nil
}

// refusedOrder is what is wrong if the control socket does not take an order.
const refusedOrder oracle.Kind = "order refused"
