package policy

import (
	"maps"
	"math"
)

// dal is the dynamically accumulated load (Colajanni, Yu and Dias, 1998): each
// answer adds the key's hidden load over the server's capacity to the server's
// bin, and goes to where the bin is lowest afterwards.
type dal struct {
	stateless
	bins map[string]float64 // by server ID
}

func newDAL(o Options) Policy { return newPublished(o, &dal{bins: map[string]float64{}}, nil) }

func (d *dal) next(p *Plan, t *table, k subject, skip []uint16) uint16 {
	share := k.weight / float64(t.n)
	best, bin := t.least(skip, func(m uint16) float64 {
		return d.bins[p.Members[m].Server.ID] + share/p.Members[m].bears()
	})
	d.bins[p.Members[best].Server.ID] = bin
	return best
}

func (d *dal) remember() func() {
	bins := maps.Clone(d.bins)
	return func() { d.bins = bins }
}

// adopt lets newcomers begin where the others stand, lest they get everything.
func (d *dal) adopt(p *Plan) {
	bins := make(map[string]float64, len(p.Members))
	least := math.Inf(1)
	for i := range p.Members {
		if bin, ok := d.bins[p.Members[i].Server.ID]; ok {
			least = min(least, bin)
		}
	}
	for i := range p.Members {
		id := p.Members[i].Server.ID
		if bin, ok := d.bins[id]; ok {
			bins[id] = bin - least
		} else {
			bins[id] = 0
		}
	}
	d.bins = bins
}
