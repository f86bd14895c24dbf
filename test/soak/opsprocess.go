package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"
)

// processLane loads Corefiles anew, and ends and starts the process.
func (s *stage) processLane() lane {
	l := lane{name: "process", every: s.pace(7 * time.Second), ops: []op{
		{name: "SIGUSR1", share: 16, do: s.reload},
		{name: "SIGUSR1 with a broken Corefile", share: 4, fault: true, do: s.brokenReload},
		{name: "SIGTERM and start", share: 5, do: s.restart(false)},
		{name: "kill -9 and start", share: 4, fault: true, do: s.restart(true)},
	}}
	l.ops = append(l.ops, s.outageOps()...)
	return l
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
