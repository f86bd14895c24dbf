package consul

import "time"

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// backoff is the time before the next try after so many failures in a row
// (1, 2, ...): doubled each time up to lastRetry, then shortened by up to half
// of itself as jitter, within [0, 1), says.
func backoff(failures int, jitter float64) time.Duration {
	d := lastRetry
	if shift := max(failures, 1) - 1; shift < 6 {
		d = min(firstRetry<<shift, lastRetry)
	}
	return d - time.Duration(jitter*float64(d)/2)
}
