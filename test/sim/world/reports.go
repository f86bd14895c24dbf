package world

import (
	"math/rand/v2"
	"time"

	"github.com/ballast-lb/ballast/agent"
	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// The agents' numbers, as cmd/agent has them by default.
const (
	sampleEvery  = 2.0 // s
	smoothing    = 16 * time.Second
	loadStep     = 0.05
	refreshEvery = 10 * time.Minute
	consulDelay  = 0.1 // s, until a write is known to the name servers
)

var alarmLimits = pace.Limits{High: 0.90, Low: 0.75}

// agents measure and publish as cmd/agent does.
type agents struct {
	p      *Params
	random *rand.Rand
	list   []agentOf
	wait   []published // written and not known yet, in order of time
}

type agentOf struct {
	smooth    agent.Smoothing
	pace      pace.Pace
	alarm     pace.Alarm
	published pace.Published
	busy      float64
	at        float64
}

// published is what a name server will know of a server at a time.
type published struct {
	at     float64
	server int
	load   pool.Load
	health pool.Health
}

func newAgents(p *Params, seed uint64, servers int) *agents {
	a := &agents{p: p, random: rand.New(rand.NewPCG(seed, 0xa6e47)), list: make([]agentOf, servers)}
	for i := range a.list {
		a.list[i].smooth = agent.Smoothing{TimeConstant: smoothing}
		a.list[i].pace = pace.Pace{Every: p.Reports.Every, Step: loadStep, Refresh: refreshEvery, Limits: alarmLimits}
	}
	return a
}

// measure is one sample of the ith agent. It tells when something of it will
// be known, if it is published.
func (a *agents) measure(i int, s *server, now float64) (known float64, news bool) {
	g := &a.list[i]
	busy := s.busy(now)
	cpu := min(max(0, (busy-g.busy)/(now-g.at)), 1)
	g.busy, g.at = busy, now
	connections := s.sessions
	value, _, _ := g.smooth.Add(clock(now), load.Sample{CPU: &cpu, Connections: &connections})
	was := g.alarm.On
	g.alarm = g.alarm.Next(alarmLimits, value)
	fact, write := g.pace.Next(clock(now), g.published, pace.Fact{Load: value, Connections: connections, Boot: "b", Overloaded: g.alarm.On})
	if !write && was == g.alarm.On {
		return 0, false
	}
	if write {
		g.published = g.pace.Done(clock(now), fact, a.random.Float64())
	}
	news = true
	known = now + consulDelay + a.p.Reports.Delay
	a.wait = append(a.wait, published{known, i, a.told(g.published.Fact), healthOf(g.alarm.On)})
	return known, news
}

// told is what the fact says, with the noise of the model.
func (a *agents) told(f pace.Fact) pool.Load {
	l := pool.Load{Value: f.Load, Connections: f.Connections, Boot: f.Boot}
	if a.p.Reports.Noise > 0 {
		factor := max(0, 1+a.p.Reports.Noise*a.random.NormFloat64())
		l.Value = min(l.Value*factor, pool.MaxLoad)
		l.Connections = int(float64(l.Connections)*factor + 0.5)
	}
	if a.p.Reports.NoConnections {
		l.Connections = 0
	}
	return l
}

func healthOf(alarm bool) pool.Health {
	if alarm {
		return pool.Warning
	}
	return pool.Passing
}

// arrived takes what is known by now.
func (a *agents) arrived(now float64) []published {
	n := 0
	for n < len(a.wait) && a.wait[n].at <= now+1e-9 {
		n++
	}
	news := a.wait[:n]
	a.wait = a.wait[n:]
	return news
}

// epoch is when worlds begin.
var epoch = time.Unix(1_000_000_000, 0)

func clock(now float64) time.Time { return epoch.Add(time.Duration(now * float64(time.Second))) }
