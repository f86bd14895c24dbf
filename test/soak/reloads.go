package main

import (
	"context"
	"os"
)

// reloadOften has the Corefile loaded so many times under load, one right after
// the other.
func (s *stage) reloadOften(ctx context.Context, res *result) error {
	began, asked := s.clock.now(), s.tally.asked.Load()
	for i := range s.settings.reloads {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.variant = i % corefileVariants
		end := s.journal.begin(false, "SIGUSR1", "")
		if err := os.WriteFile(s.process.corefile, []byte(s.corefile()), 0o644); err != nil {
			return err
		}
		if err := s.sigusr1(logReloaded); err != nil {
			return err
		}
		end()
	}
	took := (s.clock.now() - began).Seconds()
	res.ReloadSeconds, res.ReloadQPS = took, float64(s.tally.asked.Load()-asked)/took
	return nil
}
