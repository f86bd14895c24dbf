package director

import (
	"errors"
	"slices"
	"testing"

	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/pool"
)

func TestReason(t *testing.T) {
	for _, c := range []struct {
		name   string
		server verdict.Server
		way    error
		want   string
	}{
		{"well", verdict.Server{Health: pool.Passing, Reason: "passing"}, nil, ""},
		{"not checked", verdict.Server{Health: pool.Unknown, Reason: pool.Unknown.String()}, nil, ""},
		{"warming up", verdict.Server{Health: pool.Passing, Reason: "warming up"}, nil, "warming up"},
		{"not up", verdict.Server{State: verdict.Down, Health: pool.Critical, Reason: "critical"}, nil, "critical"},
		{"out of reach", verdict.Server{Health: pool.Passing, Reason: "passing"}, errors.New("no route"), "no route"},
	} {
		if got := reason(c.server, c.way); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11", `fallback = ["10.201.0.12"]`))
	w.start()
	w.settled()
	w.tend(t.Context())
	s, err := w.Status(t.Context())
	if err != nil || len(s.VIPs) != 1 || len(s.VIPs[0].Servers) != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	var sources []string
	for _, source := range s.Sources {
		sources = append(sources, source.Source)
	}
	if want := []string{"list web", "list web fallback"}; !slices.Equal(sources, want) || s.VIPs[0].Source != "list" {
		t.Errorf("sources %q, of the VIP %q", sources, s.VIPs[0].Source)
	}
	if v := s.VIPs[0]; v.Error != "" || v.Servers[0].Reason != "" || v.Servers[1].Reason == "" {
		t.Errorf("error %q, of servers %q and %q", v.Error, v.Servers[0].Reason, v.Servers[1].Reason)
	}
}
