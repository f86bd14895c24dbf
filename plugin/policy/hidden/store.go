package hidden

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// The sizes of a store.
const (
	DefaultLimit = 20000 // keys kept one by one
	shards       = 64
	tries        = 8 // keys that are looked at for one that makes room
)

// Store keeps the records of resolver keys. It is safe for concurrent use: a
// key is looked up under the lock of its shard, which is held for the length of
// one answer's arithmetic.
type Store struct {
	seed  uint64
	limit int
	room  *Room

	least  atomic.Int64 // seconds: the least TTL that anybody is told
	count  atomic.Int64 // keys that are kept
	taken  atomic.Int64 // of the room
	census atomic.Pointer[Census]
	shard  [shards]Shard
}

// Room bounds the memory of several stores together, in keys.
type Room struct{ left atomic.Int64 }

// NewRoom has place for so many keys.
func NewRoom(keys int) *Room {
	r := &Room{}
	r.left.Store(int64(keys))
	return r
}

func (r *Room) take(keys int64) bool {
	if r == nil || r.left.Add(-keys) >= 0 {
		return true
	}
	r.left.Add(keys)
	return false
}

// take takes room for so many keys, until Close.
func (s *Store) take(keys int64) bool {
	if !s.room.take(keys) {
		return false
	}
	s.taken.Add(keys)
	return true
}

// Shard is a part of the keys.
type Shard struct {
	mu      sync.Mutex
	index   map[Key]int32
	records []Record
	hand    int // where the next search for a light key begins
	lobby   lobby
}

// NewStore makes a store of at most limit keys, within room (which may be nil).
// The seed spreads keys over shards, and should be hard to guess.
func NewStore(limit int, room *Room, seed uint64) *Store {
	s := &Store{seed: seed, limit: max(limit, shards), room: room}
	s.census.Store(&Census{})
	return s
}

// Given makes a store of keys whose rates in sessions per second are known, so
// that none is estimated.
func Given(rates map[netip.Prefix]float64) *Store {
	s := NewStore(len(rates), nil, 1)
	for prefix, rate := range rates {
		if key, ok := KeyOf(prefix, 0); ok {
			sh := &s.shard[key.hash(s.seed)%shards]
			sh.add(Record{Key: key, rate: float32(rate), known: true})
			s.count.Add(1)
		}
	}
	return s
}

// Least says what the least TTL is that anybody is told, in whole seconds.
func (s *Store) Least(seconds int64) { s.least.Store(seconds) }

// Ask takes in that a key asks at now (in nanoseconds), and returns its record
// for changing, locked until Release. The record is nil if the key is not kept.
func (s *Store) Ask(key Key, now int64) (*Shard, *Record) {
	hash := key.hash(s.seed)
	sh := &s.shard[hash%shards]
	sh.mu.Lock()
	if i, ok := sh.index[key]; ok {
		r := &sh.records[i]
		r.share = float32(s.Census().Share)
		if !r.Repeats(now) {
			r.asked(now, float32(s.least.Load()))
		}
		return sh, r
	}
	if first, ok := sh.proven(hash, now); ok {
		if r := s.admit(sh, key, now); r != nil {
			r.Last, r.TTL = first.at, first.ttl
			r.presume(s.Census().Mean())
			r.asked(now, float32(s.least.Load()))
			return sh, r
		}
	}
	return sh, nil
}

// Release ends the work on a record. ttl is what a key that is not kept was
// told, in seconds.
func (s *Store) Release(sh *Shard, r *Record, key Key, now int64, ttl float64) {
	if r == nil {
		hash := key.hash(s.seed)
		sh.lobby.put(hash, now, ttl, s.take)
	}
	sh.mu.Unlock()
}

// Look returns a copy of a key's record, for explanations.
func (s *Store) Look(key Key) (Record, bool) {
	sh := &s.shard[key.hash(s.seed)%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	i, ok := sh.index[key]
	if !ok {
		return Record{}, false
	}
	return sh.records[i], true
}

// Len is the number of keys that are kept.
func (s *Store) Len() int { return int(s.count.Load()) }

// Close gives the store's room back.
func (s *Store) Close() {
	if s.room != nil {
		s.room.left.Add(s.taken.Swap(0))
	}
}

func (sh *Shard) add(r Record) *Record {
	if sh.index == nil {
		sh.index = map[Key]int32{}
	}
	sh.index[r.Key] = int32(len(sh.records))
	sh.records = append(sh.records, r)
	return &sh.records[len(sh.records)-1]
}

// admit makes a record for a key, in the place of a lighter one if need be.
func (s *Store) admit(sh *Shard, key Key, now int64) *Record {
	if s.count.Add(1) <= int64(s.limit) && s.take(1) {
		return sh.add(Record{Key: key, Born: now})
	}
	s.count.Add(-1)
	i := sh.lightest(now)
	if i < 0 {
		return nil
	}
	delete(sh.index, sh.records[i].Key)
	sh.index[key] = int32(i)
	sh.records[i] = Record{Key: key, Born: now}
	return &sh.records[i]
}

// lightest looks at some keys for one that can go: gone quiet, or as light as a
// newcomer that asked twice can be expected to be.
func (sh *Shard) lightest(now int64) int {
	best, least := -1, 0.0
	for range min(tries, len(sh.records)) {
		sh.hand = (sh.hand + 1) % len(sh.records)
		r := &sh.records[sh.hand]
		if rate := r.presence(now); best < 0 || rate < least {
			best, least = sh.hand, rate
		}
	}
	if best >= 0 && least*float64(max(sh.records[best].TTL, 1)) > 2 {
		return -1 // all are heavy, compared with what two questions prove
	}
	return best
}

// presence is the rate of a key, less for one that has not asked for long.
func (r *Record) presence(now int64) float64 {
	if r.known {
		return r.Rate()
	}
	silent := seconds(now-r.Last) - float64(r.kept())
	if silent > 5*float64(max(r.every, r.TTL)) {
		return min(r.Rate(), 1/silent)
	}
	return r.Rate()
}
