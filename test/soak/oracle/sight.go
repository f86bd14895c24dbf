package oracle

import "time"

// sight is how far back the view of a source may be: its delay, and while the way
// to it is in trouble all the time since that began.
type sight struct {
	delay    time.Duration
	troubles []trouble
}

// trouble hides changes while it lasts, and for some time after.
type trouble struct{ from, to, recovered time.Duration }

func (s *sight) begin(at time.Duration) {
	s.troubles = append(s.troubles, trouble{at, forever, forever})
}

func (s *sight) end(at, recovery time.Duration) {
	if n := len(s.troubles); n > 0 {
		s.troubles[n-1].to, s.troubles[n-1].recovered = at, at+recovery
	}
}

// oldest is the oldest moment that a view at t may be of.
func (s *sight) oldest(t time.Duration) time.Duration {
	for i := len(s.troubles) - 1; i >= 0; i-- {
		if tr := s.troubles[i]; tr.from <= t && t <= tr.recovered {
			t = tr.from
		}
	}
	return t - s.delay
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
