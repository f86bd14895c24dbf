package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"
)

// progress tells how far it is, on a terminal in one line that changes, elsewhere
// in a line now and then.
func (s *stage) progress(ctx context.Context, f *os.File) {
	every, end := time.Minute, "\n"
	if term.IsTerminal(int(f.Fd())) {
		every, end = time.Second, "\x1b[K\r"
		defer fmt.Fprint(f, "\r\x1b[K")
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			operations, faults := s.journal.counts()
			_, wrong := s.tally.wrongKinds()
			fmt.Fprintf(f, "%s  %d operations, %d faults, %d answers checked, %d lost while away, %d wrong%s",
				stamp(s.clock.now())[:5], total(operations), total(faults), s.tally.checked.Load(), s.tally.excused.Load(), wrong, end)
		}
	}
}
