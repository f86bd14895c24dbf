package dataplane

import (
	"encoding/binary"

	"github.com/ballast-lb/ballast/director/bpf"
)

// Keys as bytes in the order of memory, so that the kernel's and ours cannot
// differ by padding.

func vipBytes(k bpf.VIP) (b [20]byte) {
	copy(b[:16], k.Addr[:])
	binary.NativeEndian.PutUint16(b[16:], k.Port)
	b[18] = k.Proto
	return b
}

func vipOf(b [20]byte) (k bpf.VIP) {
	copy(k.Addr[:], b[:16])
	k.Port = binary.NativeEndian.Uint16(b[16:])
	k.Proto = b[18]
	return k
}

func tupleBytes(t bpf.Tuple) (b [40]byte) {
	copy(b[:16], t.Saddr[:])
	copy(b[16:32], t.Daddr[:])
	binary.NativeEndian.PutUint16(b[32:], t.Sport)
	binary.NativeEndian.PutUint16(b[34:], t.Dport)
	b[36] = t.Proto
	return b
}
