package schedule

import (
	"cmp"
	"slices"
)

// One is the weight 1.0: weights are fixed-point numbers with 8 fraction bits.
const One = 256

// MaxWeight is the heaviest weight, 65536.0. With it, the comparison of loads
// stays within 64 bits up to 2^31 connections of one server.
const MaxWeight = 1 << 24

// SequenceSize is the most slots that Build gives a service whose scheduler
// does not hash.
const SequenceSize = 16384

// Member is a real server of a service.
type Member struct {
	// Key names the server in the same way on every director, such as
	// "10.0.0.1:80". It is unique in its service, and decides the member's
	// place in the tables.
	Key    string
	Real   uint32 // the real server's id in this director
	Weight uint32 // One is 1.0; 0 takes nothing new
}

// Table is what the datapath holds of a service to choose by.
type Table struct {
	Members []uint32 // the id of every real server, in the order of their keys
	Slots   []uint32 // ids of those with a weight, each as often as its weight demands
}

// Build makes the table for a scheduler. Equal members make equal tables, in
// whatever order they are given. The seed is the hash schedulers' alone, and
// the same on all directors that share a VIP.
func Build(kind Kind, members []Member, seed uint64) Table {
	members = byKey(members)
	t := Table{Members: make([]uint32, len(members))}
	for i, m := range members {
		t.Members[i] = m.Real
	}
	if kind.Hashed() {
		t.Slots = Maglev(members, MaglevSize(len(members)), seed)
	} else {
		t.Slots = Sequence(members, SequenceSize)
	}
	return t
}

// byKey returns the members in the order of their keys.
func byKey(members []Member) []Member {
	compare := func(a, b Member) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Real, b.Real)) }
	if slices.IsSortedFunc(members, compare) {
		return members
	}
	return slices.SortedFunc(slices.Values(members), compare)
}

// weighty returns the members that have a weight, in the order of their keys.
func weighty(members []Member) []Member {
	return slices.DeleteFunc(slices.Clone(byKey(members)), func(m Member) bool { return m.Weight == 0 })
}
