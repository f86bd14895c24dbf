package dataplane

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// unkept are maps whose contents no other build can use: the timer is started
// anew, and reasons may have other numbers.
var unkept = map[string]bool{"gc": true, "asks": true, "reasons": true}

// copyMap copies what is in from, by the type of map: values by the bytes that
// both have, keys that both have room for. Fields that are new become 0.
func copyMap(from, to *ebpf.Map, flags ebpf.MapUpdateFlags) error {
	switch from.Type() {
	case ebpf.Array:
		if from.Flags()&unix.BPF_F_MMAPABLE != 0 {
			return copyMemory(from, to)
		}
		return copyArray(from, to)
	case ebpf.PerCPUArray:
		return copyPerCPU(from, to)
	case ebpf.Hash, ebpf.LRUHash:
		return copyHash(from, to, flags)
	}
	return fmt.Errorf("copy map %v: a %v cannot be copied", from, from.Type())
}

func copyMemory(from, to *ebpf.Map) error {
	src, err := mapBytes(from)
	if err != nil {
		return err
	}
	defer src.close()
	dst, err := mapBytes(to)
	if err != nil {
		return err
	}
	defer dst.close()
	for id := range min(src.len, dst.len) {
		copyWords(dst.words(id), src.words(id))
	}
	return nil
}

// copyWords copies what both have.
func copyWords(dst, src []uint64) {
	for w := range min(len(dst), len(src)) {
		atomic.StoreUint64(&dst[w], atomic.LoadUint64(&src[w]))
	}
}

func copyArray(from, to *ebpf.Map) error {
	value := make([]byte, from.ValueSize())
	for key := range min(from.MaxEntries(), to.MaxEntries()) {
		if err := from.Lookup(key, &value); err != nil {
			return fmt.Errorf("copy map %v: %w", from, err)
		}
		if zero(value) {
			continue
		}
		if err := to.Put(key, resized(value, to.ValueSize())); err != nil {
			return fmt.Errorf("copy map %v: %w", from, err)
		}
	}
	return nil
}

func copyPerCPU(from, to *ebpf.Map) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("copy map %v: %w", from, err)
	}
	values := make([][]byte, cpus)
	for key := range min(from.MaxEntries(), to.MaxEntries()) {
		all, err := from.LookupBytes(key)
		if err != nil {
			return fmt.Errorf("copy map %v: %w", from, err)
		}
		if zero(all) {
			continue
		}
		for cpu := range values {
			values[cpu] = resized(all[cpu*len(all)/cpus:][:from.ValueSize()], to.ValueSize())
		}
		if err := to.Put(key, values); err != nil {
			return fmt.Errorf("copy map %v: %w", from, err)
		}
	}
	return nil
}

func copyHash(from, to *ebpf.Map, flags ebpf.MapUpdateFlags) error {
	var key, value []byte
	it := from.Iterate()
	for it.Next(&key, &value) {
		err := to.Update(key, resized(value, to.ValueSize()), flags)
		if err != nil && !errors.Is(err, ebpf.ErrKeyExist) {
			return fmt.Errorf("copy map %v: %w", from, err)
		}
	}
	// An LRU map may change under the iterator; what is lost then was leaving.
	if err := it.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return fmt.Errorf("copy map %v: %w", from, err)
	}
	return nil
}

// resized gives n bytes: those of v, then zeros.
func resized(v []byte, n uint32) []byte {
	b := make([]byte, n)
	copy(b, v)
	return b
}

func zero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }
