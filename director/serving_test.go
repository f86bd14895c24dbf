package director

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/dataplane"
)

// key is one of TCP, of text like "192.0.2.1:80".
func key(text string) dataplane.VIP {
	a := netip.MustParseAddrPort(text)
	return dataplane.VIP{Addr: a.Addr(), Port: a.Port(), Proto: 6}
}

func TestAssign(t *testing.T) {
	a, b := key("192.0.2.1:80"), key("192.0.2.2:80")
	for _, c := range []struct {
		name      string
		held      owners
		claimants []claimant
		want      owners
		kept      map[uint32][]dataplane.VIP // in the first pass
		changed   []uint32                   // in the second, as the first pass has left it or before
	}{
		{"the first", nil, []claimant{{1, []dataplane.VIP{a}, true}}, owners{a: 1}, nil, []uint32{1}},
		{"not ready", nil, []claimant{{1, []dataplane.VIP{a}, false}}, owners{}, nil, nil},
		{"nothing changes", owners{a: 1}, []claimant{{1, []dataplane.VIP{a}, true}}, owners{a: 1}, nil, nil},
		{"renamed", owners{a: 1}, []claimant{{2, []dataplane.VIP{a}, true}}, owners{a: 2},
			map[uint32][]dataplane.VIP{1: nil}, []uint32{1, 2}},
		{"renamed, its servers not known", owners{a: 1}, []claimant{{2, []dataplane.VIP{a}, false}}, owners{a: 1}, nil, nil},
		{"swapped", owners{a: 1, b: 2}, []claimant{{1, []dataplane.VIP{b}, true}, {2, []dataplane.VIP{a}, true}},
			owners{a: 2, b: 1}, map[uint32][]dataplane.VIP{1: nil, 2: nil}, []uint32{1, 2}},
		{"swapped, one not ready", owners{a: 1, b: 2}, []claimant{{1, []dataplane.VIP{b}, true}, {2, []dataplane.VIP{a}, false}},
			owners{a: 1, b: 1}, map[uint32][]dataplane.VIP{2: nil}, []uint32{1, 2}},
		{"gone", owners{a: 1, b: 2}, []claimant{{1, []dataplane.VIP{a}, true}}, owners{a: 1}, nil, []uint32{2}},
		{"gives one of two", owners{a: 1, b: 1}, []claimant{{1, []dataplane.VIP{a}, true}, {2, []dataplane.VIP{b}, true}},
			owners{a: 1, b: 2}, map[uint32][]dataplane.VIP{1: {a}}, []uint32{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := assign(c.held, c.claimants)
			if !maps.Equal(want, c.want) {
				t.Errorf("assigned %v, want %v", want, c.want)
			}
			if kept := yield(c.held, want); !maps.EqualFunc(kept, c.kept, slices.Equal) {
				t.Errorf("kept at first: %v, want %v", kept, c.kept)
			}
			if changed := differ(c.held, want); !slices.Equal(changed, c.changed) {
				t.Errorf("%v differ, want %v", changed, c.changed)
			}
		})
	}
}

func (w *world) wantAnswers(want map[string]string) {
	w.t.Helper()
	for at, name := range want {
		if got := w.answering(at); got != name {
			w.t.Errorf("%s is answered by %q, want %q", at, got, name)
		}
	}
}

func TestRenamedVIPIsServed(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	w.wantAnswers(map[string]string{"10.200.0.1:80": "web"})
	w.write(vipBlock("www", "10.200.0.1", 80, "10.201.0.11 10.201.0.12"))
	w.hup() // its servers may not be known yet: then web goes on
	if got := w.answering("10.200.0.1:80"); got == "" {
		t.Fatal("nobody answers after the reload")
	}
	w.settled()
	w.wantAnswers(map[string]string{"10.200.0.1:80": "www"})
	w.tend(t.Context())
	if v := w.vips["www"]; !v.served || v.trouble != nil || v.address != nil {
		t.Errorf("served %t, trouble %v, address %v", v.served, v.trouble, v.address)
	}
	for range 4 {
		w.pass(time.Second)
	}
	if n := len(w.plane.Services()); n != 1 {
		t.Errorf("%d services, want the old one to be gone", n)
	}
	w.wantAnswers(map[string]string{"10.200.0.1:80": "www"})
}

func TestSwappedVIPsAreServed(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("a", "10.200.0.1", 80, "10.201.0.11"), vipBlock("b", "10.200.0.2", 80, "10.201.0.12"))
	w.start()
	w.settled()
	w.wantAnswers(map[string]string{"10.200.0.1:80": "a", "10.200.0.2:80": "b"})
	w.write(vipBlock("a", "10.200.0.2", 80, "10.201.0.11"), vipBlock("b", "10.200.0.1", 80, "10.201.0.12"))
	w.hup()
	w.wantAnswers(map[string]string{"10.200.0.1:80": "b", "10.200.0.2:80": "a"})
	if got := w.members("a"); !slices.Equal(got, []string{"10.201.0.11"}) {
		t.Errorf("a goes to %v", got)
	}
}

// TestServingIsTriedAgain: the first try fails, as the datapath does not know
// the service.
func TestServingIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	v := w.vips["web"]
	id := v.id
	v.id = 200
	w.settled()
	if v.served || v.trouble == nil || !strings.Contains(v.errorText(""), "no service has id 200") {
		t.Fatalf("served %t, trouble %v", v.served, v.trouble)
	}
	v.id = id
	w.pass(judgeEvery)
	if !v.served || v.trouble != nil || v.told != "" {
		t.Errorf("then served %t, trouble %v, %q", v.served, v.trouble, v.told)
	}
	w.wantAnswers(map[string]string{"10.200.0.1:80": "web"})
}
