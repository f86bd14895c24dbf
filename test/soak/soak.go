package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// soak does it: operations for as long as was said, some seconds of rest so that
// all that was done must have been seen, and the end.
func soak(ctx context.Context, o settings, out io.Writer) (*result, error) {
	s, err := newStage(ctx, o, out)
	if err != nil {
		return nil, err
	}
	defer s.close()
	fmt.Fprintf(out, "seed %d; coredns on %s, its files in %s\n", o.seed, s.process.addr, s.dir)
	res := &result{Seed: o.seed}
	g, ctx := errgroup.WithContext(ctx)
	asking, stopAsking := context.WithCancel(ctx)
	defer stopAsking()
	g.Go(func() error { return s.ask(asking) })
	g.Go(func() error { return s.watch(asking) })
	g.Go(func() error { s.tend(asking); return nil })
	g.Go(func() error { s.examiner.stalls.watch(asking); return nil })
	g.Go(func() error { s.progress(asking, os.Stderr); return nil })
	g.Go(func() error {
		defer stopAsking()
		return s.play(ctx, res)
	})
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return s.conclude(res)
}

// play runs the lanes, between two measurements at rest.
func (s *stage) play(ctx context.Context, res *result) (err error) {
	sleep(ctx, s.settings.rest)
	if res.Begin, err = s.measure(); err != nil {
		return err
	}
	if s.settings.reloads > 0 {
		err = s.reloadOften(ctx, res)
	} else {
		err = s.lanes(ctx)
	}
	if err != nil {
		return err
	}
	sleep(ctx, s.settings.rest)
	res.Seconds = s.clock.now().Seconds()
	if s.process.current() == nil {
		return nil
	}
	if res.End, err = s.measure(); err == nil && res.leaks() {
		s.examiner.fault("leak", "from %+v to %+v; its goroutines:\n%s", res.Begin, res.End, s.stacks())
	}
	return err
}

// lanes does operations in all lanes for as long as was said.
func (s *stage) lanes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.settings.duration)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	for i, l := range []lane{s.consulLane(), s.faultLane(), s.probeLane(), s.drainLane(), s.zoneLane(), s.processLane(), s.stateLane()} {
		g.Go(func() error { return l.run(ctx, s.journal, rand.New(rand.NewPCG(s.settings.seed, uint64(i)))) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.heal()
}

// heal ends what is still wrong with probed servers.
func (s *stage) heal() error {
	for _, src := range s.probed {
		moods := map[string]mood{}
		for id := range src.backends {
			moods[id] = well
		}
		if err := s.setMoods(src, moods); err != nil {
			return err
		}
	}
	return nil
}

// tend forgets what is too old to matter.
func (s *stage) tend(ctx context.Context) {
	for ctx.Err() == nil {
		sleep(ctx, 20*time.Second)
		s.model.Forget(s.clock.now() - 5*time.Minute)
	}
}

// conclude ends the process, and sums up.
func (s *stage) conclude(res *result) (*result, error) {
	s.model.Down(s.clock.now())
	if err := s.process.signal(15); err != nil {
		return nil, err
	}
	state, err := s.process.wait(stopLimit)
	if err != nil {
		return nil, err
	}
	if !state.Success() {
		s.examiner.fault(badEnd, "coredns ended with %v on SIGTERM", state)
	}
	s.sum(res)
	return res, nil
}
