// Package oracle knows what a name server may answer at each moment, and finds
// what is wrong with an answer. It is pure: what was done, asked and answered is
// told to it, with the time at which that was.
//
// Times are durations since the beginning. A change is not a moment: from when it
// was begun what it brings may be seen, and until it was done, and known to
// everybody, what it replaces. So for each question there is a stretch of time of
// which the answer's view may be: from a delay before it was asked (longer while
// the way to the facts is in trouble) until the answer came. A server may be
// answered if it may have been right at some time of that stretch, and must be
// counted on if it was right for all of it. What is judged wrong is wrong by every
// view that the name server can have had.
//
// A process that starts resumes what the one before had on disk: its view may be as
// old as that, and until Consul can be asked it is no newer than when that went
// away. One that finds nothing on disk knows nothing, and must say so.
package oracle

import "time"

// Limits are how long the name server may take to know of things.
type Limits struct {
	Consul   time.Duration // a change in Consul
	Probe    time.Duration // a change of a probed server
	Zone     time.Duration // a changed zone file
	Operator time.Duration // an order by the control socket
	Load     time.Duration // a load report, until the server is out or back
	Ages     time.Duration // what passes quickly, as loads do, until it is on disk
	Answer   time.Duration // a question; later it counts as lost
}

// Scaled are the limits for a machine that is so much slower.
func (l Limits) Scaled(by float64) Limits {
	scale := func(d time.Duration) time.Duration { return time.Duration(float64(d) * by) }
	return Limits{
		Consul: scale(l.Consul), Probe: scale(l.Probe), Zone: scale(l.Zone),
		Operator: scale(l.Operator), Load: scale(l.Load), Ages: scale(l.Ages), Answer: l.Answer,
	}
}
