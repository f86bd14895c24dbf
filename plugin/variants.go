package ballast

import "sync/atomic"

// maxVariants is for how many TTLs records are kept: policies that adapt TTLs to
// keys have some thirty, or some hundred where TTLs may be days.
const maxVariants = 128

// variants are the records of a plan's members with other TTLs than the plan's,
// each made when it is first asked for. Readers take no lock.
type variants struct{ list atomic.Pointer[[]variant] }

type variant struct {
	ttl     uint32
	members []atomic.Pointer[memberRecords]
}

// of finds the variant for a TTL, or begins it; nil if there are too many.
func (v *variants) of(ttl uint32, members int) *variant {
	for {
		list := v.list.Load()
		var all []variant
		if list != nil {
			all = *list
		}
		for i := range all {
			if all[i].ttl == ttl {
				return &all[i]
			}
		}
		if len(all) >= maxVariants {
			return nil
		}
		longer := append(all[:len(all):len(all)], variant{ttl, make([]atomic.Pointer[memberRecords], members)})
		v.list.CompareAndSwap(list, &longer)
	}
}

// with is a member's records with that TTL.
func (sv *served) with(v *variant, member uint16, ttl uint32) *memberRecords {
	if v == nil {
		return &sv.members[member]
	}
	if m := v.members[member].Load(); m != nil {
		return m
	}
	m := sv.members[member].withTTL(ttl)
	v.members[member].Store(m)
	return m
}

// withTTL are copies of the records with another TTL.
func (m *memberRecords) withTTL(ttl uint32) *memberRecords {
	out := &memberRecords{given: m.given, glue: copied(m.glue, ttl)}
	for f, rrs := range m.answer {
		out.answer[f] = copied(rrs, ttl)
	}
	return out
}
