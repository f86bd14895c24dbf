package schedule

// The bounds of the work for one connection.
const (
	WalkSteps    = 64 // slots that a walk looks at before it turns to the members
	ExactMembers = 32 // up to so many, lc, wlc and load compare all members
	Draws        = 16 // slots that they draw among more members
)

// Input is what the datapath knows when a connection comes. The functions take
// the id of a real server; Active may be nil for schedulers that do not count,
// and Eligible if all are.
type Input struct {
	Hash     uint32 // of the client, see Hash
	Cursor   uint32 // of the service: moves on by one with each pick
	Random   uint32 // anew for each pick
	Active   func(real uint32) uint32
	Weight   func(real uint32) uint32
	Eligible func(real uint32) bool // up, and not tried for this connection yet
}

// takes tells whether the server can have the connection. Its weight may have
// become 0 after the table was made.
func (in *Input) takes(real uint32) bool {
	return in.Weight(real) > 0 && (in.Eligible == nil || in.Eligible(real))
}

// Pick chooses the real server for a new connection, as the datapath does.
// There is none if no member has a weight and is eligible.
func Pick(kind Kind, t Table, in Input) (real uint32, ok bool) {
	switch {
	case kind.Hashed():
		return walkFrom(t, &in, in.Hash)
	case !kind.Counting():
		return walkFrom(t, &in, in.Cursor)
	case len(t.Members) <= ExactMembers:
		if real, ok = leastOfAll(t, &in); ok {
			return real, ok
		}
		return walkFrom(t, &in, in.Cursor)
	}
	if real, ok = leastOfDraws(t, &in); ok {
		return real, ok
	}
	return walkFrom(t, &in, in.Random)
}

// walkFrom returns the first server that can have the connection in WalkSteps
// slots from start % len(Slots) on, or else among all members from
// start % len(Members) on, both in a circle.
func walkFrom(t Table, in *Input, start uint32) (real uint32, ok bool) {
	if real, ok = first(t.Slots, in, start, WalkSteps); ok {
		return real, ok
	}
	return first(t.Members, in, start, len(t.Members))
}

func first(reals []uint32, in *Input, start uint32, steps int) (real uint32, ok bool) {
	n := uint32(len(reals))
	for i := range uint32(min(steps, len(reals))) {
		if real := reals[(start%n+i)%n]; in.takes(real) {
			return real, true
		}
	}
	return 0, false
}

// leastOfAll compares all members, beginning with the one whose turn it is by
// weight. Only a lower load takes over, so that idle servers share by weight.
func leastOfAll(t Table, in *Input) (real uint32, ok bool) {
	n := uint32(len(t.Members))
	if len(t.Slots) == 0 {
		return 0, false
	}
	var best least
	best.offer(in, t.Slots[in.Cursor%uint32(len(t.Slots))])
	for i := range n {
		best.offer(in, t.Members[(in.Cursor%n+i)%n])
	}
	return best.real, best.weight > 0
}

// leastOfDraws compares Draws slots: slot splitmix32(Random+i) % len(Slots) for
// i from 0 on.
func leastOfDraws(t Table, in *Input) (real uint32, ok bool) {
	n := uint32(len(t.Slots))
	if n == 0 {
		return 0, false
	}
	var best least
	for i := range uint32(Draws) {
		best.offer(in, t.Slots[splitmix32(in.Random+i)%n])
	}
	return best.real, best.weight > 0
}

// least is the server of least load so far; none while its weight is 0.
type least struct {
	real, weight uint32
	active       uint64
}

// offer takes the server if it can have the connection and its load is lower.
// active/weight < best.active/best.weight is compared across, in 64 bits.
func (l *least) offer(in *Input, real uint32) {
	if !in.takes(real) {
		return
	}
	active, weight := uint64(in.Active(real)), in.Weight(real)
	if l.weight == 0 || active*uint64(l.weight) < l.active*uint64(weight) {
		*l = least{real: real, weight: weight, active: active}
	}
}
