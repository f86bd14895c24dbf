package oracle

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// answerOf is an A answer of these servers' addresses at www.
func answerOf(t *testing.T, a Asked, servers ...int) *dns.Msg {
	t.Helper()
	if len(servers) == 0 {
		return reply(t, a, "NOERROR", "", soa)
	}
	var lines []string
	for _, n := range servers {
		lines = append(lines, fmt.Sprintf("www.example.org. 30 IN A 192.0.2.%d", n))
	}
	return reply(t, a, "NOERROR", strings.Join(lines, "\n"))
}

// changePool changes the pool from one time to another.
func changePool(m *Model, from, to float64, change func(Pool) Pool) {
	m.BeginPool(seconds(from), "consul web", change(m.Pool("consul web")))
	m.DonePool(seconds(to), "consul web")
}

func withHealth(h Health, ns ...int) func(Pool) Pool {
	return func(p Pool) Pool {
		for _, n := range ns {
			s := p[server("web", n).ID]
			s.Health = h
			p = p.With(s)
		}
		return p
	}
}

func withLoad(load float64, ns ...int) func(Pool) Pool {
	return func(p Pool) Pool {
		for _, n := range ns {
			s := p[server("web", n).ID]
			s.Load = load
			p = p.With(s)
		}
		return p
	}
}

func without(ns ...int) func(Pool) Pool {
	return func(p Pool) Pool {
		for _, n := range ns {
			p = p.Without(server("web", n).ID)
		}
		return p
	}
}

func with(ns ...int) func(Pool) Pool {
	return func(p Pool) Pool {
		for _, n := range ns {
			p = p.With(server("web", n))
		}
		return p
	}
}

// TestJudgeChanges has answers around changes. The limits are 2 s for Consul, 1 s
// for orders, 10 s for loads, 3 s for the zone.
func TestJudgeChanges(t *testing.T) {
	drain := func(m *Model, from, to float64, ns ...int) {
		d := Drains{}
		for _, n := range ns {
			d[server("web", n).ID] = true
		}
		m.BeginDrains(seconds(from), d)
		m.DoneDrains(seconds(to))
	}
	for _, test := range []struct {
		name    string
		policy  string // weighted, if none is said
		empty   string // all, if nothing is said
		history func(*Model)
		at      float64 // seconds
		servers []int
		want    Kind
	}{
		{"critical for less than the limit", "", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1)) }, 62, []int{1, 2}, ""},
		{"critical for longer", "", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1)) }, 62.2, []int{1, 2}, Stranger},
		{"critical again and again", "", "", func(m *Model) {
			changePool(m, 60, 60.1, withHealth(Critical, 1))
			changePool(m, 61, 61.1, withHealth(Passing, 1))
			changePool(m, 62, 62.1, withHealth(Critical, 1))
		}, 63.5, []int{1, 2}, ""},
		{"drained for less than the limit", "", "", func(m *Model) { drain(m, 60, 60.1, 1) }, 61, []int{1, 2}, ""},
		{"drained for longer", "", "", func(m *Model) { drain(m, 60, 60.1, 1) }, 61.2, []int{1, 2}, Stranger},
		{"in maintenance", "", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Maintenance, 1)) }, 63, []int{1, 2}, Stranger},
		{"gone", "", "", func(m *Model) { changePool(m, 60, 60.1, without(1)) }, 62.2, []int{1, 2}, Stranger},
		{"new, before it is there", "", "", func(m *Model) { changePool(m, 60, 60.1, with(6)) }, 59.9, []int{6, 2}, Stranger},
		{"new, from its first moment", "", "", func(m *Model) { changePool(m, 60, 60.1, with(6)) }, 60, []int{6, 2}, ""},
		{"warning", "", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Warning, 1)) }, 70, []int{1, 2}, ""},
		{"warning under rr", "rr", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Warning, 1)) }, 62.2, []int{1, 2}, Stranger},
		{"warning under headroom", "headroom", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Warning, 1)) }, 62.2, []int{1, 2}, Stranger},
		{"warning under headroom, with its load", "headroom", "", func(m *Model) {
			changePool(m, 50, 50.1, withLoad(0.4, 1))
			changePool(m, 60, 60.1, withHealth(Warning, 1))
		}, 62.2, []int{1, 2}, ""},
		{"overloaded for less than the limit", "", "", func(m *Model) { changePool(m, 60, 60.1, withLoad(0.95, 1)) }, 70, []int{1, 2}, ""},
		{"overloaded for longer", "", "", func(m *Model) { changePool(m, 60, 60.1, withLoad(0.95, 1)) }, 72.2, []int{1, 2}, Stranger},
		{"overloaded under headroom", "headroom", "", func(m *Model) { changePool(m, 60, 60.1, withLoad(0.95, 1)) }, 80, []int{1, 2}, ""},
		{"all overloaded", "", "", func(m *Model) { changePool(m, 60, 60.1, withLoad(0.95, 1, 2, 3, 4, 5)) }, 80, []int{1, 2}, ""},
		{"all but one down, and one is answered", "", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4)) }, 63, []int{5}, ""},
		{"all but one down, and nobody is answered", "", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4)) }, 63, nil, Few},
		{"all down", "", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4, 5)) }, 63, []int{1, 2}, ""},
		{"all down, nobody answered", "", "", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4, 5)) }, 63, nil, Few},
		{"all down, one drained", "", "", func(m *Model) {
			changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4, 5))
			drain(m, 60, 60.1, 1)
		}, 63, []int{1, 2}, Stranger},
		{"all drained", "", "", func(m *Model) { drain(m, 60, 60.1, 1, 2, 3, 4, 5) }, 63, []int{1, 2}, ""},
		{"only a drained one is left", "", "", func(m *Model) {
			drain(m, 50, 50.1, 1)
			changePool(m, 55, 55.1, without(3, 4, 5))
			changePool(m, 60, 60.1, without(2))
		}, 60.5, []int{1}, ""},
		{"a drained one beside one that is there", "", "", func(m *Model) {
			drain(m, 50, 50.1, 1)
			changePool(m, 55, 55.1, without(3, 4, 5))
			changePool(m, 60, 60.1, withHealth(Critical, 2))
		}, 63, []int{1}, Stranger},
		{"all gone, the last are served", "", "", func(m *Model) { changePool(m, 60, 60.1, without(1, 2, 3, 4, 5)) }, 63, []int{1, 2}, ""},
		{"all gone, one that was gone before", "", "", func(m *Model) {
			changePool(m, 50, 50.1, without(1))
			changePool(m, 60, 60.1, without(2, 3, 4, 5))
		}, 63, []int{1, 2}, Stranger},
		{"all gone, nobody answered", "", "", func(m *Model) { changePool(m, 60, 60.1, without(1, 2, 3, 4, 5)) }, 63, nil, Few},
		{"all gone, and the process new", "", "", func(m *Model) {
			changePool(m, 50, 50.1, without(1, 2, 3, 4, 5))
			m.Down(seconds(60))
			m.Start(seconds(60))
			m.Up(seconds(61))
		}, 63, nil, ""},
		{"all down, empty=none", "", "none", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4, 5)) }, 63, nil, ""},
		{"all down, empty=none, and somebody answered", "", "none", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4, 5)) }, 63, []int{1, 2}, Stranger},
		{"all down, empty=last, those that were live last", "", "last", func(m *Model) {
			changePool(m, 50, 50.1, withHealth(Critical, 1, 2))
			changePool(m, 60, 60.1, withHealth(Critical, 3, 4, 5))
		}, 63, []int{3, 4}, ""},
		{"all down, empty=last, one that was down before", "", "last", func(m *Model) {
			changePool(m, 50, 50.1, withHealth(Critical, 1, 2))
			changePool(m, 60, 60.1, withHealth(Critical, 3, 4, 5))
		}, 63, []int{1, 3}, Stranger},
		{"all down, with a fallback", "", "sorry.example.org.", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4, 5)) }, 63, []int{203}, ""},
		{"all down, with a fallback, and they are served", "", "sorry.example.org.", func(m *Model) { changePool(m, 60, 60.1, withHealth(Critical, 1, 2, 3, 4, 5)) }, 63, []int{1, 2}, Stranger},
		{"the fallback while others are live", "", "sorry.example.org.", func(*Model) {}, 63, []int{203}, Stranger},
		{"an outage keeps what was before it", "", "", func(m *Model) {
			m.BeginTrouble(seconds(60))
			changePool(m, 65, 65.1, withHealth(Critical, 1))
		}, 100, []int{1, 2}, ""},
		{"an outage, and what was gone before it", "", "", func(m *Model) {
			changePool(m, 50, 50.1, withHealth(Critical, 1))
			m.BeginTrouble(seconds(60))
		}, 100, []int{1, 2}, Stranger},
		{"an outage, and nobody answered", "", "", func(m *Model) { m.BeginTrouble(seconds(60)) }, 100, nil, Few},
		{"soon after an outage", "", "", func(m *Model) {
			m.BeginTrouble(seconds(60))
			changePool(m, 65, 65.1, withHealth(Critical, 1))
			m.EndTrouble(seconds(80), seconds(5))
		}, 84, []int{1, 2}, ""},
		{"long after an outage", "", "", func(m *Model) {
			m.BeginTrouble(seconds(60))
			changePool(m, 65, 65.1, withHealth(Critical, 1))
			m.EndTrouble(seconds(80), seconds(5))
		}, 87.2, []int{1, 2}, Stranger},
		{"a start in an outage", "", "", func(m *Model) {
			m.BeginTrouble(seconds(60))
			m.Down(seconds(61))
			m.Start(seconds(61))
			m.Up(seconds(62))
		}, 63, nil, ""},
		{"a start while Consul is well", "", "", func(m *Model) {
			m.Down(seconds(61))
			m.Start(seconds(61))
			m.Up(seconds(62))
		}, 63, nil, Few},
		{"a drain that a new process forgot", "", "", func(m *Model) {
			drain(m, 50, 50.1, 1)
			m.Down(seconds(60))
			m.Start(seconds(60))
			m.BeginDrains(seconds(60), Drains{})
			m.Up(seconds(61))
			m.DoneDrains(seconds(61))
		}, 63, []int{1, 2}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := world(nil)
			lb := m.zones.latest().Names["www.example.org."].LB
			if test.policy != "" {
				lb.Policy = test.policy
			}
			if test.empty != "" {
				lb.Empty = test.empty
			}
			test.history(m)
			asked := at(seconds(test.at), "www.example.org.", dns.TypeA)
			verdict(t, m.Judge(asked, answerOf(t, asked, test.servers...)), test.want)
		})
	}
}

func TestJudgeTiersAndQuorum(t *testing.T) {
	for _, test := range []struct {
		name     string
		upThresh float64
		down     []int
		servers  []int
		want     Kind
	}{
		{"the first tier", 0, nil, []int{1, 2}, ""},
		{"the second tier while the first lives", 0, []int{1}, []int{2, 4}, Stranger},
		{"the second tier alone", 0, []int{1, 2, 3}, []int{4, 5}, ""},
		{"the first tier when it is down", 0, []int{1, 2, 3}, []int{1, 4}, Stranger},
		{"all of the first tier, below its quorum", 0.9, []int{1}, []int{1, 2}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := world(nil)
			m.zones.latest().Names["www.example.org."].LB.UpThresh = test.upThresh
			changePool(m, 10, 10, func(p Pool) Pool {
				p = maps.Clone(p)
				for id, s := range p {
					if id > server("web", 3).ID {
						s.Tier = 1
					}
					p[id] = s
				}
				return p
			})
			changePool(m, 20, 20, withHealth(Critical, test.down...))
			asked := at(now, "www.example.org.", dns.TypeA)
			verdict(t, m.Judge(asked, answerOf(t, asked, test.servers...)), test.want)
		})
	}
}

func TestJudgeProbed(t *testing.T) {
	m := New(limits, zoneOf(1, map[string]*Name{"www.example.org.": steered("www.example.org.", "srv _web", "weighted", "all")}))
	m.Source("srv _web", true, poolOf("web", 1, 5))
	m.Start(0)
	m.Up(time.Second)
	// One goes while another comes: for a while nobody may be known to be live.
	m.BeginPool(seconds(60), "srv _web", withHealth(Critical, 1, 2, 3, 4, 5)(m.Pool("srv _web")))
	m.DonePool(seconds(60), "srv _web")
	for _, test := range []struct {
		at      float64
		servers []int
		want    Kind
	}{
		{64, []int{1, 2}, ""}, {70, []int{3, 4}, ""}, {70, nil, Few},
	} {
		asked := at(seconds(test.at), "www.example.org.", dns.TypeA)
		verdict(t, m.Judge(asked, answerOf(t, asked, test.servers...)), test.want)
	}
}

func TestJudgeZones(t *testing.T) {
	extra := map[string]*Name{"new.example.org.": steered("new.example.org.", "consul new", "weighted", "all")}
	m := world(nil)
	m.Source("consul new", false, poolOf("web", 1, 5))
	m.BeginZone(seconds(60), zoneOf(2, extra))
	m.DoneZone(seconds(60.5))
	const two = "new.example.org. 30 IN A 192.0.2.1\nnew.example.org. 30 IN A 192.0.2.2"
	for _, test := range []struct {
		name   string
		at     float64
		header string
		answer string
		soa    string
		want   Kind
	}{
		{"before", 59, "NOERROR", two, "", Code},
		{"at once", 60, "NOERROR", two, "", ""},
		{"not yet", 63, "NXDOMAIN", "", soa, ""},
		{"no more", 63.6, "NXDOMAIN", "", soa, Code},
		{"its pool not known yet", 61, "NOERROR", "", strings.Replace(strings.Replace(soa, " 30 ", " 1 ", 1), " 1 7", " 2 7", 1), ""},
		{"its pool not known for long", 70, "NOERROR", "", strings.Replace(strings.Replace(soa, " 30 ", " 1 ", 1), " 1 7", " 2 7", 1), Few},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := at(seconds(test.at), "new.example.org.", dns.TypeA)
			verdict(t, m.Judge(asked, reply(t, asked, test.header, test.answer, test.soa)), test.want)
		})
	}
}

func TestJudgeBrokenZone(t *testing.T) {
	m := world(nil)
	m.BeginZone(seconds(59), zoneOf(2, nil)) // broken before anybody has looked
	m.DoneZone(seconds(59))
	m.BeginBroken(seconds(60))
	for _, test := range []struct {
		at   float64
		want Kind
	}{
		{70, ""}, {80.1, ""}, {86.1, Authority},
	} {
		if test.at > 80 {
			m.EndBroken(seconds(80))
		}
		asked := at(seconds(test.at), "none.example.org.", dns.TypeA)
		verdict(t, m.Judge(asked, reply(t, asked, "NXDOMAIN", "", soa)), test.want)
	}
}

func TestExcused(t *testing.T) {
	m := world(nil)
	m.Down(seconds(60))
	m.Start(seconds(61))
	m.Up(seconds(62))
	for _, test := range []struct {
		name  string
		asked float64
		want  bool
	}{
		{"while it ran", 50, false},
		{"a moment before its end", 59.95, true},
		{"well before its end", 59.8, false},
		{"while it was away", 61, true},
		{"when it was back", 62.1, false},
		{"before its first start", 0.5, true},
	} {
		if got := m.Excused(seconds(test.asked), seconds(test.asked+0.1)); got != test.want {
			t.Errorf("%s: excused is %t", test.name, got)
		}
	}
}

func TestForgettingChangesNothing(t *testing.T) {
	m := world(nil)
	for i := range 50 {
		h := Critical
		if i%2 == 1 {
			h = Passing
		}
		changePool(m, float64(10+i), float64(10+i), withHealth(h, 1))
	}
	judge := func() (kinds []Kind) {
		for _, servers := range [][]int{{1, 2}, {2, 3}, {}} {
			asked := at(seconds(62), "www.example.org.", dns.TypeA)
			w := m.Judge(asked, answerOf(t, asked, servers...))
			if w == nil {
				w = &Wrong{}
			}
			kinds = append(kinds, w.Kind)
		}
		return kinds
	}
	before := fmt.Sprint(judge())
	m.Forget(seconds(50))
	if n := len(m.sources["consul web"].pools.spans); n > 15 {
		t.Errorf("%d spans are remembered", n)
	}
	if after := fmt.Sprint(judge()); after != before {
		t.Errorf("Judged %s, and without the past %s", before, after)
	}
}
