package verdict

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/schedule"
	"github.com/ballast-lb/ballast/internal/pool"
)

// story makes moments from bytes: each byte is one decision, and those that are
// missing are 0.
type story struct{ data []byte }

func (s *story) roll(n int) int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b) % n
}

func (s *story) config() Config {
	cfg := Defaults()
	cfg.Scheduler = schedule.Kind(s.roll(7))
	cfg.MaxEjected = []int{50, 0, 10, 100}[s.roll(4)]
	cfg.Consecutive = s.roll(4)
	cfg.Quorum, cfg.QuorumMargin = s.roll(4), s.roll(2)
	cfg.QuorumShare = float64(s.roll(3)) * 0.4
	cfg.Panic = s.roll(3) > 0
	cfg.DrainDeadline = time.Duration(s.roll(2)) * 10 * time.Second
	return cfg
}

func (s *story) moment(now time.Time) Input {
	in := Input{Now: now, Pool: &pool.Pool{}, Fallback: &pool.Pool{}, Overrides: map[string]Override{}, Tallies: map[string]Tally{}}
	for i := range 7 {
		kind := s.roll(16)
		if kind == 15 {
			continue // not there
		}
		server := pool.Server{
			ID: string(rune('a' + i)), Port: 80, Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})},
			Health:   []pool.Health{pool.Passing, pool.Passing, pool.Warning, pool.Critical, pool.Critical, pool.Unknown, pool.Drained}[s.roll(7)],
			Capacity: []float64{1, 2, 1, 0.001, 0, 1e6}[s.roll(6)], Tier: uint16(kind % 2),
			Load: pool.Load{Value: float64(s.roll(12)) / 10, At: now, Boot: []string{"", "1", "2"}[s.roll(3)]},
		}
		if kind == 14 {
			server.Addrs = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, 0})} // perhaps another's
		}
		in.Tallies[server.ID] = Tally{Streak: uint32(s.roll(12)), SYNACKs: uint64(s.roll(2)), Active: uint32(s.roll(2))}
		switch s.roll(12) {
		case 10:
			in.Overrides[server.ID] = Override{Drain: true, Deadline: now.Add(time.Duration(s.roll(20)-5) * time.Second)}
		case 11:
			in.Overrides[server.ID] = Override{Factor: float64(s.roll(3))}
		}
		p := in.Pool
		if i == 6 {
			p = in.Fallback
		}
		p.Servers = append(p.Servers, server)
	}
	return in
}

// FuzzNext goes through any story of 12 moments and checks each verdict.
func FuzzNext(f *testing.F) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 700)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &story{data}
		cfg, now := s.config(), epoch
		var memory *Memory
		generations := map[string]uint32{}
		for range 12 {
			now = now.Add([]time.Duration{time.Second, time.Second, 200 * time.Millisecond, 7 * time.Second, time.Minute, 0}[s.roll(6)])
			in := s.moment(now)
			var v *Verdict
			v, memory = Next(cfg, in, memory)
			checkVerdict(t, &cfg, &in, v)
			for _, s := range v.Servers {
				if s.Addr.IsValid() {
					if s.Generation < generations[s.Addr.String()] {
						t.Fatalf("%s went back to generation %d", s.ID, s.Generation)
					}
					generations[s.Addr.String()] = s.Generation
				}
			}
		}
	})
}

// checkVerdict wants what the package promises of every moment.
func checkVerdict(t *testing.T, cfg *Config, in *Input, v *Verdict) {
	t.Helper()
	able, eligible, presumed := 0, 0, v.Panic
	alive, ejected := map[[2]int]int{}, map[[2]int]int{}
	addrs := map[netip.Addr]bool{}
	capacities := map[[2]int]float64{}
	for _, s := range v.Servers {
		if f := find(in, s.ID); f != nil && s.State != Removed {
			capacities[groupOf(s)] += f.Capacity
		}
	}
	for i := range v.Servers {
		s := &v.Servers[i]
		if s.Addr.IsValid() && addrs[s.Addr] {
			t.Fatalf("two verdicts on %v in %s", s.Addr, spell(v))
		}
		addrs[s.Addr] = true
		checkServer(t, s)
		if s.Eligible() {
			eligible++
		}
		if s.State == Ejected {
			ejected[groupOf(*s)]++
		}
		f, o := find(in, s.ID), in.Overrides[s.ID]
		_, overridden := in.Overrides[s.ID]
		if s.State == Removed || !s.Addr.IsValid() || f.Health == pool.Drained || overridden && (o.Drain || o.Factor == 0) {
			continue
		}
		if f.Capacity == 0 && capacities[groupOf(*s)] > 0 {
			continue
		}
		if f.Health.Alive() || presumed {
			alive[groupOf(*s)]++
			able++
		}
	}
	if able > 0 && eligible == 0 {
		t.Fatalf("nobody is eligible though %d could: %s (%s)", able, spell(v), v.Reason)
	}
	if able == 0 && eligible > 0 {
		t.Fatalf("%d are eligible though nobody could: %s (%s)", eligible, spell(v), v.Reason)
	}
	for g, n := range ejected {
		if n > ejectable(alive[g], cfg.MaxEjected) {
			t.Fatalf("%d of %d live servers are ejected: %s", n, alive[g], spell(v))
		}
	}
	if !v.Due.IsZero() && !v.Due.After(in.Now) {
		t.Fatalf("due at %v, now is %v", v.Due, in.Now)
	}
	if v.Alive > v.Capacity || v.Reason == "" || v.Fallback && v.Quorum {
		t.Fatalf("%+v", v)
	}
}

func groupOf(s Server) [2]int {
	if s.Fallback {
		return [2]int{-1, 0}
	}
	return [2]int{0, int(s.Tier)}
}

func find(in *Input, id string) *pool.Server {
	if s := in.Pool.Find(id); s != nil {
		return s
	}
	return in.Fallback.Find(id)
}

func checkServer(t *testing.T, s *Server) {
	t.Helper()
	switch {
	case s.Weight > 0 && s.State != Up, s.Weight > schedule.MaxWeight:
		t.Fatalf("%s has weight %d", spellOne(s), s.Weight)
	case s.Reason == "":
		t.Fatalf("%s has no reason", spellOne(s))
	case s.DownSince.IsZero() == (s.State == Down && s.Addr.IsValid()):
		t.Fatalf("%s is down since %v", spellOne(s), s.DownSince)
	case s.EjectedUntil.IsZero() == (s.State == Ejected):
		t.Fatalf("%s is ejected until %v", spellOne(s), s.EjectedUntil)
	}
}
