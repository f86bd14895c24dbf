package schedule

import (
	"cmp"
	"slices"
)

// shares tells how many turns each member has in a sequence of at most size.
// The members have weights above 0.
func shares(members []Member, size int) []uint64 {
	turns := make([]uint64, len(members))
	var divisor, total uint64
	for _, m := range members {
		divisor = gcd(divisor, uint64(m.Weight))
		total += uint64(m.Weight)
	}
	if total/divisor > uint64(size) {
		apportion(members, turns, total, uint64(size))
		return turns
	}
	for i, m := range members {
		turns[i] = uint64(m.Weight) / divisor
	}
	return turns
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// apportion hands out size turns by weight: one to each member whose share is
// less, the rest by largest remainder (Hamilton's method). If there are more
// members than turns, the heaviest have one each.
func apportion(members []Member, turns []uint64, total, size uint64) {
	order := make([]int, len(members)) // the lightest first
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(members[a].Weight, members[b].Weight) })
	if size <= uint64(len(order)) {
		for _, i := range order[uint64(len(order))-size:] {
			turns[i] = 1
		}
		return
	}
	for len(order) > 0 && uint64(members[order[0]].Weight)*size < total {
		turns[order[0]] = 1
		total -= uint64(members[order[0]].Weight)
		size--
		order = order[1:]
	}
	left := size
	for _, i := range order {
		turns[i] = uint64(members[i].Weight) * size / total
		left -= turns[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(uint64(members[b].Weight)*size%total, uint64(members[a].Weight)*size%total)
	})
	for _, i := range order[:left] {
		turns[i]++
	}
}
