package oracle

import "time"

// sight is how far back the view of a source may be: its delay, and while the way
// to it is in trouble all the time since that began.
type sight struct {
	delay    time.Duration
	troubles []trouble
}

// trouble hides changes while it lasts, and for some time after.
type trouble struct {
	from, to, recovered time.Duration
	blind               gap           // within it: nothing at all is seen
	notice              time.Duration // until that must be known
	resumed             bool          // it is but that a process goes by what it found on disk
}

// nowhere is a gap without a moment in it.
var nowhere = gap{forever, forever}

func (s *sight) begin(at time.Duration) {
	s.troubles = append(s.troubles, trouble{from: at, to: forever, recovered: forever, blind: nowhere})
}

func (s *sight) end(at, recovery time.Duration) {
	if tr := s.open(); tr != nil {
		tr.to, tr.recovered = at, at+recovery
	}
}

// confirmed says that somebody has seen what is true at a time, after all troubles.
func (s *sight) confirmed(at time.Duration) {
	for i := range s.troubles {
		if tr := &s.troubles[i]; tr.to < at {
			tr.recovered = min(tr.recovered, at)
		}
	}
}

// ended is when the last trouble did.
func (s *sight) ended() (last time.Duration) {
	for _, tr := range s.troubles {
		last = max(last, tr.to)
	}
	return last
}

// open is the trouble that lasts, or nil.
func (s *sight) open() *trouble {
	if n := len(s.troubles); n > 0 && s.troubles[n-1].to == forever {
		return &s.troubles[n-1]
	}
	return nil
}

// resume says that a process goes by what was known at a time: while the way is in
// trouble, or until it has looked for itself.
func (s *sight) resume(since time.Duration) {
	if tr := s.open(); tr != nil {
		tr.from = min(tr.from, since)
		return
	}
	s.begin(since)
	s.open().resumed = true
}

// up says that the process that resumed answers.
func (s *sight) up(at time.Duration) {
	if tr := s.open(); tr != nil && tr.resumed {
		s.end(at, s.delay)
	}
}

// oldest is the oldest moment that a view at t may be of.
func (s *sight) oldest(t time.Duration) time.Duration {
	for again := true; again; {
		again = false
		for _, tr := range s.troubles {
			if tr.from < t && t <= tr.recovered {
				t, again = tr.from, true
			}
		}
	}
	return t - s.delay
}

// newest is the newest moment that a view at t may be of.
func (s *sight) newest(t time.Duration) time.Duration {
	if tr := s.blindness(t, t); tr != nil {
		return tr.blind.from
	}
	return t
}

// blindness is the trouble in which nothing is seen from one time to another, or nil.
func (s *sight) blindness(from, to time.Duration) *trouble {
	for i := range s.troubles {
		if tr := &s.troubles[i]; tr.blind.from <= from && to < tr.blind.to {
			return tr
		}
	}
	return nil
}

// troubled tells whether anything was hidden at some time between the two.
func (s *sight) troubled(from, to time.Duration) bool {
	for _, tr := range s.troubles {
		if tr.from <= to && from <= tr.recovered {
			return true
		}
	}
	return false
}

func (s *sight) forget(before time.Duration) {
	n := 0
	for n < len(s.troubles) && s.troubles[n].recovered < before {
		n++
	}
	s.troubles = append([]trouble(nil), s.troubles[n:]...)
}
