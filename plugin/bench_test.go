package ballast

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/file"

	"github.com/miekg/dns"
)

// costCases are the kinds of answers to measure. test/bench reads the names of the
// benchmarks that they become.
var costCases = []struct {
	name    string
	lb      string // options of the LB record at www; empty for a zone of plain records
	servers int
	qname   string
	qtype   uint16
	answers int  // records expected, so that no error is measured by mistake
	plain   bool // answered by the file plugin
}{
	{name: "A", lb: "answers=2", servers: 3, qname: "www", qtype: dns.TypeA, answers: 2},
	{name: "AAAA", lb: "answers=2", servers: 3, qname: "www", qtype: dns.TypeAAAA, answers: 2},
	{name: "SRV", lb: "answers=2", servers: 3, qname: "www", qtype: dns.TypeSRV, answers: 3},
	{name: "A_hash", lb: "answers=2 policy=hash", servers: 3, qname: "www", qtype: dns.TypeA, answers: 2},
	{name: "A_1000", lb: "answers=2", servers: 1000, qname: "www", qtype: dns.TypeA, answers: 2},
	{name: "A_1000_hash", lb: "answers=2 policy=hash", servers: 1000, qname: "www", qtype: dns.TypeA, answers: 2},
	{name: "A_headroom", lb: "answers=2 policy=headroom", servers: 7, qname: "www", qtype: dns.TypeA, answers: 2},
	{name: "A_1000_headroom", lb: "answers=2 policy=headroom", servers: 1000, qname: "www", qtype: dns.TypeA, answers: 2},
	{name: "static", lb: "answers=2", servers: 3, qname: "static", qtype: dns.TypeA, answers: 2},
	{name: "file", servers: 3, qname: "static", qtype: dns.TypeA, answers: 2, plain: true},
}

// BenchmarkServeDNS measures each kind of answer twice: as it is served, and
// as the same reply put together by hand. The difference is what it costs to
// find the answer.
func BenchmarkServeDNS(b *testing.B) {
	for _, c := range costCases {
		b.Run(c.name, func(b *testing.B) {
			h, r := benchHandler(b, c.lb, c.servers, c.plain), benchQuery(c.qname, c.qtype)
			want := answerOf(b, h, r, c.answers)
			w := &benchWriter{remote: benchRemote}
			b.Run("served", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					h.ServeDNS(context.Background(), w, r)
				}
			})
			b.Run("by_hand", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					replyByHand(w, r, want)
				}
			})
		})
	}
}

// BenchmarkDraw measures the policies alone.
func BenchmarkDraw(b *testing.B) {
	for _, name := range policy.Names() {
		p, err := policy.New(name, policy.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, members := range []int{3, 16, 100, 1000} {
			plan := benchPlan(name, members)
			b.Run(fmt.Sprintf("%s/%d", name, members), func(b *testing.B) {
				if l, ok := p.(policy.Learner); ok {
					l.Adopt(plan)
				}
				b.ReportAllocs()
				q := policy.Query{Key: netip.MustParsePrefix("192.0.2.0/24"), Now: plan.At, Random: 1}
				for b.Loop() {
					q.Random = q.Random*6364136223846793005 + 1442695040888963407
					if c := p.Draw(plan, q); c.N != 2 {
						b.Fatalf("drew %d members, want 2", c.N)
					}
				}
			})
		}
	}
}

// BenchmarkKeys measures an answer's draw when so many resolvers ask in turn, each
// when its last answer has expired, so that nothing is repeated. With -cpu above
// 1 all of them ask at once.
func BenchmarkKeys(b *testing.B) {
	for _, name := range []string{"weighted", "headroom"} {
		for _, keys := range []int{1, 1000, 20_000} {
			b.Run(fmt.Sprintf("%s/%d", name, keys), func(b *testing.B) {
				draw := expiringKeys(b, name, keys)
				b.ReportAllocs()
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						draw()
					}
				})
			})
		}
	}
}

// expiringKeys is a draw for the next of so many keys, all of which are known
// already if the policy knows keys.
func expiringKeys(tb testing.TB, name string, keys int) (draw func()) {
	p, err := policy.New(name, policy.Options{Seed: 1})
	if err != nil {
		tb.Fatal(err)
	}
	plan := benchPlan(name, 7)
	l, learns := p.(policy.Learner)
	if learns {
		l.Adopt(plan)
	}
	var n atomic.Int64
	step := (plan.Config.TTL + time.Second) / time.Duration(keys)
	draw = func() {
		i := n.Add(1)
		q := policy.Query{Key: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i % int64(keys) >> 16), byte(i % int64(keys) >> 8), byte(i % int64(keys))}), 32),
			Now: plan.At.Add(time.Duration(i) * step), Random: uint64(i) * 6364136223846793005}
		if c := p.Draw(plan, q); c.N != 2 {
			tb.Errorf("drew %d members, want 2", c.N)
		}
	}
	for i := range 6 * keys {
		draw()
		if learns && i%(1+keys/100) == 0 {
			l.Tick(plan.At.Add(time.Duration(n.Load()) * step))
		}
	}
	if learns && l.Survey(plan.At).Keys < keys*9/10 {
		tb.Fatalf("%d of %d keys are known", l.Survey(plan.At).Keys, keys)
	}
	return draw
}

// TestServeDNSAllocations: an answer from a pool allocates what its reply
// needs, and nothing else.
func TestServeDNSAllocations(t *testing.T) {
	for _, c := range costCases {
		if c.qname != "www" {
			continue // the lookup of plain records is CoreDNS's
		}
		t.Run(c.name, func(t *testing.T) {
			h, r := benchHandler(t, c.lb, c.servers, c.plain), benchQuery(c.qname, c.qtype)
			want := answerOf(t, h, r, c.answers)
			w := &benchWriter{remote: benchRemote}
			served := testing.AllocsPerRun(200, func() { h.ServeDNS(context.Background(), w, r) })
			byHand := testing.AllocsPerRun(200, func() { replyByHand(w, r, want) })
			if served != byHand {
				t.Errorf("ServeDNS makes %v allocations for a reply that needs %v", served, byHand)
			}
		})
	}
}

// replyByHand is the least that any plugin must do to answer: the reply with
// sections of their exact size, of records made beforehand.
func replyByHand(w dns.ResponseWriter, r, want *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(r)
	m.Authoritative = true
	m.Answer = section(want.Answer)
	m.Ns = section(want.Ns)
	m.Extra = section(want.Extra)
	w.WriteMsg(m)
}

func section(rrs []dns.RR) []dns.RR {
	if len(rrs) == 0 {
		return nil
	}
	return append(make([]dns.RR, 0, len(rrs)), rrs...)
}

// answerOf asks once, and checks that this is the answer to be measured.
func answerOf(tb testing.TB, h plugin.Handler, r *dns.Msg, answers int) *dns.Msg {
	tb.Helper()
	w := &benchWriter{remote: benchRemote}
	if _, err := h.ServeDNS(context.Background(), w, r); err != nil {
		tb.Fatal(err)
	}
	if w.reply == nil || w.reply.Rcode != dns.RcodeSuccess || len(w.reply.Answer) != answers {
		tb.Fatalf("want %d records, got %v", answers, w.reply)
	}
	return w.reply
}

func benchQuery(qname string, qtype uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(qname+".example.org.", qtype)
}

// benchHandler serves the zone by ballast, or by the file plugin.
func benchHandler(tb testing.TB, lb string, servers int, plain bool) plugin.Handler {
	tb.Helper()
	text := benchZone(lb, servers)
	if plain {
		z, err := file.Parse(strings.NewReader(text), "example.org.", "zone", 0)
		if err != nil {
			tb.Fatal(err)
		}
		return file.File{Zones: file.Zones{Z: map[string]*file.Zone{"example.org.": z}, Names: []string{"example.org."}}}
	}
	path := filepath.Join(tb.TempDir(), "zone")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	h := newHub()
	z, err := newZone(h, &config{file: path}, nil, "example.org.")
	if err != nil {
		tb.Fatal(err)
	}
	h.addZone(z)
	tb.Cleanup(h.forgetMetrics) // other tests count series
	b := &Ballast{hub: h}
	b.zones.add(z)
	return b
}

func benchZone(lb string, servers int) string {
	var z strings.Builder
	z.WriteString("$ORIGIN example.org.\n$TTL 60\n@ IN SOA ns1 hostmaster 1 7200 900 1209600 30\n@ IN NS ns1\nns1 IN A 127.0.0.1\n")
	z.WriteString("static IN A 192.0.2.1\nstatic IN A 192.0.2.2\n")
	if lb != "" { // the file plugin gets the same zone but for this
		fmt.Fprintf(&z, "www IN LB srv _www._tcp check=none min-ttl=60 %s\n", lb)
	}
	for i := range servers {
		fmt.Fprintf(&z, "_www._tcp IN SRV 10 %d 80 s%d\n", 1+i%4, i)
		fmt.Fprintf(&z, "s%d IN A 10.0.%d.%d\ns%d IN AAAA 2001:db8::%x\n", i, i/250, 1+i%250, i, i+1)
	}
	return z.String()
}

func benchPlan(policyName string, members int) *policy.Plan {
	p := &pool.Pool{Service: "www"}
	for i := range members {
		p.Servers = append(p.Servers, pool.Server{
			ID: fmt.Sprintf("s%04d", i), Port: 80, Capacity: float64(1 + i%4), Health: pool.Passing,
			Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})},
		})
	}
	now := time.Unix(1_000_000_000, 0)
	cfg := policy.Config{Policy: policyName, Answers: 2}.WithDefaults()
	plan, _ := policy.Next(cfg, policy.Input{Now: now, Pool: p, Status: pool.Status{Confirmed: now}, Seed: 1}, nil)
	return plan
}

var benchRemote net.Addr = &net.UDPAddr{IP: net.IPv4(192, 0, 2, 53), Port: 5353}

// benchWriter keeps the last reply and does nothing with it.
type benchWriter struct {
	remote net.Addr
	reply  *dns.Msg
}

func (w *benchWriter) LocalAddr() net.Addr         { return w.remote }
func (w *benchWriter) RemoteAddr() net.Addr        { return w.remote }
func (w *benchWriter) WriteMsg(m *dns.Msg) error   { w.reply = m; return nil }
func (w *benchWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *benchWriter) Close() error                { return nil }
func (w *benchWriter) TsigStatus() error           { return nil }
func (w *benchWriter) TsigTimersOnly(bool)         {}
func (w *benchWriter) Hijack()                     {}
