package agent

import "time"

// backoff spaces attempts that fail: twice as long each time, with half of it
// at random so that agents which lost the same Consul do not return as one.
type backoff struct {
	first, most time.Duration
	failures    int
	until       time.Time // no attempt before
}

// fail notes a failure at now and returns the time to wait. random is in [0, 1).
func (b *backoff) fail(now time.Time, random float64) time.Duration {
	d := b.first
	for range b.failures {
		if d = min(2*d, b.most); d == b.most {
			break
		}
	}
	b.failures++
	d = d/2 + time.Duration(random*float64(d/2))
	b.until = now.Add(d)
	return d
}

func (b *backoff) reset() { b.failures, b.until = 0, time.Time{} }
