package ballast

import "sync/atomic"

// maxVariants is for how many TTLs the records are kept: policies that adapt
// TTLs to keys have some thirty.
const maxVariants = 40

// variants are the records of a plan with other TTLs than its own, made when
// they are first asked for. Readers take no lock.
type variants struct{ list atomic.Pointer[[]variant] }

type variant struct {
	ttl     uint32
	members []memberRecords
}

// with are the members' records with that TTL. They are not ready if there are
// too many TTLs to keep them all.
func (sv *served) with(ttl uint32) (members []memberRecords, ready bool) {
	if ttl == seconds(sv.plan.TTL) {
		return sv.members, true
	}
	for {
		list := sv.byTTL.list.Load()
		if list != nil {
			for i := range *list {
				if v := &(*list)[i]; v.ttl == ttl {
					return v.members, true
				}
			}
			if len(*list) >= maxVariants {
				return sv.members, false
			}
		}
		sv.byTTL.add(list, variant{ttl, withTTL(sv.members, ttl)})
	}
}

// add appends to a list, unless somebody else did so meanwhile.
func (v *variants) add(list *[]variant, next variant) {
	var longer []variant
	if list != nil {
		longer = append(longer, *list...)
	}
	longer = append(longer, next)
	v.list.CompareAndSwap(list, &longer)
}

// withTTL copies records with another TTL.
func withTTL(members []memberRecords, ttl uint32) []memberRecords {
	out := make([]memberRecords, len(members))
	for i := range members {
		out[i].given = members[i].given
		for f, rrs := range members[i].answer {
			out[i].answer[f] = copied(rrs, ttl)
		}
		out[i].glue = copied(members[i].glue, ttl)
	}
	return out
}
