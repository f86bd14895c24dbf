package ballast

import (
	"fmt"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/miekg/dns"
)

const adaptive = `
room 600 IN LB srv _http._tcp check=none policy=headroom answers=2
_http._tcp IN SRV 0 1 80 web1
_http._tcp IN SRV 0 1 80 web2
_http._tcp IN SRV 0 1 80 web3
web1 IN A 192.0.2.1
web2 IN A 192.0.2.2
web3 IN A 192.0.2.3
short 45 IN CNAME room
`

// TestTTLsOfKeys: an answer has the TTL that the policy gave, and an alias in
// front of it keeps its own.
func TestTTLsOfKeys(t *testing.T) {
	b := handler(t, adaptive)
	s := b.zones["example.org."].data.Load().steers["room.example.org."]
	for _, c := range []struct {
		name string
		ttls []uint32
	}{
		{"room", []uint32{30, 30}}, // the first minute
		{"short", []uint32{45, 30, 30}},
	} {
		w := &benchWriter{remote: benchRemote}
		b.ServeDNS(t.Context(), w, benchQuery(c.name, dns.TypeA))
		if w.reply == nil || len(w.reply.Answer) != len(c.ttls) {
			t.Fatalf("%s: %v", c.name, w.reply)
		}
		for i, rr := range w.reply.Answer {
			if rr.Header().Ttl != c.ttls[i] {
				t.Errorf("%s: %v, want a TTL of %d", c.name, rr, c.ttls[i])
			}
		}
	}
	if got := s.served.Load().plan.TTL; got != 10*time.Minute {
		t.Errorf("the plan's TTL is %v now", got)
	}
}

// TestVariants: records are made once for each TTL, as long as they are few;
// beyond that they are still right.
func TestVariants(t *testing.T) {
	b := handler(t, adaptive)
	sv := b.zones["example.org."].data.Load().steers["room.example.org."].served.Load()
	choice := policy.Choice{N: 2, Members: [policy.MaxAnswers]uint16{0, 2}}
	answer := func(ttl uint32) []dns.RR {
		choice.TTL = time.Duration(ttl) * time.Second
		a, _ := sv.records([]dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Ttl: 45}}}, nil, policy.A, &choice)
		return a
	}
	for ttl := uint32(1); ttl <= maxVariants+10; ttl++ {
		first, again := answer(ttl), answer(ttl)
		for i, want := range []string{"", "192.0.2.1", "192.0.2.3"} {
			if i == 0 {
				if first[0].Header().Ttl != 45 {
					t.Fatalf("TTL %d: the alias has %d", ttl, first[0].Header().Ttl)
				}
				continue
			}
			a := first[i].(*dns.A)
			if a.Hdr.Ttl != ttl || a.A.String() != want {
				t.Fatalf("TTL %d: %v", ttl, a)
			}
			if kept := first[i] == again[i]; kept != (ttl <= maxVariants) {
				t.Fatalf("TTL %d: kept %v", ttl, kept)
			}
		}
	}
}

// TestExplainKey: what is known of a key, before and after it has asked like a
// cache.
func TestExplainKey(t *testing.T) {
	b := handler(t, adaptive)
	s := b.zones["example.org."].data.Load().steers["room.example.org."]
	key := resolverKey(&benchWriter{remote: benchRemote}, new(dns.Msg))
	ask := func(at time.Time) {
		s.policy.Draw(s.served.Load().plan, policy.Query{Key: key, Now: at, Random: 1})
	}
	start := time.Now()
	explain := func(after time.Duration) control.Explanation {
		return s.explain(control.ExplainRequest{From: key}, policy.A, start.Add(after))
	}
	if h := explain(0).HiddenLoad; h == nil || h.Known {
		t.Errorf("before it asked: %+v", h)
	}
	for i := range 4 {
		ask(start.Add(time.Duration(i) * 100 * time.Second))
		s.learner.Tick(start.Add(time.Duration(i)*100*time.Second + time.Second))
	}
	e := explain(302 * time.Second)
	if h := e.HiddenLoad; !h.Known || !h.Trusted || h.Share != 1 || h.Keys != 1 || len(h.Held) != 2 || h.Rate < 0.005 || h.Rate > 0.05 {
		t.Errorf("after four questions: %+v", h)
	}
	for _, m := range e.Members {
		if m.Belief == nil || m.Belief.Share < 0.32 || m.Belief.Share > 0.34 || m.Belief.Load <= 0 {
			t.Errorf("%s: %+v", m.ID, m.Belief)
		}
	}
	if got := explain(302 * time.Second); fmt.Sprint(got.Drawn, got.TTL) != fmt.Sprint(e.Drawn, e.TTL) || got.Sampled {
		t.Errorf("explained %v for %v, and then %v for %v", e.Drawn, e.TTL, got.Drawn, got.TTL)
	}
	if none := s.explain(control.ExplainRequest{}, policy.A, start); none.HiddenLoad != nil || !none.Sampled {
		t.Errorf("without a key: %+v", none.HiddenLoad)
	}
}
