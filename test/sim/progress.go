package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// showProgress tells how many worlds are done, on a terminal in one line that
// changes, elsewhere in a line now and then, until ctx ends.
func showProgress(ctx context.Context, done *atomic.Int64, total int) {
	every, end := 20*time.Second, "\n"
	if term.IsTerminal(int(os.Stderr.Fd())) {
		every, end = time.Second, "\r"
		defer fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for start := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			n := done.Load()
			left := "?"
			if n > 0 {
				left = (now.Sub(start) * time.Duration(int64(total)-n) / time.Duration(n)).Round(time.Second).String()
			}
			fmt.Fprintf(os.Stderr, "%d of %d worlds, about %s left %s", n, total, left, end)
		}
	}
}
