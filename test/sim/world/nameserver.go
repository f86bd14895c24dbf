package world

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// nameServer answers by a policy, from the pool that it knows.
type nameServer struct {
	config  policy.Config
	policy  policy.Policy
	pool    *pool.Pool
	plan    *policy.Plan
	state   *policy.State
	random  *rand.Rand
	queries int
	options policy.Options
}

// newNameServer serves the servers by p's policy. The published policies are
// told the true hidden loads, or some with the model's error; ours must learn.
func newNameServer(p *Params, seed uint64, servers []server, rates map[netip.Prefix]float64) (*nameServer, error) {
	name := p.Policy
	if name == Ideal {
		name = "prr2-ttl1"
	}
	options := policy.Options{Seed: seed}
	if told[name] {
		options.Keys = hidden.Given(rates)
	}
	pol, err := policy.New(name, options)
	if err != nil {
		return nil, err
	}
	n := &nameServer{config: configOf(p, name), policy: pol, options: options, random: rand.New(rand.NewPCG(seed, 0xd45))}
	n.pool = &pool.Pool{Service: "web", At: epoch}
	for i := range servers {
		n.pool.Servers = append(n.pool.Servers, pool.Server{
			ID: fmt.Sprintf("s%02d", i), Port: 80, Capacity: servers[i].nominal, Health: pool.Passing,
			Addrs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})},
		})
	}
	n.think(0)
	return n, nil
}

// told are the policies that are given the hidden loads.
var told = map[string]bool{
	"rr2": true, "dal": true, "mrl": true,
	"prr2-ttl1": true, "prr2-ttl2": true, "prr2-ttlk": true,
	"drr2-ttls1": true, "drr2-ttls2": true, "drr2-ttlsk": true,
}

// constant are those whose TTL is the record's own.
var constant = map[string]bool{"rr": true, "rr2": true, "dal": true, "mrl": true, "least-load": true, "weighted": true, "hash": true}

func configOf(p *Params, name string) policy.Config {
	c := policy.Config{Policy: name, Answers: p.Answers, TTL: span(p.MaxTTL), MinTTL: span(p.MinTTL), MeanTTL: span(p.MeanTTL)}
	if constant[name] {
		c.TTL, c.MinTTL = c.MeanTTL, c.MeanTTL
	}
	return c.WithDefaults()
}

func span(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// learn makes news known.
func (n *nameServer) learn(now float64, news []published) {
	if len(news) == 0 {
		return
	}
	next := *n.pool
	next.Servers = append([]pool.Server(nil), n.pool.Servers...)
	for _, p := range news {
		s := &next.Servers[p.server]
		s.Load, s.Health = p.load, p.health
	}
	for i := range next.Servers {
		next.Servers[i].Load.At = clock(now) // Consul vouches for them all
	}
	next.At = clock(now)
	n.pool = &next
	n.think(now)
}

// think makes a new plan, as the plugin does.
func (n *nameServer) think(now float64) {
	n.plan, n.state = policy.Next(n.config, policy.Input{
		Now: clock(now), Pool: n.pool, Status: pool.Status{Confirmed: clock(now)}, Seed: n.random.Uint64(),
	}, n.state)
	if l, ok := n.policy.(policy.Learner); ok {
		l.Adopt(n.plan)
	}
}

// tick is what the plugin does every second.
func (n *nameServer) tick(now float64) {
	if due := n.plan.Due; !due.IsZero() && !clock(now).Before(due) {
		n.think(now)
	}
	if l, ok := n.policy.(policy.Learner); ok {
		l.Tick(clock(now))
	}
}

// answer gives servers and a TTL to a resolver.
func (n *nameServer) answer(now float64, key netip.Prefix, into []int) ([]int, float64) {
	n.queries++
	c := n.policy.Draw(n.plan, policy.Query{Family: policy.A, Key: key, Now: clock(now), Random: n.random.Uint64()})
	for _, m := range c.Members[:c.N] {
		into = append(into, int(m)) // members are in ID order, as servers are
	}
	return into, c.TTL.Seconds()
}

// hear takes in what another name server answered, as the plugin does.
func (n *nameServer) hear(w word) {
	l, ok := n.policy.(policy.Listener)
	if !ok {
		return
	}
	c := policy.Choice{N: len(w.servers), TTL: span(w.ttl)}
	for i, s := range w.servers {
		c.Members[i] = uint16(s)
	}
	l.Hear(n.plan, policy.Query{Family: policy.A, Key: w.key, Now: clock(w.at)}, c, c.N)
}

// restart is a new process in the place of the old one, with what that has left, or
// without.
func (n *nameServer) restart(now float64, kept bool) error {
	fresh, err := policy.New(n.config.Policy, n.options)
	if err != nil {
		return err
	}
	if old, ok := n.policy.(policy.Rememberer); ok && kept {
		if m, some := old.Remember(); some {
			if err := fresh.(policy.Rememberer).Recall(m, clock(now)); err != nil {
				return err
			}
		}
	}
	n.policy, n.state = fresh, nil
	n.think(now)
	return nil
}
