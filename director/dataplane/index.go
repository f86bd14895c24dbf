package dataplane

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

// The index of connections by tuple is written by programs only, which can take
// the lock of a bucket. User space reads it: see director/bpf/index.go.

// buckets is the size of the index for a number of connections: the smallest
// power of two by which at most 6 of a bucket's 13 entries are used in the mean.
func buckets(connections uint32) uint32 {
	const least, mean = 64, 6
	n := uint32(least)
	for uint64(n)*mean < 2*uint64(connections) {
		n *= 2
	}
	return n
}

// indexOf reads the index of a set, with its settings and connections mapped.
func indexOf(s *set, config array[bpf.Settings], conns array[byte]) bpf.Index {
	v := config.load(0)
	return bpf.Index{
		Seed:    v.Seed,
		Buckets: v.Buckets,
		Bucket: func(i uint32) (b bpf.Bucket, err error) {
			if err := s.maps["buckets"].Lookup(i, bytesOf(&b)); err != nil {
				return b, fmt.Errorf("read bucket %d of the index: %w", i, err)
			}
			return b, nil
		},
		Conn: func(id uint32) (c bpf.Conn, ok bool) {
			if id >= conns.len {
				return c, false
			}
			return load(conns, id), true
		},
	}
}

// adoptions is how many connections one run of adopt may add: its packet must
// fit in a page, see bpf_prog_test_run_skb in net/bpf/test_run.c.
const adoptions = 512

// enlist adds the entries of at most adoptions connections, which may be there
// already. It gives those of which it added none, as one of their tuples belongs
// to another connection.
func (s *set) enlist(ids ...uint32) (refused []uint32, err error) {
	const ok, backTaken, wayTaken = 0, 2, 3
	data := make([]byte, ethernetHeader, ethernetHeader+len(ids)*4)
	for _, id := range ids {
		data = binary.NativeEndian.AppendUint32(data, id)
	}
	opts := &ebpf.RunOptions{Data: data, DataOut: make([]byte, len(data))}
	failed, err := s.adopt.Run(opts)
	if err != nil {
		return nil, fmt.Errorf("add connections to the index: %w", err)
	}
	if failed == 0 {
		return nil, nil
	}
	for i, id := range ids {
		switch code := binary.NativeEndian.Uint32(opts.DataOut[ethernetHeader+4*i:]); code {
		case ok:
		case backTaken, wayTaken:
			refused = append(refused, id)
		default:
			return nil, fmt.Errorf("add connection %d to the index: the program answered %d", id, code)
		}
	}
	return refused, nil
}

// strike takes a tuple's entry out, if it leads to that handle.
func (s *set) strike(t bpf.Tuple, h bpf.Handle) error {
	key := tupleBytes(t)
	if _, err := onNothing(s.disown, binary.NativeEndian.AppendUint32(key[:], uint32(h))); err != nil {
		return fmt.Errorf("take connection %d out of the index: %w", h.ID(), err)
	}
	return nil
}

// onNothing runs a program on an Ethernet header of zeros with data behind.
func onNothing(prog *ebpf.Program, data []byte) (uint32, error) {
	return prog.Run(&ebpf.RunOptions{Data: append(make([]byte, ethernetHeader), data...)})
}

// strikeOut takes both entries of a connection out.
func (s *set) strikeOut(id uint32, c bpf.Conn) error {
	if err := s.strike(ServerTuple(c), bpf.HandleOf(id, true)); err != nil {
		return err
	}
	return s.strike(ClientTuple(c), bpf.HandleOf(id, false))
}

// prepare gives the new programs the size of their index, and lets them answer
// no packet of an unknown connection while not all are there.
func (u *unit) prepare() error {
	s := u.config.at(0)
	atomic.StoreUint32(&s.Buckets, u.to.maps["buckets"].MaxEntries())
	atomic.StoreUint32(&s.Merging, 1)
	return nil
}

// merged ends what prepare began.
func (u *unit) merged() error {
	atomic.StoreUint32(&u.config.at(0).Merging, 0)
	return nil
}
