package oracle

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// away has Consul go for good, out of sight from its first moment on. That must be
// noticed within 2 s.
func away(m *Model, at float64) {
	m.BeginTrouble(seconds(at))
	m.BeginBlind(seconds(at), 2*time.Second)
}

// back has Consul return, which may be noticed 5 s later.
func back(m *Model, at float64) {
	m.EndBlind(seconds(at))
	m.EndTrouble(seconds(at), seconds(5))
}

// again has the process end and start within a second, and find what was known at a
// time.
func again(m *Model, at, since float64) {
	m.Down(seconds(at))
	m.Resume(seconds(at), Memory{Since: seconds(since)})
	m.Up(seconds(at + 1))
}

// anew has it start with nothing.
func anew(m *Model, at float64) {
	m.Down(seconds(at))
	m.Start(seconds(at))
	m.Up(seconds(at + 1))
}

// TestJudgeRestarts has answers of processes that find on disk what the one before
// has left, or find nothing. Consul's limit is 2 s.
func TestJudgeRestarts(t *testing.T) {
	down := withHealth(Critical, 1)
	for _, test := range []struct {
		name    string
		history func(*Model)
		at      float64
		ttl     uint32
		servers []int
		want    Kind
	}{
		{"Consul is away", func(m *Model) { away(m, 60); again(m, 65, 65) }, 66.5, 30, []int{1, 2}, ""},
		{"nobody answered", func(m *Model) { away(m, 60); again(m, 65, 65) }, 66.5, 30, nil, Few},
		{"nobody answered, for a second", func(m *Model) { away(m, 60); again(m, 65, 65) }, 66.5, 1, nil, Few},
		{"a long TTL for long", func(m *Model) { away(m, 60); again(m, 65, 65) }, 68.1, 30, []int{1, 2}, TTL},
		{"the shortest TTL", func(m *Model) { away(m, 60); again(m, 65, 65) }, 68.1, 5, []int{1, 2}, ""},
		{"a long TTL without a restart", func(m *Model) { away(m, 60) }, 62.1, 30, []int{1, 2}, TTL},
		{"a long TTL of pools of long ago", func(m *Model) {
			away(m, 60)
			m.Resume(seconds(65), Memory{Since: seconds(65), Aged: true})
			m.Up(seconds(66))
		}, 66.1, 30, []int{1, 2}, TTL},
		{"and after one restart more", func(m *Model) {
			away(m, 60)
			m.Resume(seconds(65), Memory{Since: seconds(65), Aged: true})
			m.Up(seconds(66))
			again(m, 70, 70)
		}, 71.1, 30, []int{1, 2}, TTL},
		{"what came before Consul went", func(m *Model) { changePool(m, 55, 55, down); away(m, 60); again(m, 65, 65) }, 70, 5, []int{1, 2}, Stranger},
		{"what came just before", func(m *Model) { changePool(m, 58.5, 58.5, down); away(m, 60); again(m, 65, 65) }, 70, 5, []int{1, 2}, ""},
		{"what came just before, known", func(m *Model) { changePool(m, 58.5, 58.5, without(1)); away(m, 60); again(m, 65, 65) }, 70, 5, []int{2, 3}, ""},
		{"what came after", func(m *Model) { away(m, 60); changePool(m, 61, 61, with(6)); again(m, 65, 65) }, 70, 5, []int{2, 6}, Stranger},
		{"who went after", func(m *Model) { away(m, 60); changePool(m, 61, 61, without(1)); again(m, 65, 65) }, 70, 5, []int{1, 2}, ""},
		{"only others than who went after", func(m *Model) { away(m, 60); changePool(m, 61, 61, without(1, 2, 3, 4)); again(m, 65, 65) }, 70, 5, []int{5}, Few},
		{"state that is older", func(m *Model) { changePool(m, 55, 55, down); away(m, 60); again(m, 65, 54) }, 70, 5, []int{1, 2}, ""},
		{"state that is older, but not so old", func(m *Model) { changePool(m, 55, 55, down); away(m, 60); again(m, 65, 58) }, 70, 5, []int{1, 2}, Stranger},
		{"Consul is back", func(m *Model) { away(m, 60); changePool(m, 61, 61, without(1)); again(m, 65, 65); back(m, 80) }, 84.9, 30, []int{1, 2}, ""},
		{"Consul is back for long", func(m *Model) { away(m, 60); changePool(m, 61, 61, without(1)); again(m, 65, 65); back(m, 80) }, 85.1, 30, []int{1, 2}, Stranger},
		{"Consul is well", func(m *Model) { changePool(m, 62, 62, down); again(m, 65, 61) }, 66.5, 30, []int{1, 2}, ""},
		{"Consul is well for long", func(m *Model) { changePool(m, 62, 62, down); again(m, 65, 61) }, 70.1, 30, []int{1, 2}, Stranger},
		{"a load of before, which may be older", func(m *Model) { changePool(m, 40, 40, withLoad(0.95, 2, 3, 4, 5)); away(m, 60); again(m, 65, 65) }, 70, 5, []int{1, 2}, ""},

		{"nothing found", func(m *Model) { away(m, 60); anew(m, 65) }, 70, 1, nil, ""},
		{"nothing found, and told for long", func(m *Model) { away(m, 60); anew(m, 65) }, 70, 30, nil, Authority},
		{"nothing found, and somebody answered", func(m *Model) { away(m, 60); anew(m, 65) }, 70, 5, []int{1, 2}, Stranger},
		{"nothing found, and once more", func(m *Model) { away(m, 60); anew(m, 65); again(m, 70, 70) }, 75, 5, []int{1, 2}, Stranger},
		{"nothing found, and Consul is back", func(m *Model) { away(m, 60); anew(m, 65); back(m, 80) }, 82, 30, []int{1, 2}, ""},
		{"nothing found, and Consul was there meanwhile", func(m *Model) { away(m, 60); anew(m, 65); back(m, 80); away(m, 100); again(m, 105, 105) }, 106.5, 30, nil, Few},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := world(nil)
			test.history(m)
			asked := at(seconds(test.at), "www.example.org.", dns.TypeA)
			answer := answerOf(t, asked, test.servers...)
			for _, rr := range append(answer.Answer, answer.Ns...) {
				rr.Header().Ttl = test.ttl
			}
			verdict(t, m.Judge(asked, answer), test.want)
		})
	}
}

// TestJudgeNamesOfUnknownPools has names of which only a pool tells that they exist.
func TestJudgeNamesOfUnknownPools(t *testing.T) {
	for _, test := range []struct {
		name    string
		history func(*Model)
		header  string
		want    Kind
	}{
		{"pools known", func(m *Model) { again(m, 65, 65) }, "NXDOMAIN", ""},
		{"pools known, and in doubt", func(m *Model) { again(m, 65, 65) }, "NOERROR", Code},
		{"nothing found", func(m *Model) { away(m, 60); anew(m, 65) }, "NOERROR", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := world(nil)
			test.history(m)
			asked := at(seconds(70), "_none._tcp.www.example.org.", dns.TypeSRV)
			verdict(t, m.Judge(asked, reply(t, asked, test.header, "", strings.Replace(soa, " 30 ", " 1 ", 1))), test.want)
		})
	}
}

func TestResumedProbes(t *testing.T) {
	m := New(limits, zoneOf(1, map[string]*Name{"www.example.org.": steered("www.example.org.", "srv _web", "weighted", "all")}))
	m.Source("srv _web", true, poolOf("web", 1, 5))
	m.Start(0)
	m.Up(time.Second)
	m.BeginPool(seconds(60), "srv _web", withHealth(Critical, 1)(m.Pool("srv _web")))
	m.DonePool(seconds(60), "srv _web")
	again(m, 70, 59)
	for _, test := range []struct {
		at      float64
		servers []int
		want    Kind
	}{
		{71, []int{1, 2}, ""}, {76.5, []int{1, 2}, Stranger}, {71, nil, Few},
	} {
		asked := at(seconds(test.at), "www.example.org.", dns.TypeA)
		verdict(t, m.Judge(asked, answerOf(t, asked, test.servers...)), test.want)
	}
}

func TestKnowsAndResumed(t *testing.T) {
	m := world(map[string]*Name{"new.example.org.": steered("new.example.org.", "consul new", "weighted", "all")})
	m.Source("consul new", false, poolOf("new", 1, 2))
	away(m, 60)
	again(m, 65, 65)
	www := at(seconds(70), "www.example.org.", dns.TypeA)
	if !m.Knows(seconds(70)) || !m.Resumed(www) || m.Resumed(at(seconds(70), "static.example.org.", dns.TypeA)) || m.Resumed(at(seconds(64), www.Name, dns.TypeA)) {
		t.Error("It is not told what is from the state alone")
	}
	anew(m, 80)
	if m.Knows(seconds(85)) || m.Resumed(at(seconds(85), www.Name, dns.TypeA)) {
		t.Error("A process that found nothing knows something")
	}
}
