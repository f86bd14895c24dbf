package policy

import "math/rand/v2"

// table is what draws of one family work from.
type table struct {
	members []uint16 // indices into Plan.Members, ascending: in ID order
	n       int      // members of an answer
	rivals  rivals   // of the policy "hash" only

	// sure are the members that every answer carries, having at least 1/n of
	// the weight; sureEnd are their shares, summed up.
	sure    []uint16
	sureEnd []float64
	// layouts are the others on a line, for systematic sampling of rest.
	rest    int
	layouts []layout
}

// layout is one order of members on a line on which each takes as much room
// as it is likely to be in an answer. The line is table.rest units long.
type layout struct {
	members []uint16
	end     []uint64 // where each member's piece ends, in 1/unit
}

// unit is the length 1 in fixed point: it leaves room for MaxAnswers of them,
// and makes "no piece is as long as the step" exact, so that no member can be
// drawn twice.
const (
	unitBits  = 48
	unit      = 1 << unitBits
	nearlyOne = 1 - 1e-9
)

// Systematic sampling from one order would let only neighbours on the line
// exclude each other, and some pairs never meet. Several orders mix that.
const (
	manyLayouts = 16
	fewLayouts  = 4 // for pools above manyMembers, to bound memory
	manyMembers = 256
)

// newTable has the members that are in and have an address of the family, and their
// shares of the draws.
func newTable(members []Member, f Family, n int, seed uint64) (t table, shares []float64) {
	var weights []float64
	var sum float64
	for i := range members {
		if m := &members[i]; m.In && drawable(m.Server, f) {
			t.members = append(t.members, uint16(i))
			weights = append(weights, m.Share)
			sum += m.Share
		}
	}
	t.n = min(n, len(t.members))
	if f == SRV && len(t.members) > n {
		// The records carry the weights: being there must not weigh as well.
		sum = float64(len(weights))
		for i := range weights {
			weights[i] = 1
		}
	}
	for i := range weights {
		weights[i] /= sum
	}
	t.lay(weights, seed)
	return t, weights
}

// lay splits the members into the sure ones and the rest, and lays the rest
// out on lines. Inclusion is n times the share; what a member would have above
// 1 goes to the others in proportion, which may lift more of them to 1.
func (t *table) lay(shares []float64, seed uint64) {
	rest, left := t.n, 1.0
	sure := make([]bool, len(shares))
	for again := true; again; {
		again = false
		scale := float64(rest) / left
		for i, s := range shares {
			if !sure[i] && s*scale >= nearlyOne {
				sure[i], again = true, true
			}
		}
		rest, left = t.n, 0
		for i, s := range shares {
			if sure[i] {
				rest--
			} else {
				left += s
			}
		}
	}
	t.rest = max(rest, 0)
	var others []uint16
	var inclusion []float64
	var end float64
	for i, s := range shares {
		if sure[i] {
			end += s
			t.sure = append(t.sure, t.members[i])
			t.sureEnd = append(t.sureEnd, end)
		} else {
			others = append(others, t.members[i])
			inclusion = append(inclusion, s*float64(t.rest)/left)
		}
	}
	t.layouts = newLayouts(others, inclusion, t.rest, seed)
}

func newLayouts(members []uint16, inclusion []float64, length int, seed uint64) []layout {
	if length == 0 || len(members) == 0 {
		return nil
	}
	count := manyLayouts
	switch {
	case length == 1:
		count = 1 // one member is drawn: no pairs, so the order is all one
	case len(members) > manyMembers:
		count = fewLayouts
	}
	order := make([]int, len(members))
	for i := range order {
		order[i] = i
	}
	r := rand.New(rand.NewPCG(seed, uint64(len(members))))
	layouts := make([]layout, count)
	for k := range layouts {
		l := layout{make([]uint16, len(order)), make([]uint64, len(order))}
		var at float64
		for j, i := range order {
			at += inclusion[i]
			l.members[j] = members[i]
			l.end[j] = uint64(at*unit + 0.5)
		}
		l.end[len(order)-1] = uint64(length) << unitBits
		layouts[k] = l
		r.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
	}
	return layouts
}

// at is the member whose piece holds the point.
func (l *layout) at(point uint64) uint16 {
	low, high := 0, len(l.end)-1
	for low < high {
		if mid := int(uint(low+high) >> 1); l.end[mid] > point {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return l.members[low]
}
