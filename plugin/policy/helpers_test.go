package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// epoch is when tests begin; at is some seconds later.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

// settings change a server in parsePool.
var settings = map[string]func(s *pool.Server, v string){
	"cap":   func(s *pool.Server, v string) { s.Capacity = number(v) },
	"load":  func(s *pool.Server, v string) { s.Load.Value, s.Load.At = number(v), epoch },
	"conns": func(s *pool.Server, v string) { s.Load.Connections = int(number(v)) },
	"at":    func(s *pool.Server, v string) { s.Load.At = at(number(v)) },
	"boot":  func(s *pool.Server, v string) { s.Load.Boot = v },
	"tier":  func(s *pool.Server, v string) { s.Tier = uint16(number(v)) },
	"keeps": func(s *pool.Server, v string) { s.WarningFactor = number(v) },
	"flip": func(s *pool.Server, v string) {
		s.Flip, s.Wavering = time.Duration(number(v)*float64(time.Second)), true
	},
	"steady":   func(s *pool.Server, v string) { s.Flip = time.Duration(number(v) * float64(time.Second)) },
	"reason":   func(s *pool.Server, v string) { s.Reason = v },
	"since":    func(s *pool.Server, v string) { s.Since = at(number(v)) },
	"addr":     func(s *pool.Server, v string) { s.Addrs = addresses(v) },
	"critical": func(s *pool.Server, _ string) { s.Health = pool.Critical },
	"warning":  func(s *pool.Server, _ string) { s.Health = pool.Warning },
	"drained":  func(s *pool.Server, _ string) { s.Health = pool.Drained },
	"unknown":  func(s *pool.Server, _ string) { s.Health = pool.Unknown },
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return v
}

func addresses(s string) []netip.Addr {
	var out []netip.Addr
	for a := range strings.SplitSeq(s, "+") {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// parsePool reads servers like "a cap=3 load=0.93; b critical tier=20". They
// are passing and have capacity 1 and an IPv4 address unless it says otherwise.
func parsePool(text string) *pool.Pool {
	p := &pool.Pool{Service: "web", At: epoch}
	for part := range strings.SplitSeq(text, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		s := pool.Server{ID: words[0], Port: 80, Capacity: 1, Health: pool.Passing,
			Addrs: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(len(p.Servers) + 1)})}}
		for _, w := range words[1:] {
			name, value, _ := strings.Cut(w, "=")
			settings[name](&s, value)
		}
		p.Servers = append(p.Servers, s)
	}
	return p
}

// sizedPool has n servers of capacities 1 to 5 and both address families.
func sizedPool(n int) *pool.Pool {
	p := &pool.Pool{Service: "web", At: epoch}
	for i := range n {
		v4 := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		v6 := netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 2: 0xd, 3: 0xb8, 14: byte(i >> 8), 15: byte(i)})
		p.Servers = append(p.Servers, pool.Server{ID: fmt.Sprintf("web-%04d", i), Port: 80,
			Capacity: float64(1 + i%5), Health: pool.Passing, Addrs: []netip.Addr{v4, v6}})
	}
	return p
}

func testConfig() Config {
	return Config{Policy: "weighted", TTL: 300 * time.Second, MinTTL: 30 * time.Second}.WithDefaults()
}

// served is a new policy of that name, with a plan that it draws from.
func served(name string, cfg Config, in Input) (Policy, *Plan) {
	pol, err := New(name, Options{})
	if err != nil {
		panic(err)
	}
	cfg.Policy = name
	p, _ := Next(cfg, in, nil)
	if l, ok := pol.(Learner); ok {
		l.Adopt(p)
	}
	return pol, p
}

// planOf is the plan of a first moment.
func planOf(cfg Config, text string) *Plan {
	p, _ := Next(cfg, Input{Now: epoch, Pool: parsePool(text)}, nil)
	return p
}

// shares writes who is in like "a 0.75, b 0.25".
func shares(p *Plan) string {
	var out []string
	for _, m := range p.Members {
		if m.In {
			out = append(out, fmt.Sprintf("%s %.2f", m.Server.ID, m.Share))
		}
	}
	return strings.Join(out, ", ")
}

func member(t *testing.T, p *Plan, id string) *Member {
	t.Helper()
	i := slices.IndexFunc(p.Members, func(m Member) bool { return m.Server.ID == id })
	if i < 0 {
		t.Fatalf("no member %s", id)
	}
	return &p.Members[i]
}

func wantShares(t *testing.T, p *Plan, want string) {
	t.Helper()
	if got := shares(p); got != want {
		t.Errorf("shares %q, want %q (mode %v: %s)", got, want, p.Mode, p.Reason)
	}
}

// sequence feeds Next one moment after another.
type sequence struct {
	cfg   Config
	state *State
}

func (s *sequence) next(seconds float64, text string) *Plan {
	return s.with(Input{Now: at(seconds), Pool: parsePool(text)})
}

func (s *sequence) with(in Input) *Plan {
	var p *Plan
	p, s.state = Next(s.cfg, in, s.state)
	return p
}

// fixedRandom is a SplitMix64 sequence, as unlike the draws' own as their
// callers' is.
func fixedRandom(seed uint64) func() uint64 {
	return func() uint64 {
		seed++
		return mix(mix(seed) ^ 0x5bd1e995)
	}
}
