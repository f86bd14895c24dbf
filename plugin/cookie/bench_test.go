package cookie

import (
	"context"
	"net"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
)

// sink is where replies go.
type sink struct {
	test.ResponseWriter
	remote net.Addr // boxed once: not this plugin's allocation
	last   string
}

func (w *sink) RemoteAddr() net.Addr { return w.remote }

func (w *sink) WriteMsg(m *dns.Msg) error {
	w.last = ""
	if cookies := m.IsEdns0(); cookies != nil && len(cookies.Option) > 0 {
		w.last = cookies.Option[0].(*dns.EDNS0_COOKIE).Cookie
	}
	return nil
}

// answering serves a reply that is made beforehand, so that what is measured is
// the plugin.
func answering(t testing.TB) (*Cookie, *sink) {
	k, err := newKeeper("")
	if err != nil {
		t.Fatal(err)
	}
	extra := make([]dns.RR, 0, 1)
	reply := new(dns.Msg)
	next := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		reply.Extra = extra
		w.WriteMsg(reply)
		return dns.RcodeSuccess, nil
	})
	return &Cookie{Next: next, secrets: k}, &sink{remote: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 53}}
}

func query(cookies ...string) (r *dns.Msg, again func()) {
	r = new(dns.Msg).SetQuestion("example.org.", dns.TypeA)
	r.SetEdns0(1232, false)
	opt, options := r.IsEdns0(), make([]dns.EDNS0, 0, 1)
	for _, c := range cookies {
		options = append(options, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: c})
	}
	kept := append([]dns.EDNS0(nil), options...)
	return r, func() { opt.Option = append(options[:0], kept...) }
}

// allocations are those of a query with these COOKIE options.
func allocations(t testing.TB, cookies ...string) float64 {
	c, w := answering(t)
	r, again := query(cookies...)
	return testing.AllocsPerRun(100, func() {
		again()
		c.ServeDNS(context.Background(), w, r)
	})
}

func TestAllocations(t *testing.T) {
	c, w := answering(t)
	r, again := query(client)
	again()
	c.ServeDNS(context.Background(), w, r)
	without := allocations(t)
	for _, tc := range []struct {
		name   string
		cookie string
		most   float64
	}{
		{"a valid cookie: the option", w.last, 1},
		{"a new client: the option and its text", client, 2},
	} {
		if got := allocations(t, tc.cookie) - without; got > tc.most {
			t.Errorf("%s: %v allocations, want %v at most", tc.name, got, tc.most)
		}
	}
	// What is left is the wrapper that plugin.NextOrFailure makes for any plugin.
	if without > 1 {
		t.Errorf("A query without a cookie costs %v allocations", without)
	}
}

func BenchmarkServeDNS(b *testing.B) {
	c, w := answering(b)
	r, again := query(client)
	again()
	c.ServeDNS(context.Background(), w, r)
	for name, cookies := range map[string][]string{"none": nil, "new": {client}, "valid": {w.last}} {
		b.Run(name, func(b *testing.B) {
			r, again := query(cookies...)
			b.ReportAllocs()
			for b.Loop() {
				again()
				c.ServeDNS(context.Background(), w, r)
			}
		})
	}
}
