package cookie

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// FuzzServeDNS sends any message through the plugin, with replies of its own and
// of others' OPT records below.
func FuzzServeDNS(f *testing.F) {
	add := func(cookies ...string) {
		r, again := query(cookies...)
		again()
		packet, err := r.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet, uint8(0))
		f.Add(packet, uint8(1))
		f.Add(packet, uint8(dns.RcodeRefused))
	}
	add()
	add(client)
	add(client+strings.Repeat("00", 16), client)
	add("")
	add(strings.Repeat("00", 41))

	f.Fuzz(func(t *testing.T, packet []byte, below uint8) {
		r := new(dns.Msg)
		if r.Unpack(packet) != nil || len(r.Question) != 1 || r.Response {
			return
		}
		asked := r.Copy()
		c, _ := answering(t)
		var replies []*dns.Msg
		w := &keep{replies: &replies}
		c.require = below&0x80 != 0
		c.Next = plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			if _, given := take(r.IsEdns0()); given {
				t.Error("A cookie goes on")
			}
			if rcode := int(below & 0x7f); !plugin.ClientWrite(rcode) {
				return rcode, nil
			}
			m := new(dns.Msg).SetReply(r)
			if below&1 != 0 { // as forward passes on
				m.SetEdns0(1232, false)
				m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "ffeeffeeffeeffee"}}
			}
			w.WriteMsg(m)
			return dns.RcodeSuccess, nil
		})
		rcode, err := c.ServeDNS(context.Background(), w, r)
		if err != nil || len(replies) > 1 || (len(replies) == 1) != plugin.ClientWrite(rcode) {
			t.Fatalf("Rcode %d, error %v, %d replies to\n%v", rcode, err, len(replies), asked)
		}
		for _, m := range replies {
			checkCookies(t, asked, m)
		}
	})
}

type keep struct {
	sink
	replies *[]*dns.Msg
}

func (w *keep) WriteMsg(m *dns.Msg) error { *w.replies = append(*w.replies, m); return nil }

// checkCookies looks whether a reply has a full cookie of the client that asked, and
// none if it did not ask for one.
func checkCookies(t *testing.T, asked, m *dns.Msg) {
	t.Helper()
	given := cookiesOf(asked)
	got := cookiesOf(m)
	if len(given) == 0 {
		if slices.ContainsFunc(got, func(c string) bool { return len(c) == 2*fullLen }) {
			t.Fatalf("Nobody has asked for a cookie\n%v\nanswered\n%v", asked, m)
		}
		return
	}
	if len(got) != 1 || len(got[0]) != 2*fullLen || len(given[0]) < 16 || got[0][:16] != given[0][:16] {
		t.Fatalf("Asked\n%v\nanswered\n%v", asked, m)
	}
	if _, err := m.Pack(); err != nil {
		t.Fatalf("It cannot be sent: %v\n%v", err, m)
	}
}

func FuzzSecrets(f *testing.F) {
	f.Add(rfcSecret)
	f.Add("# none\n\n" + rfcSecret + " # one\n" + rfcOld)
	f.Add(rfcSecret + rfcOld)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := readSecrets(strings.NewReader(text), "secrets")
		if (err == nil) != (len(r) > 0) || len(r) > maxSecrets {
			t.Errorf("%d secrets, error %v", len(r), err)
		}
	})
}
