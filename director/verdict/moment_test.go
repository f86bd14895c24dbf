package verdict

import (
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/schedule"
	"github.com/ballast-lb/ballast/internal/pool"
)

func byLoad(c *Config)   { c.Scheduler = schedule.KindLoad }
func lc(c *Config)       { c.Scheduler = schedule.KindLC }
func rr(c *Config)       { c.Scheduler = schedule.KindRR }
func noPanic(c *Config)  { c.Panic = false }
func quorum2(c *Config)  { c.Quorum = 2 }
func sixty(c *Config)    { c.QuorumShare = 0.6 }
func ipv4(c *Config)     { c.Address = netip.MustParseAddr("192.0.2.1") }
func ipv6VIP(c *Config)  { c.Address = netip.MustParseAddr("2001:db8::1") }
func noRamp(c *Config)   { c.SlowStart = 0 }
func never(c *Config)    { c.Consecutive = 0 }
func eject10(c *Config)  { c.MaxEjected = 10 }
func minute(c *Config)   { c.DrainDeadline = time.Minute }
func margin1(c *Config)  { c.QuorumMargin = 1 }
func asFloat(c *Config)  { c.QuorumShare = math.NaN() }
func ejectAll(c *Config) { c.MaxEjected = 100 }

func TestFirstMoment(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		config           []func(*Config)
	}{
		{"by capacity", "a cap=3; b", "a up 768, b up 256", nil},
		{"not checked yet counts as alive", "a unknown; b", "a up 256, b up 256", nil},
		{"warning keeps a tenth", "a warning; b", "a up 26, b up 256", nil},
		{"warning keeps what the server says", "a warning keeps=0.5; b", "a up 128, b up 256", nil},
		{"critical is down", "a critical; b", "a down, b up 256", nil},
		{"drained keeps its connections", "a drained; b", "a draining, b up 256", nil},
		{"drained and critical is down", "a drain critical; b", "a down, b up 256", nil},
		{"rr: all alike", "a cap=3; b cap=2 warning", "a up 256, b up 26", []func(*Config){rr}},
		{"lc: all alike, but none for capacity 0", "a cap=3; b cap=0", "a up 256, b up 0", []func(*Config){lc}},
		{"capacity 0 takes nothing", "a cap=0; b", "a up 0, b up 256", nil},
		{"all capacities 0 are equal", "a cap=0; b cap=0", "a up 256, b up 256", nil},
		{"a capacity that is no number takes nothing", "a cap=NaN; b cap=-1; c", "a up 0, b up 0, c up 256", nil},
		{"the heaviest", "a cap=1e30; b", "a up 16777216, b up 256", nil},
		{"the lightest", "a cap=0.0001; b", "a up 1, b up 256", nil},
		{"operator's factor", "a x=0.5; b x=2", "a up 128, b up 512", nil},
		{"operator's factor 0 takes nothing", "a x=0; b", "a up 0, b up 256", nil},
		{"load does not matter to wlc", "a load=0.95; b", "a up 256, b up 256", nil},
		{"load: leaves headroom", "a load=0.7; b load=0.2", "a up 141, b up 256", []func(*Config){byLoad}},
		{"load: overloaded takes nothing", "a load=0.93; b", "a up 0, b up 256", []func(*Config){byLoad}},
		{"load: all overloaded, exclusion ignored", "a load=0.95; b load=1.9", "a up 24, b up 12", []func(*Config){byLoad}},
		{"load: the only live one is overloaded", "a load=0.95; b critical", "a up 24, b down", []func(*Config){byLoad}},
		{"load: overloaded beside one that takes nothing", "a load=0.95; b cap=0", "a up 24, b up 0", []func(*Config){byLoad}},
		{"load: an old report says nothing", "a load=0.99 at=-90; b", "a up 256, b up 256", []func(*Config){byLoad}},
		{"load: a report of 60 s says half", "a load=0.9 at=-60; b", "a up 141, b up 256", []func(*Config){byLoad}},

		{"lowest tier serves", "a tier=1; b tier=2", "a up 256, b standby", nil},
		{"next tier when it is down", "a tier=1 critical; b tier=2", "a down, b up 256", nil},
		{"next tier when it is drained", "a tier=1 drain; b tier=2", "a draining, b up 256", nil},
		{"next tier when it misses the quorum", "a tier=1; b tier=2; c tier=2", "a standby, b up 256, c up 256", []func(*Config){quorum2}},
		{"no tier has a quorum: the lowest alive", "a tier=1 critical; b tier=2; c tier=3", "a down, b up 256, c standby", []func(*Config){quorum2}},

		{"fallback waits", "a; z fallback", "a up 256, z standby", nil},
		{"fallback serves", "a critical; z fallback", "a down, z up 256", nil},
		{"fallback serves below quorum", "a; b critical; z fallback", "a standby, b down, z up 256", []func(*Config){quorum2}},
		{"fallback serves below the share", "a; b critical; z fallback", "a standby, b down, z up 256", []func(*Config){sixty}},
		{"the share counts capacity", "a cap=2; b critical; z fallback", "a up 512, b down, z standby", []func(*Config){sixty}},
		{"drained servers count for no share", "a; b drain; c x=0; z fallback", "a up 256, b draining, c up 0, z standby", []func(*Config){sixty}},
		{"a share that is no number is none", "a; b critical; z fallback", "a up 256, b down, z standby", []func(*Config){asFloat}},
		{"fallback is down too: without quorum", "a; b critical; z fallback critical", "a up 256, b down, z down", []func(*Config){quorum2}},
		{"fallback serves when all are drained", "a drain; z fallback", "a draining, z up 256", nil},
		{"fallback for an empty pool", "z fallback", "z up 256", nil},

		{"nobody alive: all are up", "a critical cap=3; b critical", "a up 768, b up 256", nil},
		{"nobody alive: of the lowest tier", "a critical tier=2; b critical tier=1", "b up 256, a down", nil},
		{"nobody alive: not the drained", "a critical; b drain", "a up 256, b draining", nil},
		{"nobody alive, fallback included", "a critical; z fallback critical", "a up 256, z down", nil},
		{"nobody alive, no panic", "a critical; b critical", "a down, b down", []func(*Config){noPanic}},
		{"nobody but the drained", "a drain; b drained", "a draining, b draining", nil},

		{"the VIP's family", "a addr=2001:db8::a; b", "a down, b up 256", []func(*Config){ipv4}},
		{"IPv6", "a addr=2001:db8::a; b", "a up 256, b down", []func(*Config){ipv6VIP}},
		{"two at one address are one", "a addr=10.1.1.1; b addr=10.1.1.1", "a up 256, b down", nil},
		{"two at one address: the one alive", "a addr=10.1.1.1 critical; b addr=10.1.1.1", "a down, b up 256", nil},
		{"two ports of one address are two", "a addr=10.1.1.1; b addr=10.1.1.1 port=81", "a up 256, b up 256", nil},
		{"in the order of their IDs", "b; c; a", "a up 256, b up 256, c up 256", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _ := Next(with(c.config...), parse(0, c.text), nil)
			if got := spell(v); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWhole(t *testing.T) {
	for _, c := range []struct {
		name, text      string
		config          []func(*Config)
		quorum          bool
		fallback, panic bool
		alive, capacity float64
		load            float64 // -1: not known
		reason          string
	}{
		{"all alive", "a cap=3 load=0.2; b load=0.6", nil, true, false, false, 4, 4, 0.3, "2 of 2 servers alive"},
		{"some without report", "a cap=3; b load=0.6", nil, true, false, false, 4, 4, 0.6, "2 of 2"},
		{"no reports", "a; b", nil, true, false, false, 2, 2, -1, "2 of 2"},
		{"an old report", "a load=0.4 at=-95", nil, true, false, false, 1, 1, -1, "1 of 1"},
		{"one down: its load says nothing", "a cap=3 load=0.9 critical; b load=0.6", nil, true, false, false, 1, 4, 0.6, "1 of 2 servers alive"},
		{"drained and 0 do not count", "a drain cap=3; b x=0; c", nil, true, false, false, 1, 1, -1, "1 of 1"},
		{"the tier that serves", "a tier=1 critical; b tier=2 cap=4; c tier=3", nil, true, false, false, 4, 4, -1, "in tier 2"},
		{"fallback does not count", "a critical; b; z fallback cap=9 load=1", []func(*Config){quorum2}, false, true, false, 1, 2, -1,
			"1 of 2 servers alive, the quorum is 2: the fallback servers serve"},
		{"without quorum", "a critical; b", []func(*Config){quorum2, sixty}, false, false, false, 1, 2, -1, "the quorum is 2 and 60% of the capacity: they serve without"},
		{"panic", "a critical load=0.5; b critical", nil, false, false, true, 0, 2, -1, "all are treated as up"},
		{"no panic", "a critical", []func(*Config){noPanic}, false, false, false, 0, 1, -1, "0 of 1 servers alive: nobody serves"},
		{"all drained", "a drain", nil, false, false, false, 0, 0, -1, "no server may serve"},
		{"empty", "", nil, false, false, false, 0, 0, -1, "no server may serve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _ := Next(with(c.config...), parse(0, c.text), nil)
			if v.Quorum != c.quorum || v.Fallback != c.fallback || v.Panic != c.panic {
				t.Errorf("quorum %v fallback %v panic %v", v.Quorum, v.Fallback, v.Panic)
			}
			if v.Alive != c.alive || v.Capacity != c.capacity {
				t.Errorf("%v of capacity %v alive, want %v of %v", v.Alive, v.Capacity, c.alive, c.capacity)
			}
			if v.LoadKnown != (c.load >= 0) || v.LoadKnown && math.Abs(v.Load-c.load) > 1e-9 {
				t.Errorf("load %v (known: %v), want %v", v.Load, v.LoadKnown, c.load)
			}
			if !strings.Contains(v.Reason, c.reason) {
				t.Errorf("reason %q, want %q", v.Reason, c.reason)
			}
		})
	}
}

func TestReasons(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		config           []func(*Config)
	}{
		{"well", "a", "passing", nil},
		{"down", "a critical since=-12 reason=refused; b", "critical for 12s: refused", nil},
		{"warning", "a warning reason=busy; b", "warning, keeps 0.10 of its capacity: busy", nil},
		{"drained by the pool", "a drained active=7; b", "drained; keeps 7 connections until they end", nil},
		{"drained by an operator", "a drain by=alice active=7 until=60; b", "drained by operator: alice; keeps 7 connections until 2026-01-02T03:05:05Z", nil},
		{"drain is over", "a drain until=-1; b", "drained by operator; drained: its connections were reset at the deadline", nil},
		{"factor", "a x=0.5 by=bob; b", "weight x0.50 by operator: bob", nil},
		{"capacity 0", "a cap=0; b", "capacity 0: takes nothing new", nil},
		{"load", "a load=0.7; b", "load 0.70 leaves headroom 0.55", []func(*Config){byLoad}},
		{"overload", "a load=0.93; b", "load 0.93 is above 0.90", []func(*Config){byLoad}},
		{"all overloaded", "a load=1.8; b load=2", "load 1.80 is too high, but so is that of all others: headroom 0.05", []func(*Config){byLoad}},
		{"fading", "a load=0.9 at=-60; b", "load 0.90 leaves headroom 0.55, 50% of it forgotten", []func(*Config){byLoad}},
		{"panic", "a critical reason=refused", "presumed alive, as nobody is; critical: refused", nil},
		{"standby tier", "a tier=9; b tier=1", "tier 9 waits while tier 1 serves", nil},
		{"standby below quorum", "a; b critical; z fallback", "too few are alive: the fallback servers serve", []func(*Config){quorum2}},
		{"fallback waits", "a fallback; b", "fallback: the servers proper serve", nil},
		{"family", "a; b addr=2001:db8::b", "has no IPv6 address", []func(*Config){ipv6VIP}},
		{"the other family", "a addr=2001:db8::a; b", "has no IPv4 address", []func(*Config){ipv4}},
		{"twin", "z addr=10.1.1.1; a addr=10.1.1.1 critical", "has the address and port of z; critical", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, _ := Next(with(c.config...), parse(0, c.text), nil)
			if got := server(t, v, "a").Reason; got != c.want {
				t.Errorf("%q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	in := parse(0, "a; b; c addr=2001:db8::c")
	in.Pool.Servers[0].Addrs = []netip.Addr{netip.MustParseAddr("2001:db8::a"), netip.MustParseAddr("::ffff:10.9.9.9")}
	v, _ := Next(with(ipv4), in, nil)
	if a := server(t, v, "a"); a.Addr != netip.MustParseAddr("10.9.9.9") || a.Port != 80 || a.State != Up {
		t.Errorf("%+v", a)
	}
	if c := server(t, v, "c"); c.Addr.IsValid() || c.State != Down || !c.DownSince.IsZero() {
		t.Errorf("%+v", c)
	}
}

func TestFactors(t *testing.T) {
	v, _ := Next(with(byLoad), parse(0, "a cap=3 warning keeps=0.5 load=0.7 x=2; b"), nil)
	a := server(t, v, "a")
	want := Factors{Capacity: 3, Health: 0.5, Headroom: 0.55, Ramp: 1, Override: 2}
	if math.Abs(a.Factors.Headroom-want.Headroom) < 1e-9 {
		a.Factors.Headroom = want.Headroom
	}
	if a.Factors != want || a.Weight != 422 || !a.LoadKnown || a.Load != 0.7 || a.Health != pool.Warning || !a.Eligible() {
		t.Errorf("%+v, want %+v", a, want)
	}
}

func TestNoPool(t *testing.T) {
	v, m := Next(Defaults(), Input{Now: epoch}, nil)
	if len(v.Servers) != 0 || v.Quorum || v.Reason != "no pool yet from its source" || !v.Due.IsZero() {
		t.Errorf("%+v", v)
	}
	in := parse(1, "a; b critical")
	if v, m = Next(Defaults(), in, m); spell(v) != "a up 256, b down" {
		t.Errorf("the first pool: %s", spell(v))
	}
	in.Now, in.Pool = at(2), nil
	if v, _ = Next(Defaults(), in, m); spell(v) != "a up 256, b down" {
		t.Errorf("the last pool stays: %s", spell(v))
	}
}

func TestPure(t *testing.T) {
	s := &sequence{cfg: with(byLoad)}
	s.next(0, "a load=0.9; b; c; d; e")
	s.next(1, "a load=0.95; b streak=9; c critical; d drain; f")
	in, again := parse(2, "a load=0.2; b; c; f streak=7; g"), parse(2, "a load=0.2; b; c; f streak=7; g")
	first, firstMemory := Next(s.cfg, in, s.memory)
	second, secondMemory := Next(s.cfg, in, s.memory)
	if !reflect.DeepEqual(first, second) || !reflect.DeepEqual(firstMemory, secondMemory) {
		t.Errorf("%+v and %+v from the same", first, second)
	}
	if !reflect.DeepEqual(in, again) {
		t.Error("the input was changed")
	}
}

func TestStateNames(t *testing.T) {
	for i, name := range stateNames {
		if text, err := State(i).MarshalText(); err != nil || string(text) != name {
			t.Errorf("%d is %q, %v", i, text, err)
		}
	}
	if got := State(9).String(); got != "state(9)" {
		t.Errorf("got %q", got)
	}
}
