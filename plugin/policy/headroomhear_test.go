package policy

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
)

// replicas are name servers of one zone.
type replicas []*class

func (r replicas) at(now time.Time) {
	for _, k := range r {
		k.now = now
		k.policy.Tick(now)
	}
}

// ask asks one of them; the others hear of it.
func (r replicas) ask(which int, key netip.Prefix) Choice {
	k := r[which]
	q := Query{Family: A, Key: key, Now: k.now, Random: 7}
	c := k.policy.Draw(k.plan, q)
	for i, other := range r {
		if i != which {
			other.policy.(Listener).Hear(other.plan, q, c, c.N)
		}
	}
	return c
}

// TestHearingIsAsGoodAsAnswering has three name servers that caches ask at random,
// for some hours: each of them ends up with what a single one would know.
func TestHearingIsAsGoodAsAnswering(t *testing.T) {
	const keys = 12
	var r replicas
	for range 3 {
		r = append(r, attend(t, "headroom", roomConfig(), nil, "a cap=3; b cap=2; c"))
	}
	random, now := rand.New(rand.NewPCG(1, 2)), r[0].now
	due := make([]time.Time, keys)
	rate := func(i int) float64 { return 0.05 * float64(1+i) } // sessions a second
	for end := now.Add(6 * time.Hour); now.Before(end); now = now.Add(time.Second) {
		r.at(now)
		for i := range due {
			if !now.Before(due[i]) {
				c := r.ask(random.IntN(3), keyOf(uint32(i)))
				due[i] = now.Add(c.TTL + time.Duration(random.ExpFloat64()/rate(i)*1e9))
			}
		}
	}
	for i := range uint32(keys) {
		var first Hidden
		for n, k := range r {
			h := k.policy.Explain(k.plan, Query{Family: A, Key: keyOf(i), Now: now}).Hidden
			if ratio := h.Rate / rate(int(i)); !h.Known || !h.Trusted || ratio < 0.6 || ratio > 1.6 {
				t.Errorf("name server %d, key %d: rate %.3f of %.3f, %+v", n, i, h.Rate, rate(int(i)), h)
			}
			if n == 0 {
				first = h
			}
			if math.Abs(h.Rate/first.Rate-1) > 0.05 || len(h.Held) != len(first.Held) || len(h.Held) > 0 && h.Held[0] != first.Held[0] {
				t.Errorf("key %d: name server 0 knows %+v, %d %+v", i, first, n, h)
			}
		}
	}
	for id, b := range r[0].policy.Survey(now).Servers {
		for n, k := range r[1:] {
			if other := k.policy.Survey(now).Servers[id]; math.Abs(other.Load-b.Load) > 0.03 {
				t.Errorf("load of %s is %.3f, at name server %d %.3f", id, b.Load, n+1, other.Load)
			}
		}
	}
}

func TestHearsay(t *testing.T) {
	begin := func(t *testing.T) (*class, *headroom) { return settledClass(t, roomConfig(), fifths, "a; b cap=3; c") }
	held := func(k *class, key netip.Prefix) []uint16 {
		return k.policy.Explain(k.plan, Query{Family: A, Key: key, Now: k.now}).Hidden.Held
	}
	hear := func(k *class, h *headroom, key netip.Prefix, f Family, members ...uint16) {
		c := Choice{N: len(members), TTL: time.Minute}
		copy(c.Members[:], members)
		h.Hear(k.plan, Query{Family: f, Key: key, Now: k.now}, c, c.N)
	}
	t.Run("replaces the answer before", func(t *testing.T) {
		k, h := begin(t)
		k.ask(keyOf(0))
		k.now = k.now.Add(time.Minute)
		hear(k, h, keyOf(0), A, 2)
		if got := held(k, keyOf(0)); len(got) != 1 || got[0] != 2 {
			t.Errorf("held %v", got)
		}
	})
	t.Run("of a moment before our own answer", func(t *testing.T) {
		k, h := begin(t)
		own := k.ask(keyOf(0))
		k.now = k.now.Add(-30 * time.Millisecond)
		hear(k, h, keyOf(0), A, (own.Members[0]+1)%3)
		if got := held(k, keyOf(0)); len(got) != 1 || got[0] != own.Members[0] {
			t.Errorf("held %v, want %d", got, own.Members[0])
		}
	})
	t.Run("after the clock was set back", func(t *testing.T) {
		k, h := begin(t)
		own := k.ask(keyOf(0))
		k.now = k.now.Add(-time.Hour)
		hear(k, h, keyOf(0), A, (own.Members[0]+1)%3)
		if got := held(k, keyOf(0)); len(got) != 1 || got[0] == own.Members[0] {
			t.Errorf("held %v, as before", got)
		}
	})
	t.Run("of servers that we do not know", func(t *testing.T) {
		k, h := begin(t)
		k.ask(keyOf(0))
		k.now = k.now.Add(time.Minute)
		hear(k, h, keyOf(0), A)
		if got := held(k, keyOf(0)); len(got) != 0 {
			t.Errorf("held %v", got)
		}
	})
	t.Run("of servers of which we know one of two", func(t *testing.T) {
		k, h := begin(t)
		c := Choice{N: 1, TTL: time.Minute}
		h.Hear(k.plan, Query{Family: A, Key: keyOf(0), Now: k.now}, c, 2)
		if got := h.belief.Recent(k.plan.view.slots[0]); math.Abs(got-0.1) > 1e-6 { // half of a fifth
			t.Errorf("It was told to %v of the demand, want 0.1", got)
		}
	})
	t.Run("of what is not steered by key", func(t *testing.T) {
		k, h := begin(t)
		for _, f := range []Family{AAAA, SRV, Families, 100} {
			hear(k, h, keyOf(0), f, 1)
		}
		hear(k, h, netip.Prefix{}, A, 1)
		hear(k, h, netip.MustParsePrefix("0.0.0.0/0"), A, 1)
		if got := held(k, keyOf(0)); len(got) != 0 {
			t.Errorf("held %v", got)
		}
	})
	t.Run("allocates nothing", func(t *testing.T) {
		k, h := begin(t)
		if n := testing.AllocsPerRun(100, func() {
			k.now = k.now.Add(time.Minute)
			hear(k, h, keyOf(0), A, 1)
		}); n > 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
