package policy

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// manyKeys are n resolver keys of equal hidden load.
func manyKeys(n int) map[netip.Prefix]float64 {
	rates := map[netip.Prefix]float64{}
	for i := range n {
		rates[keyOf(uint32(i))] = 0.1
	}
	return rates
}

// parts are the servers' parts of the first places of so many answers, of keys
// in turn and a tenth of a second apart.
func (k *class) parts(n, keys int) map[string]float64 {
	k.t.Helper()
	out := map[string]float64{}
	for i := range n {
		if i%10 == 0 {
			k.pass(time.Second)
		}
		out[k.who(k.ask(keyOf(uint32(i%keys))))] += 1 / float64(n)
	}
	return out
}

// TestHeadroomServers: who is given how much, by known keys and by new ones.
func TestHeadroomServers(t *testing.T) {
	for _, c := range []struct {
		name, before, pool string
		ramp               time.Duration
		want               map[string][2]float64 // least and most
	}{
		{name: "by capacity", pool: "a; b cap=2; c", want: map[string][2]float64{"a": {0.2, 0.3}, "b": {0.45, 0.55}, "c": {0.2, 0.3}}},
		{name: "critical", pool: "a; b critical; c", want: map[string][2]float64{"a": {0.45, 0.55}, "b": {0, 0}, "c": {0.45, 0.55}}},
		{name: "drained", pool: "a; b drained; c", want: map[string][2]float64{"a": {0.45, 0.55}, "b": {0, 0}, "c": {0.45, 0.55}}},
		{name: "of a tier that waits", pool: "a; b tier=1; c", want: map[string][2]float64{"a": {0.45, 0.55}, "b": {0, 0}, "c": {0.45, 0.55}}},
		{name: "ramping", before: "a; b critical; c", pool: "a; b; c", ramp: time.Hour,
			want: map[string][2]float64{"a": {0.4, 0.55}, "b": {0.001, 0.1}, "c": {0.4, 0.55}}},
		{name: "nobody live", pool: "a critical; b critical cap=2; c critical",
			want: map[string][2]float64{"a": {0.2, 0.3}, "b": {0.45, 0.55}, "c": {0.2, 0.3}}},
		{name: "all reports old", pool: "a load=0.9 conns=90 at=-100; b cap=2 load=0.1 conns=10 at=-100; c load=0.2 conns=20 at=-100",
			want: map[string][2]float64{"a": {0.2, 0.3}, "b": {0.45, 0.55}, "c": {0.2, 0.3}}},
	} {
		for name, rates := range map[string]map[netip.Prefix]float64{"known keys": manyKeys(100), "new keys": nil} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				cfg, keys := roomConfig(), 100
				if cfg.Ramp = c.ramp; c.ramp == 0 {
					cfg.Ramp = NoRamp
				}
				if rates == nil {
					keys = math.MaxInt32
				}
				before := c.before
				if before == "" {
					before = c.pool
				}
				k, _ := settledClass(t, cfg, rates, before)
				k.next(c.pool)
				got := k.parts(1000, keys)
				for id, want := range c.want {
					if got[id] < want[0] || got[id] > want[1] {
						t.Errorf("%s has %.3f of the answers, want %v to %v", id, got[id], want[0], want[1])
					}
				}
			})
		}
	}
}

// TestHeadroomTTLInTrouble: when little can be trusted, nobody is tied for long.
func TestHeadroomTTLInTrouble(t *testing.T) {
	for _, c := range []struct {
		name, pool string
		status     pool.Status
		want       time.Duration
	}{
		{name: "none", pool: "a; b", status: pool.Status{Confirmed: at(61)}, want: 600 * time.Second},
		{name: "trouble with the source", pool: "a; b", status: pool.Status{Confirmed: at(61), Err: "refused"}, want: 30 * time.Second},
		{name: "a source that is silent", pool: "a; b", status: pool.Status{Confirmed: at(-60)}, want: 30 * time.Second},
		{name: "nobody live", pool: "a critical; b critical", want: 30 * time.Second},
		{name: "checks waver", pool: "a flip=45; b", want: 45 * time.Second},
		{name: "warning is not", pool: "a warning; b", want: 600 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, _ := settledClass(t, roomConfig(), manyKeys(1000), "a; b")
			k.with(Input{Pool: parsePool(c.pool), Status: c.status})
			if got := k.ask(keyOf(1)).TTL; got != c.want {
				t.Errorf("TTL %v, want %v", got, c.want)
			}
			if got, want := k.ask(keyOf(1e6)).TTL, min(c.want, 134*time.Second); got > want {
				t.Errorf("of a new key: TTL %v, want at most %v", got, want)
			}
		})
	}
}

// TestReportsAreFollowed: a server with more connections than its share is
// given less, as long as its reports are fresh.
func TestReportsAreFollowed(t *testing.T) {
	k, _ := settledClass(t, roomConfig(), manyKeys(100), "a; b; c")
	even := "a load=0.5 conns=100; b load=0.5 conns=100; c load=0.5 conns=100"
	k.live(time.Minute, even)
	k.live(2*time.Minute, "a load=0.75 conns=150; b load=0.5 conns=100; c load=0.5 conns=100")
	if got := k.parts(50, 100); got["a"] > 0.05 {
		t.Errorf("a has %.3f of the answers, though it has half too much", got["a"])
	}
}

// TestLargePools: of a thousand servers not all are looked at for each answer,
// but those that are overloaded are avoided all the same.
func TestLargePools(t *testing.T) {
	cfg := roomConfig()
	cfg.Answers = 2
	big := sizedPool(1000)
	busy := map[string]bool{}
	for i := range big.Servers {
		s := &big.Servers[i]
		s.Load = pool.Load{Value: 0.5, Connections: int(100 * s.Capacity), At: epoch}
		if i%7 == 0 {
			s.Load.Value, s.Load.Connections = 0.95, int(190*s.Capacity)
			busy[s.ID] = true
		}
	}
	k, _ := settledClass(t, cfg, manyKeys(10_000), "a")
	for range 12 {
		next := *big
		next.Servers = append([]pool.Server(nil), big.Servers...)
		for i := range next.Servers {
			next.Servers[i].Load.At = k.now
		}
		k.with(Input{Pool: &next})
		k.now = k.now.Add(8 * time.Second)
		k.policy.Tick(k.now)
	}
	met, bad := map[string]bool{}, 0
	for i := range 2000 {
		if i%100 == 0 {
			k.pass(time.Second)
		}
		for c, j := k.ask(keyOf(uint32(i))), 0; j < c.N; j++ {
			id := k.plan.Members[c.Members[j]].Server.ID
			if met[id] = true; busy[id] {
				bad++
			}
		}
	}
	if bad > 10 {
		t.Errorf("%d of 4000 places are those of overloaded servers", bad)
	}
	if len(met) < 500 {
		t.Errorf("only %d of 1000 servers were met", len(met))
	}
}

// TestHeadroomReload: another Config for the same policy.
func TestHeadroomReload(t *testing.T) {
	k, h := settledClass(t, roomConfig(), nil, "a cap=2; b; c")
	text := "a cap=2 load=0.5 conns=50; b load=0.5 conns=50; c load=0.5 conns=50"
	for i := range 120 { // a has but half of what it is configured with
		k.live(5*time.Second, text)
		k.ask(keyOf(uint32(i % 3)))
	}
	keys, shares := h.keys.Len(), fmt.Sprintf("%.2f", h.shares())
	if keys != 3 || shares == "[0.50 0.25 0.25]" {
		t.Fatalf("%d keys, shares %s: nothing was learned", keys, shares)
	}
	k.cfg.TTL, k.cfg.MeanTTL, k.cfg.Answers = 300*time.Second, 80*time.Second, 2
	k.live(5*time.Second, text)
	if h.keys.Len() != keys || fmt.Sprintf("%.2f", h.shares()) != shares {
		t.Errorf("%d keys, shares %.2f; before %d and %s", h.keys.Len(), h.shares(), keys, shares)
	}
	if last := h.grid[len(h.grid)-1]; last != 300 {
		t.Errorf("TTLs %v, want them up to 300", h.grid)
	}
	if c := k.ask(keyOf(1)); c.N != 2 || c.TTL > k.cfg.TTL {
		t.Errorf("%d answers for %v", c.N, c.TTL)
	}
}
