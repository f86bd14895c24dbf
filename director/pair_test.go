package director

import (
	"net/netip"
	"testing"

	"github.com/ballast-lb/ballast/director/announce"
	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/internal/consul"
)

func TestLeave(t *testing.T) {
	web := announce.VIP{Name: "web", Service: "web", Address: netip.MustParseAddr("192.0.2.1"), Ports: []uint16{80}}
	www, moved, more := web, web, web
	www.Name = "www"
	moved.Address = netip.MustParseAddr("192.0.2.2")
	more.Ports = []uint16{80, 443}
	for _, c := range []struct {
		name string
		next *successor
		want announce.Leave
	}{
		{"the director ends", nil, announce.LeaveRemove},
		{"it is told on", &successor{[]announce.VIP{web}, true}, announce.LeaveKeep},
		{"with another port", &successor{[]announce.VIP{more}, true}, announce.LeaveKeep},
		{"by another name, as the same instance", &successor{[]announce.VIP{www}, true}, announce.LeaveKeep},
		{"with another address", &successor{[]announce.VIP{moved}, true}, announce.LeaveRemove},
		{"to another Consul", &successor{[]announce.VIP{web}, false}, announce.LeaveRemove},
		{"not any more", &successor{nil, true}, announce.LeaveRemove},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &pairing{stop: func() {}}
			p.end(c.next)
			if got := p.leave([]announce.VIP{web}, "web"); got != c.want {
				t.Errorf("leave %v, want %v", got, c.want)
			}
		})
	}
}

// TestPairDoesNotWait: the pairing before may take its time to end.
func TestPairDoesNotWait(t *testing.T) {
	d := newDirector(Options{Config: &config.Config{}})
	slow := &pairing{stop: func() {}, done: make(chan struct{})}
	ended := make(chan struct{})
	d.pair(t.Context(), slow, true, func() { close(ended) })
	select {
	case <-ended:
		t.Error("the next began while the last had not ended")
	case <-d.pairing.done:
		t.Error("the next ended before the last")
	default:
	}
	close(slow.done)
	<-ended
	d.pairing.wait()
}

func TestSameConsul(t *testing.T) {
	of := func(address, token string) *config.Config {
		return &config.Config{Consul: &consul.Config{Address: address, TokenFile: token}}
	}
	for _, c := range []struct {
		name string
		a, b *config.Config
		want bool
	}{
		{"another token", of("a:8500", "x"), of("a:8500", "y"), true},
		{"another address", of("a:8500", ""), of("b:8500", ""), false},
		{"none before", &config.Config{}, of("a:8500", ""), false},
		{"none after", of("a:8500", ""), &config.Config{}, false},
	} {
		if got := sameConsul(c.a, c.b); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
