package dataplane

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/cilium/ebpf"
)

// counts are the numbers of maps that are replaced while the old program goes
// on counting.
type counts []counted

type counted struct {
	from, to *ebpf.Map
	add      []func(dst *uint64, now, before uint64) // by word; nil: none
	before   []uint64
}

// What the words of tallies and gauges hold; fresh and head of gauges are not
// counters.
var counters = map[string][]func(dst *uint64, now, before uint64){
	"tallies": {addHalves, latest, addWord, addWord, addWord, addWord, addWord},
	"gauges":  {addHigh, addHigh, nil, addWord, addWord, addWord},
}

func addWord(dst *uint64, now, before uint64) { atomic.AddUint64(dst, now-before) }

func addHigh(dst *uint64, now, before uint64) {
	atomic.AddUint64(dst, (now>>32-before>>32)<<32)
}

func addHalves(dst *uint64, now, before uint64) {
	for {
		v := atomic.LoadUint64(dst)
		low := uint32(v) + uint32(now) - uint32(before)
		high := uint32(v>>32) + uint32(now>>32) - uint32(before>>32)
		if atomic.CompareAndSwapUint64(dst, v, uint64(high)<<32|uint64(low)) {
			return
		}
	}
}

func latest(dst *uint64, now, before uint64) { atomic.CompareAndSwapUint64(dst, before, now) }

// copyCounts copies the numbers of the maps that are replaced, and notes what
// it copied.
func copyCounts(c *change) (counts, error) {
	var all counts
	for name, add := range counters {
		if !slices.Contains(c.renewed, name) {
			continue
		}
		n := counted{from: c.old.maps[name], to: c.next.maps[name], add: add}
		mem, err := mapBytes(n.from)
		if err != nil {
			return nil, err
		}
		to, err := mapBytes(n.to)
		if err != nil {
			return nil, errors.Join(err, mem.close())
		}
		for id := range mem.len {
			words := slices.Clone(mem.words(id))
			n.before = append(n.before, words...)
			if id < to.len {
				copyWords(to.words(id), words)
			}
		}
		if err := closeAll(&mem, &to); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// add adds what was counted since.
func (all counts) add() error {
	for _, n := range all {
		from, err := mapBytes(n.from)
		if err != nil {
			return err
		}
		to, err := mapBytes(n.to)
		if err != nil {
			return errors.Join(err, from.close())
		}
		for id := range min(from.len, to.len) {
			now, dst := from.words(id), to.words(id)
			before := n.before[int(id)*len(now):]
			for w, add := range n.add {
				if add != nil && w < min(len(now), len(dst)) {
					add(&dst[w], atomic.LoadUint64(&now[w]), before[w])
				}
			}
		}
		if err := closeAll(&from, &to); err != nil {
			return err
		}
	}
	return nil
}
