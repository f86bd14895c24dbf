package main

import (
	"fmt"

	"github.com/ballast-lb/ballast/test/sim/world"
)

// scenario is a way in which the world is unlike the papers'.
type scenario struct {
	Name   string
	Het    int // heterogeneity
	change func(*world.Params)
	// Targets for P(<.98) of headroom with one address and with two; 0 for none.
	Target [2]float64
}

func plain(het int, targets ...float64) scenario {
	s := scenario{Name: fmt.Sprintf("%d %%", het), Het: het, change: func(*world.Params) {}}
	copy(s.Target[:], targets)
	return s
}

// levels are the papers' world.
func levels() []scenario {
	return []scenario{plain(20, .975, .975), plain(35, .975, .975), plain(50, .975, .975), plain(65, .965, .965)}
}

// others are the worlds that resolvers, reports and servers make of it. Targets
// are what a prototype of the policy reached, less a margin.
func others() []scenario {
	return []scenario{
		{"every resolver keeps answers for 60 s at least, 65 %", 65, floored(60, 1), [2]float64{.96, .96}},
		{"the same, 120 s, 65 %", 65, floored(120, 1), [2]float64{.95, .95}},
		{"the same, 120 s, 20 %", 20, floored(120, 1), [2]float64{.89, .96}},
		{"the heaviest and one other keep answers for 120 s, 35 %", 35, floored(120, .09), [2]float64{}},
		{"the first server halves at mid-run, 20 %", 20, func(p *world.Params) { p.HalveAt = p.Hours / 2 }, [2]float64{.91, .91}},
		{"the first server halves at mid-run, 65 %", 65, func(p *world.Params) { p.HalveAt = p.Hours / 2 }, [2]float64{.87, .87}},
		{"reports 32 s late, 20 % noise, 35 %", 35, func(p *world.Params) { p.Reports.Delay, p.Reports.Noise = 32, 0.2 }, [2]float64{.965, .965}},
		{"agents tell no connections, 35 %", 35, func(p *world.Params) { p.Reports.NoConnections = true }, [2]float64{}},
		{"no reports at all, 35 %", 35, func(p *world.Params) { p.Reports.Off = true }, [2]float64{}},
		{"100 resolvers, 35 %", 35, func(p *world.Params) { p.Domains = 100 }, [2]float64{}},
		{"questions as under a TTL of 60 s, 35 %", 35, func(p *world.Params) { p.MeanTTL = 60 }, [2]float64{}},
		{"half of the clients sort addresses, 35 %", 35, func(p *world.Params) { p.Sorting = 0.5 }, [2]float64{0, .96}},
		{"half of the resolvers prefetch, 35 %", 35, func(p *world.Params) { p.Resolvers.Prefetch = 0.5 }, [2]float64{}},
		{"half of them serve stale answers, 35 %", 35, func(p *world.Params) { p.Resolvers.ServeStale = 0.5 }, [2]float64{}},
		{"their clocks have whole seconds, 35 %", 35, func(p *world.Params) { p.Resolvers.WholeTTL = true }, [2]float64{}},
		{"three name servers, asked at random, 35 %", 35, func(p *world.Params) { p.Replicas = 3 }, [2]float64{}},
		{"the same, that tell each other within 0.2 s", 35, func(p *world.Params) { p.Replicas, p.Told = 3, 0.2 }, [2]float64{.965, .965}},
		{"the name server is restarted every hour, 35 %", 35, func(p *world.Params) { p.Restarts = 3600 }, [2]float64{}},
		{"the same, and keeps what it has learned, 35 %", 35, func(p *world.Params) { p.Restarts, p.Kept = 3600, true }, [2]float64{.96, .97}},
		{"sessions half as long as believed, 35 %", 35, func(p *world.Params) { p.Pages /= 2 }, [2]float64{}},
		{"forged questions, 100 a second from anywhere, 35 %", 35, func(p *world.Params) { p.Forged.PerSecond = 100 }, [2]float64{}},
		{"forged questions, 5 a second from 500 sources, 35 %", 35, func(p *world.Params) { p.Forged = world.Forged{PerSecond: 5, Sources: 500} }, [2]float64{}},
	}
}

func floored(seconds, share float64) func(*world.Params) {
	return func(p *world.Params) { p.Resolvers.Floor, p.Resolvers.Floored = seconds, share }
}

// sweep is a row of scenarios that differ in one number.
type sweep struct {
	File, Title, Label string
	at                 []float64
	change             func(p *world.Params, x float64)
}

func sweeps() []sweep {
	return []sweep{
		{"floor", "Resolvers with a least TTL, heterogeneity 35 %", "least TTL of all resolvers (s)", []float64{0, 30, 60, 90, 120},
			func(p *world.Params, x float64) { floored(x, 1)(p) }},
		{"age", "Reports that are late, heterogeneity 35 %", "delay of reports besides Consul's (s)", []float64{0, 8, 16, 32, 64, 120},
			func(p *world.Params, x float64) { p.Reports.Delay = x }},
	}
}

// scenarios are those of the sweep.
func (s sweep) scenarios() (out []scenario) {
	for _, x := range s.at {
		out = append(out, scenario{Name: fmt.Sprint(x), Het: 35, change: func(p *world.Params) { s.change(p, x) }})
	}
	return out
}

// params are what a subject is run with. The published policies get what the
// papers give them: exact reports with an alarm, and the true hidden loads.
func (s scenario) params(who subject, hours float64) world.Params {
	p := world.Defaults(s.Het)
	p.Hours = hours
	p.Policy, p.Answers = who.Policy, who.Answers
	p.Reports.Exact = !who.ours()
	s.change(&p)
	return p
}
