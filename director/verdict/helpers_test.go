package verdict

import (
	"fmt"
	"math"
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
	return epoch.Add(time.Duration(math.Round(seconds * float64(time.Second))))
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return v
}

// line is a server as tests write it: what the pool, the operator and the
// datapath say of it.
type line struct {
	server   pool.Server
	override *Override
	tally    Tally
	fallback bool
}

func (l *line) operator() *Override {
	if l.override == nil {
		l.override = &Override{Factor: 1}
	}
	return l.override
}

var settings = map[string]func(l *line, v string){
	"cap":      func(l *line, v string) { l.server.Capacity = number(v) },
	"load":     func(l *line, v string) { l.server.Load.Value, l.server.Load.At = number(v), epoch },
	"at":       func(l *line, v string) { l.server.Load.At = at(number(v)) },
	"boot":     func(l *line, v string) { l.server.Load.Boot = v },
	"tier":     func(l *line, v string) { l.server.Tier = uint16(number(v)) },
	"keeps":    func(l *line, v string) { l.server.WarningFactor = number(v) },
	"since":    func(l *line, v string) { l.server.Since = at(number(v)) },
	"reason":   func(l *line, v string) { l.server.Reason = v },
	"addr":     func(l *line, v string) { l.server.Addrs = []netip.Addr{netip.MustParseAddr(v)} },
	"port":     func(l *line, v string) { l.server.Port = uint16(number(v)) },
	"critical": func(l *line, _ string) { l.server.Health = pool.Critical },
	"warning":  func(l *line, _ string) { l.server.Health = pool.Warning },
	"drained":  func(l *line, _ string) { l.server.Health = pool.Drained },
	"unknown":  func(l *line, _ string) { l.server.Health = pool.Unknown },
	"fallback": func(l *line, _ string) { l.fallback = true },
	"x":        func(l *line, v string) { l.operator().Factor = number(v) },
	"drain":    func(l *line, _ string) { l.operator().Drain = true },
	"until":    func(l *line, v string) { l.operator().Deadline = at(number(v)) },
	"by":       func(l *line, v string) { l.operator().By = v },
	"streak":   func(l *line, v string) { l.tally.Streak, l.tally.Misses = uint32(number(v)), uint64(number(v)) },
	"acks":     func(l *line, v string) { l.tally.SYNACKs = uint64(number(v)) },
	"active":   func(l *line, v string) { l.tally.Active = uint32(number(v)) },
}

// parse reads a moment like "a cap=3 load=0.93; b critical; z fallback". The
// servers are passing and have capacity 1, port 80 and an address by their ID,
// unless it says otherwise.
func parse(now float64, text string) Input {
	in := Input{Now: at(now), Overrides: map[string]Override{}, Tallies: map[string]Tally{},
		Pool: &pool.Pool{Service: "web"}, Fallback: &pool.Pool{Service: "web"}}
	for _, entry := range strings.Split(text, ";") {
		words := strings.Fields(entry)
		if len(words) == 0 {
			continue
		}
		id := words[0]
		l := &line{server: pool.Server{ID: id, Port: 80, Capacity: 1, Health: pool.Passing,
			Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, id[0]})}}}
		for _, word := range words[1:] {
			name, value, _ := strings.Cut(word, "=")
			settings[name](l, value)
		}
		in.Tallies[id] = l.tally
		if l.override != nil {
			in.Overrides[id] = *l.override
		}
		p := in.Pool
		if l.fallback {
			p = in.Fallback
		}
		p.Servers = append(p.Servers, l.server)
	}
	return in
}

// sequence runs moments one after the other.
type sequence struct {
	cfg    Config
	memory *Memory
}

func (s *sequence) next(now float64, text string) *Verdict {
	v, memory := Next(s.cfg, parse(now, text), s.memory)
	s.memory = memory
	return v
}

// spell writes the servers like "a up 256, b down, c ejected".
func spell(v *Verdict) string {
	var parts []string
	for i := range v.Servers {
		parts = append(parts, spellOne(&v.Servers[i]))
	}
	return strings.Join(parts, ", ")
}

func spellOne(s *Server) string {
	if s.State == Up {
		return fmt.Sprintf("%s up %d", s.ID, s.Weight)
	}
	return s.ID + " " + s.State.String()
}

func server(t *testing.T, v *Verdict, id string) *Server {
	t.Helper()
	i := slices.IndexFunc(v.Servers, func(s Server) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("no server %s in %q", id, spell(v))
	}
	return &v.Servers[i]
}

// step is a moment, and what server a is after it.
type step struct {
	at   float64
	text string
	want string // as spellOne without the ID
}

func run(t *testing.T, cfg Config, steps []step) {
	t.Helper()
	s := &sequence{cfg: cfg}
	for _, st := range steps {
		a := server(t, s.next(st.at, st.text), "a")
		if got := strings.TrimPrefix(spellOne(a), "a "); got != st.want {
			t.Errorf("at %vs with %q: %s, want %s (%q)", st.at, st.text, got, st.want, a.Reason)
		}
	}
}

func with(changes ...func(*Config)) Config {
	cfg := Defaults()
	for _, change := range changes {
		change(&cfg)
	}
	return cfg
}
