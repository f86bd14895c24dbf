package policy

import (
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// stretch is an adaptive TTL of the literature (Colajanni, Yu and Cardellini,
// "Dynamic load balancing in geographically distributed heterogeneous Web
// servers", ICDCS 1998; Colajanni and Yu, IEEE TKDE 14(2), 2002):
//
//	TTL(i, j) = T x shape(j) x C(i)/C(least)
//
// for server i and resolver key j. shape is 1 (TTL/1, S_1), by tier (TTL/2, S_2)
// or by key (TTL/K, S_K); the last factor is that of TTL/S_i alone. T is such
// that all keys together ask as often as under Config.MeanTTL.
type stretch struct {
	shape  shape // nil for 1
	server bool  // TTL/S_i
}

// shape is how much longer than that of the heaviest key the TTL of a key of
// this rate is.
type shape func(c *hidden.Census, rate float64) float64

// byTier tells two classes apart: those above the mean hidden load and the rest.
// The TTLs of both are in inverse proportion to their mean loads.
func byTier(c *hidden.Census, rate float64) float64 {
	normal := c.Keys - c.HotKeys
	if c.Hot(rate) || c.HotKeys == 0 || normal == 0 {
		return 1
	}
	return (c.HotTotal / float64(c.HotKeys)) / ((c.Total - c.HotTotal) / float64(normal))
}

// byKey is in inverse proportion to each key's hidden load.
func byKey(c *hidden.Census, rate float64) float64 {
	if rate <= 0 {
		return 1
	}
	return max(c.Most/rate, 1)
}

// of is the shape of a rate; 1 for keys that are not known.
func (s *stretch) of(c *hidden.Census, rate float64) float64 {
	if s.shape == nil || rate <= 0 || c.Keys == 0 {
		return 1
	}
	return s.shape(c, rate)
}

// unit solves for T: the TTL in seconds of the heaviest key at the smallest
// server.
func (s *stretch) unit(p *Plan, keys *hidden.Store) float64 {
	mean := p.Config.MeanTTL.Seconds()
	c := keys.Census()
	if c.Keys == 0 {
		return mean / s.meanServer(p)
	}
	return keys.Shaped(mean, func(rate float64) float64 { return s.of(c, rate) * s.meanServer(p) })
}

// meanServer is C(i)/C(least) on average over the servers that are in.
func (s *stretch) meanServer(p *Plan) float64 {
	least := leastCapacity(p)
	if !s.server || least == 0 {
		return 1
	}
	sum, n := 0.0, 0
	for i := range p.Members {
		if p.Members[i].In {
			sum += p.Members[i].Factors.Capacity / least
			n++
		}
	}
	return sum / float64(n)
}

// ttl is that of a member for a key of that rate.
func (s *stretch) ttl(p *Plan, c *hidden.Census, unit float64, m uint16, rate float64) time.Duration {
	ttl := unit * s.of(c, rate)
	if least := leastCapacity(p); s.server && least > 0 {
		ttl *= p.Members[m].Factors.Capacity / least
	}
	return p.most(time.Duration(min(ttl, p.TTL.Seconds())+0.5) * time.Second)
}

// leastCapacity is that of the smallest server that is in; 0 if none is.
func leastCapacity(p *Plan) (least float64) {
	for i := range p.Members {
		if m := &p.Members[i]; m.In && (least == 0 || m.Factors.Capacity < least) {
			least = m.Factors.Capacity
		}
	}
	return least
}
