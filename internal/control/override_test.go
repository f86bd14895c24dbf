package control

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestMatchServer(t *testing.T) {
	s := &pool.Server{
		ID: "service/web:1", Node: "rack3-a", Host: "web1.example.org.", Port: 80,
		Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("2001:db8::11")},
	}
	for pattern, want := range map[string]bool{
		"service/web:1": true, "service/*": true, "*": true, "*web:[12]": true,
		"service/web": false, "service/web:?": true, "service/web:2": false,
		"rack3-a": true, "rack3-*": true, "rack4-*": false, "Rack3-a": false, "Service/web:1": false,
		"WEB1.Example.org": true, "Web1.example.org:80": true, "WEB?": true, "2001:DB8::11": true, "[2001:DB8::11]:80": true,
		"web1.example.org": true, "web1": true, "web:1": true, "web2": false, "web1.example.org.": true, "web1.example.org:80": true, "web1.example.org:81": false,
		"192.0.2.11": true, "192.0.2.11:80": true, "192.0.2.*": true, "192.0.2.1": false,
		"2001:db8::11": true, "[2001:db8::11]:80": true, "2001:db8::*": true, "[2001:db8::12]:80": false,
		"": false,
	} {
		if got := (Override{Server: pattern}).MatchServer(s); got != want {
			t.Errorf("%q matches: %v, want %v", pattern, got, want)
		}
	}
}

func TestMatchName(t *testing.T) {
	for pattern, want := range map[string]bool{
		"": true, "www.example.org": true, "WWW.example.org.": true, "*.example.org": true,
		"web": true, "we?": true, "api.example.org": false, "www": false,
	} {
		if got := (Override{Name: pattern}).MatchName("www.Example.org.", "web"); got != want {
			t.Errorf("%q matches: %v, want %v", pattern, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, ok := range []Override{
		{Server: "web-1"}, {Server: "web-*", Factor: 10, Name: "*.example.org"}, {Server: "[2001:db8::1]:80", Drain: true},
		{Server: "a", Until: now.Add(time.Second)},
	} {
		if err := ok.Validate(now); err != nil {
			t.Errorf("%+v: %v", ok, err)
		}
	}
	for _, bad := range []Override{
		{}, {Server: "a", Factor: 10.1}, {Server: "a["}, {Server: "a", Name: "["}, {Server: "a", Until: now},
	} {
		if err := bad.Validate(now); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestActive(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		until time.Time
		want  bool
	}{{time.Time{}, true}, {now.Add(1), true}, {now, false}} {
		if got := (Override{Until: tc.until}).Active(now); got != tc.want {
			t.Errorf("until %v: %v", tc.until, got)
		}
	}
}
