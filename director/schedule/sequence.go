package schedule

import "container/heap"

// Sequence is a weighted round robin over the members: as short as their
// weights allow (256, 512 and 256 make 4 slots), at most size slots long, and
// interleaved, so that after any number of slots every member has had its share
// to within one. Over the whole length shares are exact if the reduced weights
// add up to no more than size, and else within one slot, except that a member
// lighter than a slot has one all the same while there is room. Members of
// equal weight come in the order of their keys, those of weight 0 not at all.
// It is nil if there is none, or size is not positive.
func Sequence(members []Member, size int) []uint32 {
	members = weighty(members)
	if len(members) == 0 || size <= 0 {
		return nil
	}
	turns := order(shares(members, size))
	slots := make([]uint32, len(turns))
	for i, m := range turns {
		slots[i] = members[m].Real
	}
	return slots
}

// order interleaves the turns of members, given how many each has, and returns
// the member whose turn it is in each slot. With n of all t turns, a member may
// have its turn k (from 0) from slot k*t/n on, and should before (k+1)*t/n:
// whoever may, and should first, does.
func order(turns []uint64) []int {
	line := &line{turns: turns, done: make([]uint64, len(turns))}
	var total uint64
	for _, n := range turns {
		total += n
	}
	later := newAgenda(len(turns), total)
	for i, n := range turns {
		if n > 0 {
			heap.Push(line, i)
		}
	}
	slots := make([]int, total)
	for at := range total {
		later.each(at, func(i int) { heap.Push(line, i) })
		i := heap.Pop(line).(int)
		slots[at] = i
		line.done[i]++
		if n := turns[i]; line.done[i] < n {
			may := (line.done[i]*total + n - 1) / n
			later.add(max(may, at+1), i) // one whose turn came late may have the next at once
		}
	}
	return slots
}

// agenda holds, for each slot, the members that wait for it: lists chained
// through the members, each of which is in one at most.
type agenda struct{ heads, next []int32 } // 1 + the member; 0 ends a list

func newAgenda(members int, slots uint64) *agenda {
	return &agenda{heads: make([]int32, slots), next: make([]int32, members)}
}

func (a *agenda) add(slot uint64, member int) {
	a.next[member], a.heads[slot] = a.heads[slot], int32(member+1)
}

func (a *agenda) each(slot uint64, do func(member int)) {
	for i := a.heads[slot]; i != 0; i = a.next[i-1] {
		do(int(i - 1))
	}
}

// line is a heap of the members that may have a turn, the most urgent first.
type line struct {
	turns []uint64 // of each member
	done  []uint64 // turns it has had
	ready []int
}

func (l *line) Len() int { return len(l.ready) }

func (l *line) Less(a, b int) bool {
	i, j := l.ready[a], l.ready[b]
	first, second := (l.done[i]+1)*l.turns[j], (l.done[j]+1)*l.turns[i]
	if first != second {
		return first < second
	}
	return i < j
}

func (l *line) Swap(a, b int) { l.ready[a], l.ready[b] = l.ready[b], l.ready[a] }

func (l *line) Push(x any) { l.ready = append(l.ready, x.(int)) }

func (l *line) Pop() any {
	last := len(l.ready) - 1
	i := l.ready[last]
	l.ready = l.ready[:last]
	return i
}
