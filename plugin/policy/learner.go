package policy

import (
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// Learner is a Policy that remembers what it gave to whom. What it knows
// outlives plans: one Learner serves a name through all of them, and also
// through a reload, while two plans may be in use.
type Learner interface {
	Policy
	// Adopt prepares a plan. It is called once for each plan, before anybody
	// draws from it.
	Adopt(p *Plan)
	// Tick lets time pass; to be called about once a second.
	Tick(now time.Time)
	// Close gives the room of its resolver keys back.
	Close()
	// Explain says what Draw would go by, without taking note of the question.
	Explain(p *Plan, q Query) Insight
	// Survey says what is believed.
	Survey(now time.Time) Survey
}

// Options are what a policy is made with besides its name.
type Options struct {
	Seed  uint64       // secret, so that nobody can choose resolver keys that collide
	Room  *hidden.Room // bounds the resolver keys of several policies together; may be nil
	Limit int          // resolver keys kept one by one; 0 for hidden.DefaultLimit
	// Keys, if not nil, knows the resolver keys beforehand: see hidden.Given.
	Keys *hidden.Store
}

func (o Options) keys() *hidden.Store {
	if o.Keys != nil {
		return o.Keys
	}
	limit := o.Limit
	if limit == 0 {
		limit = hidden.DefaultLimit
	}
	return hidden.NewStore(limit, o.Room, o.Seed)
}

// roster gives servers numbers that stay while plans change. It is guarded by
// its owner.
type roster struct {
	slots map[string]uint16
	gone  map[string]time.Time // servers that the last plan did not have
	free  []uint16
	size  int
}

// view is what a learner adds to a plan.
type view struct {
	slots   []uint16  // by member
	members []int32   // by slot; -1 for a server that is not in
	shares  []float64 // of the capacity, by slot
}

// view numbers the plan's servers. Numbers of servers that have been gone for
// longer than answers last are given away; forget is told of each.
func (r *roster) view(p *Plan, forget func(slot int)) *view {
	if r.slots == nil {
		r.slots, r.gone = map[string]uint16{}, map[string]time.Time{}
	}
	r.part(p, forget)
	v := &view{slots: make([]uint16, len(p.Members))}
	for i := range p.Members {
		v.slots[i] = r.slot(p.Members[i].Server.ID)
	}
	v.members, v.shares = make([]int32, r.size), make([]float64, r.size)
	for i := range v.members {
		v.members[i] = -1
	}
	for i := range p.Members {
		if p.Members[i].In {
			v.members[v.slots[i]] = int32(i)
			v.shares[v.slots[i]] = p.Members[i].Share
		}
	}
	return v
}

// part notes who is gone, and gives away the numbers of the long gone.
func (r *roster) part(p *Plan, forget func(slot int)) {
	present := make(map[string]bool, len(p.Members))
	for i := range p.Members {
		present[p.Members[i].Server.ID] = true
		delete(r.gone, p.Members[i].Server.ID)
	}
	for id, slot := range r.slots {
		if present[id] {
			continue
		}
		since, ok := r.gone[id]
		switch {
		case !ok:
			r.gone[id] = p.At
		case p.At.Sub(since) > 2*p.Config.TTL:
			delete(r.slots, id)
			delete(r.gone, id)
			r.free = append(r.free, slot)
			forget(int(slot))
		}
	}
}

func (r *roster) slot(id string) uint16 {
	slot, ok := r.slots[id]
	if !ok {
		if n := len(r.free); n > 0 {
			slot, r.free = r.free[n-1], r.free[:n-1]
		} else {
			slot = uint16(r.size)
			r.size++
		}
		r.slots[id] = slot
	}
	return slot
}
