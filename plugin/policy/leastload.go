package policy

// leastLoad gives the server that reported the least load. It is here to show
// what is wrong with it: until the next report everybody is sent to the same
// server (Mitzenmacher, "How Useful Is Old Information?", IEEE TPDS 11(1), 2000).
type leastLoad struct{ stateless }

func newLeastLoad(o Options) Policy {
	o.Limit = 1
	return newPublished(o, leastLoad{}, nil)
}

func (leastLoad) next(p *Plan, t *table, _ subject, skip []uint16) uint16 {
	best, _ := t.least(skip, func(m uint16) float64 {
		if load, known := loadOf(p.Members[m].Server); known {
			return load
		}
		return 1
	})
	return best
}
