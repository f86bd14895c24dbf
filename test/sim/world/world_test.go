package world

import (
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"
)

// brief is a world of some minutes.
func brief(policy string) Params {
	p := Defaults(35)
	p.Policy, p.Hours, p.Warm = policy, 0.15, 0.03
	return p
}

// few are a tenth of the clients, with a tenth of the capacity.
func few(p Params) Params {
	p.Clients, p.Domains, p.Total = p.Clients/10, p.Domains/2, p.Total/10
	return p
}

func run(t *testing.T, p Params, seed uint64) Result {
	t.Helper()
	w, err := New(p, seed)
	if err != nil {
		t.Fatal(err)
	}
	return w.Run()
}

func TestSeeds(t *testing.T) {
	for _, policy := range []string{"headroom", "rr", "prr2-ttlk", "drr2-ttlsk", "dal", "mrl", "weighted", Oracle, Ideal} {
		t.Run(policy, func(t *testing.T) {
			p := few(brief(policy))
			p.Hours = 0.08
			p.Answers, p.Reports.Noise, p.Replicas, p.Resolvers.Floored, p.Resolvers.Floor = 2, 0.1, 2, 0.3, 60
			a, b, c := run(t, p, 5), run(t, p, 5), run(t, p, 6)
			if !reflect.DeepEqual(a, b) {
				t.Error("the same seed gave another result")
			}
			if reflect.DeepEqual(a.Most, c.Most) {
				t.Error("another seed gave the same result")
			}
		})
	}
}

// TestClientsAreTheSame under each policy: what they do does not depend on the
// answers.
func TestClientsAreTheSame(t *testing.T) {
	did := func(policy string) (out []string) {
		p := brief(policy)
		w, err := New(p, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range w.clients[:50] {
			line := fmt.Sprint(c.domain)
			for session := range 3 {
				answer := []int{session, 3, 5}
				if policy == "rr" {
					answer = answer[:1]
				}
				c.begin(&p, answer)
				line += fmt.Sprintf(" %d pages", c.left)
				for range c.left {
					line += fmt.Sprintf(" %.6f", c.hits(&p))
				}
			}
			out = append(out, line)
		}
		return out
	}
	if a, b := did("rr"), did("headroom"); !reflect.DeepEqual(a, b) {
		t.Error("clients differ")
	}
}

// TestUtilisation: all work that is given is counted once.
func TestUtilisation(t *testing.T) {
	p := brief("weighted")
	p.Hours, p.Warm = 1080.01/3600, 0 // to just after a window's end
	w, err := New(p, 3)
	if err != nil {
		t.Fatal(err)
	}
	r := w.Run()
	mean := 0.0
	for i := range r.Mean {
		mean += r.Mean[i] / float64(len(r.Mean))
		if r.Most[i] > 1+1e-9 || r.Most[i] < r.Mean[i]-1e-9 {
			t.Fatalf("window %d: %.3f at most, %.3f on average", i, r.Most[i], r.Mean[i])
		}
	}
	work := 0.0
	for i := range w.servers {
		s := &w.servers[i]
		work += s.busy(float64(len(r.Mean))*Window) * s.capacity
	}
	if want := work / (float64(len(r.Mean)) * Window * p.Total); math.Abs(mean-want) > 1e-4 {
		t.Errorf("utilisation %.4f, by the work done %.4f", mean, want)
	}
	// 500 clients with ten hits every 15 s: two thirds of 500 hits a second.
	if math.Abs(mean-0.65) > 0.05 {
		t.Errorf("utilisation %.3f, want about 2/3", mean)
	}
	sessions := 0
	for i := range w.servers {
		sessions += w.servers[i].sessions
	}
	if sessions > p.Clients || sessions < p.Clients*9/10 {
		t.Errorf("%d sessions of %d clients", sessions, p.Clients)
	}
}

func TestHalve(t *testing.T) {
	p := brief("rr")
	p.HalveAt = 0.1
	w, err := New(p, 3)
	if err != nil {
		t.Fatal(err)
	}
	w.Run()
	if s := w.servers[0]; s.capacity != s.nominal/2 || w.servers[1].capacity != w.servers[1].nominal {
		t.Errorf("capacities %v of %v", s.capacity, s.nominal)
	}
}

// TestAgents publish in steps, and not more often than they may.
func TestAgents(t *testing.T) {
	p := brief("headroom")
	w, err := New(p, 3)
	if err != nil {
		t.Fatal(err)
	}
	var news []published
	w.agents = newAgents(&p, 3, len(w.servers))
	busy := &server{capacity: 70}
	var last time.Time
	writes := 0
	for now := sampleEvery; now < 1200; now += sampleEvery {
		// Its load goes up and down between nothing and all.
		busy.give(now, 70*sampleEvery*(0.5+0.5*math.Sin(now/60)))
		busy.sessions = int(50 + 50*math.Sin(now/60))
		if known, ok := w.agents.measure(0, busy, now); ok {
			if known < now+consulDelay-1e-9 {
				t.Errorf("known at %v s what was measured at %v s", known, now)
			}
			if at := w.agents.list[0].published.At; !at.Equal(last) {
				if at.Sub(last) < p.Reports.Every*8/10 {
					t.Errorf("written after %v", at.Sub(last))
				}
				last = at
				writes++
			}
		}
		news = append(news, w.agents.arrived(now)...)
	}
	if writes > 125 || writes < 60 {
		t.Errorf("%d writes in 1,200 s, want one in about ten", writes)
	}
	low, high := 1.0, 0.0
	for _, n := range news {
		steps := n.load.Value / loadStep
		if math.Abs(steps-math.Round(steps)) > 1e-6 {
			t.Errorf("load %v is no multiple of %v", n.load.Value, loadStep)
		}
		low, high = min(low, n.load.Value), max(high, n.load.Value)
	}
	if low > 0.2 || high < 0.8 {
		t.Errorf("loads from %v to %v were published", low, high)
	}
}

func TestReports(t *testing.T) {
	for _, c := range []struct {
		name    string
		reports Reports
		known   bool // the name server knows a load
		conns   bool
	}{
		{"agents", Reports{Every: 10 * time.Second}, true, true},
		{"agents without connections", Reports{Every: 10 * time.Second, NoConnections: true}, true, false},
		{"exact", Reports{Exact: true, Alarm: 0.75}, true, true},
		{"off", Reports{Off: true}, false, false},
		{"exact, off", Reports{Exact: true, Off: true}, false, false},
		{"late", Reports{Every: 10 * time.Second, Delay: 7200}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := brief("headroom")
			p.Reports = c.reports
			w, err := New(p, 3)
			if err != nil {
				t.Fatal(err)
			}
			w.Run()
			known, conns := 0, 0
			for i := range w.names[0].pool.Servers {
				if l := w.names[0].pool.Servers[i].Load; l.Value > 0 {
					known++
					if l.Connections > 0 {
						conns++
					}
				}
			}
			if c.known != (known == 7) || c.conns != (conns == 7) || !c.known && known > 0 || !c.conns && conns > 0 {
				t.Errorf("loads of %d servers are known, connections of %d", known, conns)
			}
		})
	}
}

// TestForgedQuestions do not count, and do not disturb clients.
func TestForgedQuestions(t *testing.T) {
	for _, sources := range []int{0, 20} {
		p := few(brief("weighted"))
		p.Hours, p.Warm = forgedFrom/3600+0.1, forgedFrom/3600
		p.Replicas = 2
		quiet := run(t, p, 3)
		p.Forged = Forged{PerSecond: 5, Sources: sources}
		w, err := New(p, 3)
		if err != nil {
			t.Fatal(err)
		}
		loud := w.Run()
		if w.forged < 1500 {
			t.Fatalf("%d forged questions in 360 s of 5 a second", w.forged)
		}
		if math.Abs(loud.Queries/quiet.Queries-1) > 0.1 {
			t.Errorf("%.4f questions a second, without the flood %.4f", loud.Queries, quiet.Queries)
		}
	}
}

func TestUnknownPolicy(t *testing.T) {
	p := brief("best")
	if _, err := New(p, 1); err == nil {
		t.Error("a world was made")
	}
}
