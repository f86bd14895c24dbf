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
	p := sh.newborn[hash/shards%waiting]
	if p.hash != hash || p.at == 0 {
		return probation{}, false
	}
	gap := seconds(now - p.at)
	return p, gap >= 0.8*float64(p.ttl) || p.asks >= maxEarly && gap >= again
}
