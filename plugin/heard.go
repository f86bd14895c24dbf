package ballast

import (
	"github.com/ballast-lb/ballast/plugin/peers"
	"github.com/ballast-lb/ballast/plugin/policy"
)

// namesHeard finds what words are of. It is used by one goroutine.
type namesHeard struct {
	hub    *hub
	loads  uint64 // of the hub's zones, when steers was made
	steers map[uint64]*steer
	rolls  map[uint64]roll
}

// roll is who has which number in a plan.
type roll struct {
	plan    *policy.Plan
	members map[uint64]uint16
}

// take hands a word to the policy of its name, if we have that.
func (n *namesHeard) take(w *peers.Word) bool {
	s := n.steer(w.Name)
	if s == nil {
		return false
	}
	listener, ok := s.policy.(policy.Listener)
	if !ok {
		return false
	}
	plan := s.served.Load().plan
	members := n.members(w.Name, plan)
	c := policy.Choice{TTL: w.TTL}
	for _, id := range w.Servers[:w.N] {
		if m, ok := members[id]; ok {
			c.Members[c.N] = m
			c.N++
		}
	}
	listener.Hear(plan, policy.Query{Family: policy.Family(w.Family), Key: w.Key, Now: w.At}, c, w.N)
	return true
}

// steer finds a name's, anew after zones have changed.
func (n *namesHeard) steer(place uint64) *steer {
	if loads := n.hub.loads.Load(); loads != n.loads {
		n.loads, n.steers, n.rolls = loads, map[uint64]*steer{}, map[uint64]roll{}
		for _, z := range n.hub.allZones() {
			for _, s := range z.data.Load().steers {
				n.steers[s.place] = s
			}
		}
	}
	return n.steers[place]
}

func (n *namesHeard) members(place uint64, plan *policy.Plan) map[uint64]uint16 {
	if r := n.rolls[place]; r.plan == plan {
		return r.members
	}
	members := make(map[uint64]uint16, len(plan.Members))
	for i := range plan.Members {
		members[peers.Hash(plan.Members[i].Server.ID)] = uint16(i)
	}
	n.rolls[place] = roll{plan, members}
	return members
}
