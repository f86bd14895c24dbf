package dataplane

import (
	"sync/atomic"
	"unsafe"

	"github.com/ballast-lb/ballast/director/bpf"
)

// load copies a connection, without what T does not know, the lock open.
func load(a array[byte], id uint32) (c bpf.Conn) {
	dst, src := wordsOf(&c), a.words(id)
	for w := range min(len(dst), len(src)) {
		dst[w] = atomic.LoadUint64(&src[w])
	}
	c.Lock = 0
	return c
}

// save writes the words of a connection that the map has, the state last.
func save(a array[byte], id uint32, c bpf.Conn) {
	dst, src := a.words(id), wordsOf(&c)
	for w := range min(len(dst), len(src)) {
		if uintptr(w) != stateWord {
			atomic.StoreUint64(&dst[w], src[w])
		}
	}
	atomic.StoreUint64(&dst[stateWord], src[stateWord])
}

// status is the word of state, flags and repeats, which change together.
func status(c *bpf.Conn) uint32 { return *statusAt(c) }

func statusAt(c *bpf.Conn) *uint32 { return (*uint32)(unsafe.Pointer(&c.State)) }

// word is the status of a connection in a map, to be changed atomically.
func word(a array[byte], id uint32) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(a.at(id)), unsafe.Offsetof(bpf.Conn{}.State)))
}

func lockAt(a array[byte], id uint32) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(a.at(id)), unsafe.Offsetof(bpf.Conn{}.Lock)))
}

func live(state uint8) bool {
	return state != uint8(bpf.DirectorConnStateSTATE_FREE) && state != uint8(bpf.DirectorConnStateSTATE_DEAD)
}

// liveStatus is the status, 0 for what is over.
func liveStatus(c *bpf.Conn) uint32 {
	if !live(c.State) {
		return 0
	}
	return status(c)
}
