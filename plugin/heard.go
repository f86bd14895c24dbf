package ballast

import (
	"slices"

	"github.com/ballast-lb/ballast/plugin/peers"
	"github.com/ballast-lb/ballast/plugin/policy"
)

// namesHeard finds what words are of. It is used by one goroutine.
type namesHeard struct {
	hub    *hub
	zones  []*zoneData // that steers is made of
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
	listener.Hear(plan, policy.Query{Family: policy.Family(w.Family), Key: w.Key, Now: w.At}, c)
	return true
}

// steer finds a name's, anew after zones have changed.
func (n *namesHeard) steer(place uint64) *steer {
	var now []*zoneData
	zones := n.hub.allZones()
	for _, z := range zones {
		now = append(now, z.data.Load())
	}
	if !slices.Equal(now, n.zones) {
		n.zones, n.steers, n.rolls = now, map[uint64]*steer{}, map[uint64]roll{}
		for _, data := range now {
			for _, s := range data.steers {
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
