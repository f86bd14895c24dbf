package hidden

// Census is what all keys together amount to at one moment. It is immutable.
type Census struct {
	At    int64   // nanoseconds; 0 if none was taken
	Keys  int     // that count: not gone quiet
	Total float64 // rate of all sessions, per second
	// Share is how much of the keys' questions comes here, 0..1, the rest going
	// to other name servers: even the busiest caches then seem to idle for long
	// in all other gaps. That of which most comes tells, since the others may
	// just be slow. 0 if nobody is busy enough to tell.
	Share float64
	Most  float64 // rate of the heaviest key

	// Hot keys are those heavier than the mean (the papers' threshold 1/K).
	HotKeys    int
	HotTotal   float64
	Questions  float64 // a second that the answers as given cause
	Affordable float64 // a second that a constant TTL would cause

	trust trust
}

// Trusts tells whether a key counts: see trust.
func (c *Census) Trusts(r *Record) bool {
	return r.known || c.trust.cutoff == 0 || r.Born <= c.trust.cutoff
}

// Mean is the rate of an average key, 0 without any.
func (c *Census) Mean() float64 {
	if c.Keys == 0 {
		return 0
	}
	return c.Total / float64(c.Keys)
}

// Hot tells whether a rate is above the mean.
func (c *Census) Hot(rate float64) bool { return rate > c.Mean() }

// Weight is a rate's share of all, 0..1: the hidden load. Whoever is alone has
// all of it.
func (c *Census) Weight(rate float64) float64 {
	if rate <= 0 {
		return 0
	}
	return rate / max(c.Total, rate)
}

// Census is the last that was taken.
func (s *Store) Census() *Census { return s.census.Load() }

// Take takes a new census at now (in nanoseconds). constant is the TTL, in
// seconds, whose rate of questions is affordable; demand is what the servers say
// that they have to do, in any unit, 0 if they say nothing. It visits every key.
func (s *Store) Take(now int64, constant, demand float64) *Census {
	c := &Census{At: now}
	c.trust = s.trust(now, demand)
	s.trusted(c, now, func(r *Record, rate float64) {
		c.Keys++
		c.Total += rate
		c.Most = max(c.Most, rate)
		if r.busy() {
			c.Share = max(c.Share, float64(r.nears/r.gaps))
		}
		if r.Certainty() >= Known && r.answered(now) {
			c.Questions += r.questions(r.kept())
			c.Affordable += r.questions(max(float32(constant)*max(min(r.early, 1), 0.5), r.floor))
		}
	})
	mean := c.Mean()
	s.trusted(c, now, func(_ *Record, rate float64) {
		if rate > mean {
			c.HotKeys++
			c.HotTotal += rate
		}
	})
	s.census.Store(c)
	return c
}

// trusted visits the keys that count.
func (s *Store) trusted(c *Census, now int64, visit func(r *Record, rate float64)) {
	s.each(func(r *Record) {
		if rate := r.presence(now); rate > 0 && r.current(now) && c.Trusts(r) {
			visit(r, rate)
		}
	})
}

// answered tells whether the key's last answer is still what it goes by: where
// several name servers are asked, nothing is known of it afterwards.
// Neither is it of a key from an earlier process, until it asks this one.
func (r *Record) answered(now int64) bool {
	switch {
	case r.TTL <= 0:
		return false
	case !r.shared():
		return true
	}
	return r.Held.N > 0 && seconds(now-r.Last) < float64(r.kept())+1/r.Rate()
}

// questions is how often the key asks when answers are kept so many seconds.
func (r *Record) questions(kept float32) float64 {
	return r.Caches() / (float64(kept) + 1/r.Rate())
}

// current tells whether the key counts: it is given from outside, or has asked
// within the time of some answers.
func (r *Record) current(now int64) bool {
	return r.known || seconds(now-r.Last) < 3600+4*float64(r.kept())
}

// each visits all records, a shard at a time.
func (s *Store) each(visit func(*Record)) {
	for i := range s.shard {
		sh := &s.shard[i]
		sh.mu.Lock()
		for j := range sh.records {
			visit(&sh.records[j])
		}
		sh.mu.Unlock()
	}
}

// Shaped solves for the factor by which the shape of TTLs, in any unit for
// each rate, must be multiplied so that the keys ask as often as under the
// constant TTL: the papers' fair scaling.
func (s *Store) Shaped(constant float64, shape func(rate float64) float64) float64 {
	var rates, shapes []float64
	s.each(func(r *Record) {
		rates = append(rates, r.Rate())
		shapes = append(shapes, shape(r.Rate()))
	})
	want := asking(rates, func(int) float64 { return constant })
	low, high := 0.0, 10*constant
	for range 50 {
		middle := (low + high) / 2
		if asking(rates, func(i int) float64 { return middle * shapes[i] }) > want {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// asking is how often keys of those rates ask with those TTLs.
func asking(rates []float64, ttl func(i int) float64) (sum float64) {
	for i, rate := range rates {
		sum += 1 / (ttl(i) + 1/rate)
	}
	return sum
}
