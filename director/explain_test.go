package director

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/control"
)

func TestExplain(t *testing.T) {
	w := newWorld(t)
	w.join()
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"), vipBlock("hash", "10.200.0.2", 80, "10.201.0.11", `scheduler = "sh"`))
	w.start()
	client := netip.MustParseAddrPort("10.200.0.9:4000")
	ask := func(vip string) string {
		t.Helper()
		e, err := w.Explain(t.Context(), control.ConnExplainRequest{Client: client, VIP: vip})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(e.Sentences, " ")
	}
	if got := ask("web"); !strings.Contains(got, "would be refused") {
		t.Errorf("before any server is known: %s", got)
	}
	w.settled()
	w.tend(t.Context())
	for _, vip := range []string{"web", "hash", "10.200.0.2:80"} {
		if got := ask(vip); !strings.Contains(got, "would go to 10.201.0.11") {
			t.Errorf("%s: %s", vip, got)
		}
	}
	client = addrPort(w.dial("10.200.0.1:80").LocalAddr())
	if got := ask(""); !strings.Contains(got, "It is established with 10.201.0.11, by scheduler wlc.") {
		t.Errorf("of a connection: %s", got)
	}
	if _, err := w.Explain(t.Context(), control.ConnExplainRequest{Client: client, VIP: "other"}); err == nil {
		t.Error("there is another VIP")
	}
}
