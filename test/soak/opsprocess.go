package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// processLane loads Corefiles anew, and ends and starts the process.
func (s *stage) processLane() lane {
	return lane{name: "process", every: s.pace(7 * time.Second), ops: []op{
		{name: "SIGUSR1", share: 8, do: s.reload},
		{name: "SIGUSR1 with a broken Corefile", share: 2, fault: true, do: s.brokenReload},
		{name: "SIGTERM and start", share: 3, do: s.restart},
		{name: "kill -9 and start", share: 2, fault: true, do: s.crash},
	}}
}

const (
	reloadLimit = 15 * time.Second
	stopLimit   = 10 * time.Second
)

// reload has another Corefile loaded.
func (s *stage) reload(_ context.Context, r *rand.Rand, note func(string, ...any) func()) error {
	s.files.Lock()
	defer s.files.Unlock()
	s.variant = r.IntN(corefileVariants)
	defer note("variant %d", s.variant)()
	if err := os.WriteFile(s.process.corefile, []byte(s.corefile()), 0o644); err != nil {
		return err
	}
	return s.sigusr1(logReloaded)
}

// brokenReload has a Corefile loaded that cannot be used. The old one goes on.
func (s *stage) brokenReload(_ context.Context, r *rand.Rand, note func(string, ...any) func()) error {
	s.files.Lock()
	defer s.files.Unlock()
	broken := []string{
		"example.org:" + s.port() + " {\n  whoami\n",                       // cut off: behind the end of a block nobody misses the next one
		s.corefile() + "example.com:53 {\n  bind 192.0.2.1\n  whoami\n}\n", // no address of ours
		s.corefile() + "example.com:" + s.port() + " {\n  ballast no.zone\n}\n",
		"example.org:" + s.port() + " {\n  balast zone\n}\n",
	}
	n := r.IntN(len(broken))
	defer note("mistake %d", n)()
	if err := os.WriteFile(s.process.corefile, []byte(broken[n]), 0o644); err != nil {
		return err
	}
	err := s.sigusr1(logNoReload)
	return firstOf(err, os.WriteFile(s.process.corefile, []byte(s.corefile()), 0o644))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// sigusr1 signals, and waits until the log tells what became of it.
func (s *stage) sigusr1(outcome string) error {
	said := s.process.log.count(outcome)
	if err := s.process.signal(syscall.SIGUSR1); err != nil {
		return err
	}
	if !s.within(reloadLimit, func() bool { return s.process.log.count(outcome) > said }) {
		s.examiner.fault(unnoticed, "no %q in the log %v after SIGUSR1; its end:\n%s", outcome, reloadLimit, s.process.log.tail())
	}
	return nil
}

// restart ends the process as an operator would, and starts it again. What comes
// before the lame duck's end must be answered.
func (s *stage) restart(_ context.Context, _ *rand.Rand, note func(string, ...any) func()) error {
	return s.away(note, func() error {
		s.model.Down(s.clock.now() + lameduck)
		if err := s.process.signal(syscall.SIGTERM); err != nil {
			return err
		}
		state, err := s.process.wait(stopLimit)
		if err != nil {
			return err
		}
		if !state.Success() {
			s.examiner.fault(badEnd, "coredns ended with %v on SIGTERM", state)
		}
		return nil
	})
}

// badEnd is what is wrong if the process ends as it should not.
const badEnd oracle.Kind = "bad end"

// crash kills the process, and starts it again.
func (s *stage) crash(_ context.Context, _ *rand.Rand, note func(string, ...any) func()) error {
	return s.away(note, func() error {
		s.model.Down(s.clock.now())
		if err := s.process.signal(syscall.SIGKILL); err != nil {
			return err
		}
		_, err := s.process.wait(stopLimit)
		return err
	})
}

// away ends the process in some way and starts it again, while Consul is well and
// nobody gives orders.
func (s *stage) away(note func(string, ...any) func(), end func() error) error {
	s.faults.Lock()
	defer s.faults.Unlock()
	s.files.Lock()
	defer s.files.Unlock()
	s.alive.Lock()
	defer s.alive.Unlock()
	defer note("")()
	if err := end(); err != nil {
		return err
	}
	return s.startProcess()
}

// startProcess starts coredns, which knows nothing of before.
func (s *stage) startProcess() error {
	s.model.Start(s.clock.now())
	s.model.BeginDrains(s.clock.now(), oracle.Drains{})
	if err := s.process.start(s.always); err != nil {
		return err
	}
	s.model.Up(s.clock.now())
	s.model.DoneDrains(s.clock.now())
	return nil
}

// watch tells when the process ends by itself.
func (s *stage) watch(ctx context.Context) error {
	for {
		l := s.process.current()
		if l == nil {
			sleep(ctx, 10*time.Millisecond)
			if ctx.Err() != nil {
				return nil
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.Ended():
		}
		if !l.asked.Load() {
			s.examiner.fault(badEnd, "coredns ended by itself: %v", l.State())
			return fmt.Errorf("coredns ended by itself: %v; the end of its log:\n%s", l.State(), s.process.log.tail())
		}
		sleep(ctx, 10*time.Millisecond)
	}
}
