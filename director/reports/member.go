package reports

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// member is a server of the pool with what its agent says. It belongs to the
// loop's goroutine.
type member struct {
	addrs  []netip.Addr
	cancel context.CancelFunc // ends its poller
	nudge  chan struct{}      // asks at once
	gone   bool

	alive   bool      // as the source last said
	known   word      // what the source says
	told    word      // what the agent says
	seq     uint64    // of the last report
	heard   time.Time // when the agent last answered with a report
	warned  bool
	turned  time.Time // when warned last changed
	reason  string    // of the warning
	trouble string    // why the last question brought no report; empty if it did
	bad     bool      // there was an answer
}

// word is a load, and since when it has its boot id.
type word struct {
	load  pool.Load
	since time.Time
}

// say takes a newer load.
func (w *word) say(l pool.Load, now time.Time) {
	if l.Boot != w.load.Boot || w.since.IsZero() {
		w.since = now
	}
	w.load = l
}

// choose is the load that is believed: known by the source, or told by the
// agent, who was last heard at heard.
func choose(known, told word, heard time.Time, hold time.Duration) pool.Load {
	switch {
	case !told.load.Known():
		return known.load
	case !known.load.Known():
		return told.load
	case known.load.Boot != told.load.Boot && known.load.Boot != "" && told.load.Boot != "":
		if known.since.After(told.since) {
			return known.load
		}
	case known.load.At.Sub(heard) > hold:
		return known.load
	}
	return told.load
}

// merge is the server as the source knows it, with what its agent says.
func (m *member) merge(s pool.Server, hold time.Duration) pool.Server {
	s.Load = choose(m.known, m.told, m.heard, hold)
	if s.Health != pool.Passing && s.Health != pool.Unknown {
		return s
	}
	if m.turned.After(s.Since) {
		s.Since = m.turned
	}
	if m.warned {
		s.Health, s.Reason = pool.Warning, m.reason
	}
	return s
}

// news tells how much an outcome changed.
type news uint8

const (
	nothing  news = iota
	loadOnly      // can wait
	urgent
)

// take learns from an outcome.
func (m *member) take(o outcome, hold time.Duration) news {
	var bad badReport
	m.trouble, m.bad = "", errors.As(o.err, &bad)
	if o.err != nil {
		m.trouble = o.err.Error()
		if m.warned && o.at.Sub(m.heard) > hold {
			return m.warn(false, "", o.at)
		}
		return nothing
	}
	changed := m.learn(o.report, o.at)
	reason := "agent: " + o.report.Reason
	return max(changed, m.warn(o.report.Health == pool.Warning, reason, o.at))
}

// learn takes a report's load. A sample that was seen before is as old as it
// was.
func (m *member) learn(r pool.Report, now time.Time) news {
	m.heard = now
	last := m.told.load
	l := pool.Load{Value: r.Load, Connections: r.Connections, Boot: r.Boot, At: now}
	if last.Known() && r.Seq != 0 && r.Seq == m.seq && r.Boot == last.Boot {
		l.At = last.At
	}
	m.seq = r.Seq
	m.told.say(l, now)
	switch {
	case last.Known() && l.Boot != last.Boot:
		return urgent
	case !last.Known() || l.Value != last.Value || l.Connections != last.Connections:
		return loadOnly
	}
	return nothing
}

func (m *member) warn(warned bool, reason string, now time.Time) news {
	if warned == m.warned {
		return nothing // the reason of the beginning stays: it is no news
	}
	m.warned, m.reason, m.turned = warned, reason, now
	return urgent
}

// follow takes what the source says, and asks the agent at once if the server
// has returned.
func (m *member) follow(s pool.Server, now time.Time) {
	m.known.say(s.Load, now)
	if alive := s.Health.Alive(); alive != m.alive {
		if m.alive = alive; alive {
			select {
			case m.nudge <- struct{}{}:
			default:
			}
		}
	}
}

// same tells whether the member's poller asks the right addresses.
func (m *member) same(s pool.Server) bool { return slices.Equal(m.addrs, s.Addrs) }
