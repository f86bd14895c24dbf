package hidden

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// What a store leaves to the next process is a memoryHead, and as many memories of
// keys. Which answers the keys have is not among it: those are the process's own.

const memoryVersion = 1

type memoryHead struct {
	Version uint8
	Keys    uint32
	Ratio   float64 // of trust
	Since   int64
}

// memory is of one key: see Record.
type memory struct {
	High, Low          uint64
	Bits, Family       uint8
	Sure               uint8
	Born, Last         int64
	Every, Count, Idle float32
	Bound, Near, Nears float32
	Gaps, Floor        float32
	Before, Early      float32
	Rate               float32
}

// Save returns what is known of the keys. Their order is none.
func (s *Store) Save() []byte {
	t := s.Census().trust
	var kept []memory
	s.each(func(r *Record) {
		kept = append(kept, memory{
			r.Key.high, r.Key.low, r.Key.bits, r.Key.family, r.sure, r.Born, r.Last,
			r.every, r.count, r.idle, r.bound, r.near, r.nears, r.gaps, r.floor, r.before, r.early, r.rate,
		})
	})
	b, err := binary.Append(nil, binary.BigEndian, memoryHead{memoryVersion, uint32(len(kept)), t.ratio, t.since})
	for i := 0; i < len(kept) && err == nil; i++ {
		b, err = binary.Append(b, binary.BigEndian, &kept[i])
	}
	if err != nil {
		panic(err) // only for types without a size
	}
	return b
}

// Restore takes in what a store of an earlier process has saved, as far as there is
// room, before any key asks. A mistake leaves the store as it is.
func (s *Store) Restore(b []byte, now int64) error {
	in := bytes.NewReader(b)
	var head memoryHead
	if err := binary.Read(in, binary.BigEndian, &head); err != nil || head.Version != memoryVersion {
		return errors.New("it is not of this version")
	}
	if size := binary.Size(memory{}); in.Len() != int(head.Keys)*size {
		return fmt.Errorf("it has %d bytes for %d keys of %d", in.Len(), head.Keys, size)
	}
	kept := make([]memory, head.Keys)
	if err := binary.Read(in, binary.BigEndian, kept); err != nil {
		return err
	}
	for i := range kept {
		if err := kept[i].check(); err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
	}
	if !(head.Ratio >= 0 && head.Ratio < math.Inf(1)) {
		return fmt.Errorf("%v sessions for a unit of demand", head.Ratio)
	}
	for i := range kept {
		s.restore(&kept[i], now)
	}
	s.census.Store(&Census{trust: trust{ratio: head.Ratio, since: min(head.Since, now), at: now}})
	return nil
}

func (m *memory) check() error {
	if m.Bits == 0 || m.Bits > 128 {
		return fmt.Errorf("a prefix of %d bits", m.Bits)
	}
	for _, v := range []float32{m.Every, m.Count, m.Idle, m.Bound, m.Near, m.Nears, m.Gaps, m.Floor, m.Before, m.Early, m.Rate} {
		if !(v >= 0 && v < 1e9) {
			return fmt.Errorf("a number is %v", v)
		}
	}
	return nil
}

// restore makes a record. Without a TTL the next question tells nothing of the
// time in which nobody was there to be asked.
func (s *Store) restore(m *memory, now int64) {
	key := Key{m.High, m.Low, m.Bits, m.Family}
	key.mask()
	sh := &s.shard[key.hash(s.seed)%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, known := sh.index[key]; known || s.count.Load() >= int64(s.limit) || !s.take(1) {
		return
	}
	s.count.Add(1)
	sh.add(Record{
		Key: key, Born: min(m.Born, now), Last: min(m.Last, now), sure: m.Sure,
		every: m.Every, count: m.Count, idle: m.Idle, bound: m.Bound, near: m.Near, nears: m.Nears, gaps: m.Gaps,
		floor: m.Floor, before: min(m.Before, 1), early: min(m.Early, 1), rate: m.Rate,
	})
}
