package ballast

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/internal/control"
)

// What an operator asks about may be any name, type and prefix.
func FuzzExplain(f *testing.F) {
	for _, name := range []string{"www.example.org", "WWW.example.org.", "hash.example.org", "x.wild.example.org", "alias.example.org", "", ".",
		"example.org", `a\.b.www.example.org`, "down.example.org", "one.example.org"} {
		f.Add(name, "A", "203.0.113.0/24")
		f.Add(name, "srv", "2001:db8::1/128")
		f.Add(name, "MX", "")
	}
	b := fuzzHandler(f)
	o := &operator{hub: b.hub}
	f.Fuzz(func(t *testing.T, name, qtype, from string) {
		prefix, err := netip.ParsePrefix(from)
		if err != nil {
			prefix = netip.Prefix{}
		}
		e, err := o.Explain(t.Context(), control.ExplainRequest{Name: name, Type: qtype, From: prefix})
		if err != nil {
			return
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("%q %q %q cannot be told: %v", name, qtype, from, err)
		}
		if len(e.Members) > 0 && e.Mode == "live" && len(e.Drawn) == 0 && e.Type == "SRV" {
			t.Fatalf("%q: a live pool gives nobody: %+v", name, e)
		}
	})
}
