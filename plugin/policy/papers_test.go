package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy/hidden"
)

// The model of the papers (ICDCS 1998, TKDE 14(2) 2002): 500 clients behind 20
// resolvers by Zipf's law, sessions of 20 pages with 15 s of thought between
// them, and a constant TTL of 240 s to compare with.
const (
	papersClients = 500
	papersKeys    = 20
	papersSession = 20 * 15.0 // s
	papersTTL     = 240 * time.Second
)

// papersCapacities are the servers' capacities, by the greatest gap between two
// of them in percent.
var papersCapacities = map[int][]float64{
	20: {1, 1, 1, .8, .8, .8, .8},
	35: {1, 1, .8, .8, .65, .65, .65},
	50: {1, 1, .8, .8, .5, .5, .5},
	65: {1, 1, .8, .8, .35, .35, .35},
}

// papersClientsOf splits the clients over the keys in proportion to 1/rank, by
// largest remainder.
func papersClientsOf() []int {
	sum := 0.0
	for rank := range papersKeys {
		sum += 1 / float64(rank+1)
	}
	counts, rest, left := make([]int, papersKeys), make([]float64, papersKeys), papersClients
	for rank := range counts {
		exact := papersClients / sum / float64(rank+1)
		counts[rank] = int(exact)
		rest[rank] = exact - float64(counts[rank])
		left -= counts[rank]
	}
	for ; left > 0; left-- {
		most := 0
		for rank := range rest {
			if rest[rank] > rest[most] {
				most = rank
			}
		}
		counts[most]++
		rest[most] = -1
	}
	return counts
}

// papersRates are sessions a second, by key: keyOf(0) is the heaviest.
func papersRates() map[netip.Prefix]float64 {
	rates := map[netip.Prefix]float64{}
	for rank, n := range papersClientsOf() {
		rates[keyOf(uint32(rank))] = float64(n) / papersSession
	}
	return rates
}

// poolOf writes servers of those capacities, named a, b and so on, for
// parsePool.
func poolOf(capacities []float64) string {
	var out []string
	for i, c := range capacities {
		out = append(out, fmt.Sprintf("%c cap=%v", 'a'+i, c))
	}
	return strings.Join(out, "; ")
}

// papersConfig clips no TTL.
func papersConfig() Config {
	return Config{Answers: 1, TTL: 24 * time.Hour, MinTTL: time.Second, MeanTTL: papersTTL, Ramp: NoRamp}
}

// class is a policy at work: one that learns, for tests to ask in turn.
type class struct {
	t      *testing.T
	policy Learner
	cfg    Config
	state  *State
	plan   *Plan
	now    time.Time
	random func() uint64
}

// attend makes a policy that knows the rates of resolver keys, or is to learn
// them if there are none.
func attend(t *testing.T, name string, cfg Config, rates map[netip.Prefix]float64, pool string) *class {
	t.Helper()
	o := Options{Seed: 7}
	if rates != nil {
		o.Keys = hidden.Given(rates)
	}
	pol, err := New(name, o)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Policy = name
	k := &class{t: t, policy: pol.(Learner), cfg: cfg, now: epoch, random: fixedRandom(11)}
	t.Cleanup(k.policy.Close)
	k.next(pool)
	k.policy.Tick(k.now)
	return k
}

// next makes a plan of another pool, now.
func (k *class) next(text string) {
	k.with(Input{Pool: parsePool(text)})
}

func (k *class) with(in Input) {
	in.Now = k.now
	k.plan, k.state = Next(k.cfg, in, k.state)
	k.policy.Adopt(k.plan)
}

// ask gives a key an answer, and checks that it is a possible one.
func (k *class) ask(key netip.Prefix) Choice {
	k.t.Helper()
	c := k.policy.Draw(k.plan, Query{Key: key, Now: k.now, Random: k.random()})
	checkChoice(k.t, k.plan, A, &c)
	return c
}

// who is the first server of an answer.
func (k *class) who(c Choice) string { return k.plan.Members[c.Members[0]].Server.ID }

// pass lets time pass, a second at a time.
func (k *class) pass(d time.Duration) {
	for end := k.now.Add(d); k.now.Before(end); {
		k.now = k.now.Add(time.Second)
		k.policy.Tick(k.now)
	}
}

// asked is whom so many questions of a key get, in order.
func (k *class) asked(n int, key netip.Prefix) string {
	k.t.Helper()
	var out []string
	for range n {
		k.now = k.now.Add(10 * time.Second)
		out = append(out, k.who(k.ask(key)))
	}
	return strings.Join(out, " ")
}

// live lets time pass with a pool whose reports stay fresh: a plan every five
// seconds.
func (k *class) live(d time.Duration, text string) {
	for end := k.now.Add(d); k.now.Before(end); {
		p := parsePool(text)
		for i := range p.Servers {
			if s := &p.Servers[i]; s.Load.Known() {
				s.Load.At = k.now
			}
		}
		k.with(Input{Pool: p})
		k.pass(5 * time.Second)
	}
}
