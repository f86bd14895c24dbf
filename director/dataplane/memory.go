package dataplane

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// array is an array map in our memory: reads and writes take no system call.
type array[T any] struct {
	mem    []byte
	stride uint32
	len    uint32
}

// mapArray maps an array that has BPF_F_MMAPABLE. T must not be larger than the
// map's value. The mapping outlives m.
func mapArray[T any](m *ebpf.Map) (array[T], error) {
	var zero T
	if uint64(m.ValueSize()) < uint64(unsafe.Sizeof(zero)) {
		return array[T]{}, fmt.Errorf("map %v: values of %d bytes where %d are needed", m, m.ValueSize(), unsafe.Sizeof(zero))
	}
	raw, err := mapBytes(m)
	if err != nil {
		return array[T]{}, err
	}
	return array[T](raw), nil
}

// mapBytes maps an array whose type is not known. Elements lie at multiples of
// 8 bytes (array_map_alloc in kernel/bpf/arraymap.c).
func mapBytes(m *ebpf.Map) (array[byte], error) {
	a := array[byte]{stride: (m.ValueSize() + 7) &^ 7, len: m.MaxEntries()}
	mem, err := unix.Mmap(m.FD(), 0, int(a.stride)*int(a.len), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return array[byte]{}, fmt.Errorf("mmap map %v: %w", m, err)
	}
	a.mem = mem
	return a, nil
}

// raw is the same array, of values whose type is not known.
func (a array[T]) raw() array[byte] { return array[byte](a) }

// at gives the element itself, shared with the datapath. It panics as a slice
// does when i is out of range.
func (a array[T]) at(i uint32) *T {
	off := uint64(i) * uint64(a.stride)
	return (*T)(unsafe.Pointer(&a.mem[off]))
}

// words gives element i as 64-bit words.
func (a array[T]) words(i uint32) []uint64 {
	off := uint64(i) * uint64(a.stride)
	return unsafe.Slice((*uint64)(unsafe.Pointer(&a.mem[off])), a.stride/8)
}

func (a *array[T]) close() error {
	if a.mem == nil {
		return nil
	}
	err := unix.Munmap(a.mem)
	a.mem = nil
	return err
}

// wordsOf looks at a value as 64-bit words. Its size must be a multiple of 8.
func wordsOf[T any](v *T) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(v)), unsafe.Sizeof(*v)/8)
}

// load copies an element by words, so that no word is half of one write and
// half of another.
func (a array[T]) load(i uint32) T {
	var v T
	src := a.words(i)
	for w, dst := 0, wordsOf(&v); w < len(dst); w++ {
		dst[w] = atomic.LoadUint64(&src[w])
	}
	return v
}

// store writes an element by words, only those that differ. The word at byte
// offset last, which says whether the rest may be used, is written after the
// others.
func (a array[T]) store(i uint32, v T, last uintptr) {
	dst, src := a.words(i), wordsOf(&v)
	put := func(w int) {
		if atomic.LoadUint64(&dst[w]) != src[w] {
			atomic.StoreUint64(&dst[w], src[w])
		}
	}
	key := int(last / 8)
	for w := range src {
		if w != key {
			put(w)
		}
	}
	put(key)
}

// clear writes zeros, the word at byte offset first before the others.
func (a array[T]) clear(i uint32, first uintptr) {
	dst := a.words(i)
	atomic.StoreUint64(&dst[first/8], 0)
	for w := range dst {
		atomic.StoreUint64(&dst[w], 0)
	}
}

type closer interface{ close() error }

func closeAll(cs ...closer) error {
	var errs []error
	for _, c := range cs {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// bytesOf looks at a value as bytes.
func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}
