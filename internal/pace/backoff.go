package pace

import "time"

// Backoff spaces attempts that fail: twice as long each time, with half of it
// at random so that those who lost the same peer do not return as one.
type Backoff struct {
	First, Most time.Duration // wait after the first failure, and at most

	failures int
	until    time.Time
}

// Fail notes a failure at now and returns the time to wait, of which half is
// certain and half by random in [0, 1).
func (b *Backoff) Fail(now time.Time, random float64) time.Duration {
	d := b.First
	for range b.failures {
		if d = min(2*d, b.Most); d == b.Most {
			break
		}
	}
	b.failures++
	d = d/2 + time.Duration(random*float64(d/2))
	b.until = now.Add(d)
	return d
}

// Until is before when not to try; zero without a failure.
func (b *Backoff) Until() time.Time { return b.until }

// Reset notes a success.
func (b *Backoff) Reset() { b.failures, b.until = 0, time.Time{} }

// Jitter is d times 1-share..1+share, by random in [0, 1).
func Jitter(d time.Duration, share, random float64) time.Duration {
	return time.Duration(float64(d) * (1 + share*(2*random-1)))
}
