package hidden

// probation is a key that asked once, or not yet like a cache.
type probation struct {
	hash uint64
	at   int64 // when it asked, in nanoseconds
	ttl  float32
	asks uint8 // questions that came too early for a cache
}

// maxEarly is after how many early questions a key is taken for a farm of
// caches.
const maxEarly = 8

// lobby is where keys wait: a table in which they overwrite one another. It
// grows while many of those who are overwritten would still have counted, to a
// bound, so that as many can wait as there are, but a flood does not take all
// memory.
type lobby struct {
	places []probation
	lost   int // overwritten too early, since it has this size
}

// The sizes of a shard's lobby.
const (
	firstPlaces  = 16
	mostPlaces   = 1024
	placesPerKey = 5 // as large as one record
	ways         = 4 // places that a key may have
)

// place is the key's, or else that of its ways whose key has waited longest.
func (l *lobby) place(hash uint64) *probation {
	first := hash / shards % uint64(len(l.places)) &^ (ways - 1)
	oldest := &l.places[first]
	for i := range l.places[first : first+ways] {
		p := &l.places[first+uint64(i)]
		if p.hash == hash {
			return p
		}
		if p.at < oldest.at {
			oldest = p
		}
	}
	return oldest
}

// put lets a key wait. take asks for room for so many keys.
func (l *lobby) put(hash uint64, now int64, ttl float64, take func(keys int64) bool) {
	if len(l.places) == 0 {
		l.places = make([]probation, firstPlaces)
	}
	p := l.place(hash)
	if p.hash != hash && p.at != 0 && seconds(now-p.at) < 2*float64(p.ttl) {
		if l.lost++; l.lost > len(l.places)/4 {
			l.grow(take)
			p = l.place(hash)
		}
	}
	p.put(hash, now, ttl)
}

func (l *lobby) grow(take func(keys int64) bool) {
	l.lost = 0
	if len(l.places) >= mostPlaces || !take(int64(len(l.places)/placesPerKey)) {
		return
	}
	old := l.places
	l.places = make([]probation, 2*len(old))
	for _, p := range old {
		if p.at != 0 {
			*l.place(p.hash) = p
		}
	}
}

// put notes a question, of this key alone from now on.
func (p *probation) put(hash uint64, now int64, ttl float64) {
	if p.hash == hash {
		p.asks++
	} else {
		p.asks = 1
	}
	p.hash, p.at, p.ttl = hash, now, float32(ttl)
}

// proven tells whether the key has asked before, and now again in the manner of
// a cache: not before most of its answer's time was over, or again and again.
func (sh *Shard) proven(hash uint64, now int64) (probation, bool) {
	if len(sh.lobby.places) == 0 {
		return probation{}, false
	}
	p := *sh.lobby.place(hash)
	if p.hash != hash || p.at == 0 {
		return probation{}, false
	}
	gap := seconds(now - p.at)
	return p, gap >= 0.8*float64(p.ttl) || p.asks >= maxEarly && gap >= again
}
