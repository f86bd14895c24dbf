package world

import (
	"math/rand/v2"
	"net/netip"

	"github.com/ballast-lb/ballast/internal/pool"
)

// World is a model at work.
type World struct {
	p         Params
	now       float64
	events    queue
	clients   []*client
	resolvers []*resolver
	servers   []server
	names     []*nameServer
	agents    *agents
	random    *rand.Rand // of what is neither the clients' nor the policy's
	answer    [32]int
	words     []word // under way between name servers, the oldest first
	forged    int
	result    Result
}

// New makes a world.
func New(p Params, seed uint64) (*World, error) {
	if p.Policy == Ideal {
		p.Uniform = true
	}
	w := &World{p: p, random: rand.New(rand.NewPCG(seed, 0x3177)), resolvers: newResolvers(&p)}
	sum := 0.0
	for _, c := range p.Capacities {
		sum += c
	}
	for _, c := range p.Capacities {
		w.servers = append(w.servers, server{capacity: p.Total * c / sum, nominal: p.Total * c / sum})
	}
	rates := w.populate(seed)
	for range max(1, p.Replicas) {
		if p.Policy == Oracle {
			break
		}
		n, err := newNameServer(&w.p, seed+uint64(len(w.names))<<32, w.servers, rates)
		if err != nil {
			return nil, err
		}
		w.names = append(w.names, n)
	}
	w.schedule(seed)
	return w, nil
}

// populate makes the clients, and tells the rate at which each resolver's
// sessions begin, as the published policies know it.
func (w *World) populate(seed uint64) map[netip.Prefix]float64 {
	rates := map[netip.Prefix]float64{}
	for domain, n := range zipf(w.p.Clients, w.p.Domains, w.p.Uniform) {
		wrong := 1 + w.p.Error*(2*w.random.Float64()-1)
		rates[w.resolvers[domain].key] = wrong * float64(n) / (w.p.Pages * w.p.Think)
		for range n {
			w.clients = append(w.clients, newClient(&w.p, seed, len(w.clients), domain))
		}
	}
	return rates
}

// schedule makes the first events.
func (w *World) schedule(seed uint64) {
	for i, c := range w.clients {
		w.events.push(event{c.random.Float64() * w.p.Think, page, i})
	}
	w.events.push(event{Window, sample, 0})
	w.events.push(event{1, tick, 0})
	if w.p.Forged.PerSecond > 0 && len(w.names) > 0 {
		w.events.push(event{forgedFrom, forge, 0})
	}
	if w.p.Restarts > 0 {
		w.events.push(event{w.p.Restarts, restart, 0})
	}
	if w.p.Reports.Exact || w.p.Reports.Off {
		return
	}
	w.agents = newAgents(&w.p, seed, len(w.servers))
	for i := range w.servers {
		w.events.push(event{w.random.Float64() * sampleEvery, report, i})
	}
}

// Run lets the hours pass, and tells what happened.
func (w *World) Run() Result {
	act := [...]func(int){page: w.page, sample: w.sample, report: w.report, arrive: w.arrive, tick: w.tick, forge: w.forge, hear: w.hear, restart: w.restart}
	for end := w.p.Hours * 3600; w.events[0].at < end; {
		e := w.events.pop()
		w.now = e.at
		act[e.kind](e.who)
	}
	for _, n := range w.names {
		w.result.Queries += float64(n.queries) / ((w.p.Hours - w.p.Warm) * 3600)
	}
	w.result.close()
	return w.result
}

func (w *World) warm() bool { return w.now > w.p.Warm*3600 }

// page is a client's: maybe the first of a session.
func (w *World) page(i int) {
	c := w.clients[i]
	if c.left == 0 {
		if c.server >= 0 {
			w.servers[c.server].sessions--
		}
		c.begin(&w.p, w.resolve(c.domain))
		w.servers[c.server].sessions++
	}
	c.left--
	done := w.servers[c.server].give(w.now, c.hits(&w.p))
	if w.warm() {
		w.result.page(done - w.now)
	}
	w.events.push(event{done + c.random.ExpFloat64()*w.p.Think, page, i})
}

// resolve is a client's question to its resolver.
func (w *World) resolve(domain int) []int {
	if w.p.Policy == Oracle {
		w.answer[0] = w.leastSessions()
		return w.answer[:1]
	}
	r := w.resolvers[domain]
	return r.lookup(w.now, func() ([]int, float64) {
		n := 0
		if len(w.names) > 1 {
			n = w.random.IntN(len(w.names))
		}
		servers, ttl := w.names[n].answer(w.now, r.key, w.answer[:0])
		w.tell(n, r.key, servers, ttl)
		return servers, ttl
	})
}

func (w *World) leastSessions() int {
	best, least := 0, 0.0
	for i := range w.servers {
		if s := &w.servers[i]; i == 0 || float64(s.sessions+1)/s.capacity < least {
			best, least = i, float64(s.sessions+1)/s.capacity
		}
	}
	return best
}

// sample counts the utilisation of a window.
func (w *World) sample(int) {
	var most, work, total float64
	news := make([]published, len(w.servers))
	for i := range w.servers {
		s := &w.servers[i]
		u := s.utilisation(w.now)
		most, work, total = max(most, u), work+u*s.capacity, total+s.capacity
		news[i] = published{server: i, load: pool.Load{Value: u, Connections: s.sessions, Boot: "b"}, health: healthOf(u > w.p.Reports.Alarm)}
	}
	w.result.add(w.warm(), most, work/total)
	if w.now == w.p.Warm*3600 {
		for _, n := range w.names {
			n.queries = 0 // as with windows
		}
	}
	if w.p.Reports.Exact && !w.p.Reports.Off {
		for _, n := range w.names {
			n.learn(w.now, news)
		}
	}
	w.halve()
	w.events.push(event{w.now + Window, sample, 0})
}

// halve takes half of its capacity from the first server, when it is time.
func (w *World) halve() {
	if s := &w.servers[0]; w.p.HalveAt > 0 && w.now >= w.p.HalveAt*3600 && s.capacity == s.nominal {
		s.capacity /= 2
	}
}

// report is a sample of an agent.
func (w *World) report(i int) {
	if known, news := w.agents.measure(i, &w.servers[i], w.now); news {
		w.events.push(event{known, arrive, 0})
	}
	w.events.push(event{w.now + sampleEvery, report, i})
}

func (w *World) arrive(int) {
	news := w.agents.arrived(w.now)
	for _, n := range w.names {
		n.learn(w.now, news)
	}
}

func (w *World) tick(int) {
	for _, n := range w.names {
		n.tick(w.now)
	}
	w.events.push(event{w.now + 1, tick, 0})
}

// restart is of all name servers at once.
func (w *World) restart(int) {
	for _, n := range w.names {
		if err := n.restart(w.now, w.p.Kept); err != nil {
			panic(err) // the policy was made once before, and what it remembers is its own
		}
	}
	w.events.push(event{w.now + w.p.Restarts, restart, 0})
}

// forge asks in the name of somebody who is not there.
func (w *World) forge(int) {
	n := w.random.IntN(1 << 24)
	if f := w.p.Forged.Sources; f > 0 {
		n = w.forged % f
	}
	w.forged++
	key := netip.PrefixFrom(netip.AddrFrom4([4]byte{11, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
	w.names[0].answer(w.now, key, w.answer[:0])
	w.names[0].queries--
	w.events.push(event{w.now + w.random.ExpFloat64()/w.p.Forged.PerSecond, forge, 0})
}
