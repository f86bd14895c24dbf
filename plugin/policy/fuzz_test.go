package policy

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// tape hands out the fuzzer's bytes, and zeros when they are used up.
type tape struct{ b []byte }

func (t *tape) byte() byte {
	if len(t.b) == 0 {
		return 0
	}
	v := t.b[0]
	t.b = t.b[1:]
	return v
}

// number is often ordinary, and sometimes any float at all.
func (t *tape) number() float64 {
	switch k := t.byte(); {
	case k < 200:
		return float64(k) / 100
	case k < 210:
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e-320, 1e300, 0, math.Copysign(0, -1), 0.9, 0.75}[k-200]
	}
	var raw [8]byte
	for i := range raw {
		raw[i] = t.byte()
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(raw[:]))
}

// span is a duration of -16 to 111 seconds, or a huge one.
func (t *tape) span() time.Duration {
	k := t.byte()
	if k >= 250 {
		return time.Duration(math.MaxInt64) >> (k - 250) * time.Duration(1-2*int(k&1))
	}
	return time.Duration(int(k)-32) * time.Second / 2
}

func (t *tape) config() Config {
	c := Config{Answers: int(int8(t.byte())), TTL: t.span(), MinTTL: t.span(), UpThresh: t.number(),
		Empty: Empty(t.byte() % 4), Ramp: t.span(), Sticky: [2]int{int(int8(t.byte())), int(t.byte())}}
	if t.byte()%2 == 0 {
		c = c.WithDefaults()
	}
	return c
}

func (t *tape) input(now time.Time) Input {
	in := Input{Now: now, Seed: uint64(t.byte()), Overrides: map[string]Override{}}
	if k := t.byte(); k%4 == 0 {
		in.Status = pool.Status{Confirmed: now.Add(-t.span()), Err: "trouble"[:k%8]}
	}
	n := int(t.byte() % 40)
	if n == 39 {
		return in
	}
	in.Pool = &pool.Pool{Service: "web", At: now}
	for i := range n {
		s := pool.Server{ID: fmt.Sprintf("s%02d", i), Capacity: t.number(), WarningFactor: t.number(),
			Health: pool.Health(t.byte() % 6), Tier: uint16(t.byte() % 3), Flip: t.span(), Wavering: t.byte()%2 == 0}
		flags := t.byte()
		if flags&1 != 0 {
			s.Addrs = append(s.Addrs, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		}
		if flags&2 != 0 {
			s.Addrs = append(s.Addrs, netip.AddrFrom16([16]byte{15: byte(i)}))
		}
		if flags&4 != 0 {
			s.Load = pool.Load{Value: t.number(), At: now.Add(-t.span()), Boot: fmt.Sprint(flags & 8)}
		}
		if flags&16 != 0 {
			o := Override{Factor: t.number(), Drain: flags&32 != 0}
			if flags&64 != 0 {
				o.Until = now.Add(t.span())
			}
			in.Overrides[s.ID] = o
		}
		if flags&128 == 0 || i%2 == 0 {
			in.Pool.Servers = append(in.Pool.Servers, s)
		}
	}
	return in
}

func FuzzNextAndDraw(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("2 servers and a few moments of theirs, whatever these bytes may mean to them"))
	random := fixedRandom(99)
	for range 20 {
		b := make([]byte, 600)
		for i := range b {
			b[i] = byte(random())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		policies := map[string]Policy{}
		for _, name := range Names() {
			policies[name], _ = New(name, Options{Limit: 8})
		}
		tp := &tape{b}
		cfg, now := tp.config(), epoch
		var st *State
		var due time.Time
		for range 4 {
			in := tp.input(now)
			before := st
			for _, name := range Names() {
				cfg.Policy = name
				var p *Plan
				p, st = Next(cfg, in, before)
				checkPlan(t, p)
				drawAll(t, tp, policies[name], p, now)
				due = p.Due
			}
			if now = now.Add(tp.span() % time.Hour); !due.IsZero() && tp.byte()%2 == 0 {
				now = due
			}
		}
	})
}

// drawAll asks a policy for every family, in the name of anybody.
func drawAll(t *testing.T, tp *tape, pol Policy, p *Plan, now time.Time) {
	t.Helper()
	l, learns := pol.(Learner)
	if learns {
		l.Adopt(p)
	}
	for f := range Families {
		q := Query{Family: f, Random: uint64(tp.byte()) * golden, Stable: tp.byte()%2 == 0, Now: now}
		if kinds[p.Config.Policy].keyed {
			q.Key = keyOf(uint32(tp.byte() % 4))
		}
		c := pol.Draw(p, q)
		checkChoice(t, p, f, &c)
	}
	if learns {
		l.Tick(now.Add(tp.span() % time.Hour))
	}
}
