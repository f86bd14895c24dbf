package ballast

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

func TestKeepPace(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct {
		name     string
		news     news
		took     time.Duration
		size     int64
		err      error
		due, not time.Duration // after the last write
	}{
		{"a change", changes, time.Millisecond, 1000, nil, 2 * time.Second, 1900 * time.Millisecond},
		{"ages alone", ages, time.Millisecond, 1000, nil, 30 * time.Second, 29 * time.Second},
		{"much of it", changes, time.Millisecond, 25 * mib, nil, 100 * time.Second, 99 * time.Second},
		{"ages, and much of it", ages, time.Millisecond, 25 * mib, nil, 100 * time.Second, 99 * time.Second},
		{"a slow disk", changes, 3 * time.Second, 1000, nil, 300 * time.Second, 299 * time.Second},
		{"after a failure", changes, 3 * time.Second, 25 * mib, errors.New("full"), 5 * time.Second, 4 * time.Second},
		{"nothing new", nothing, time.Millisecond, 1000, nil, 0, 1000 * time.Hour},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p keepPace
			now := time.Now()
			if p.due(tc.news, now) != (tc.news != nothing) {
				t.Errorf("Before the first write it is due: %v", p.due(tc.news, now))
			}
			p.note(now.Add(-tc.took), now, tc.size, nil)
			if tc.err != nil {
				p.note(now.Add(-tc.took), now, 0, tc.err)
			}
			if p.due(tc.news, now.Add(tc.not)) {
				t.Errorf("It is due after %v", tc.not)
			}
			if tc.due > 0 && !p.due(tc.news, now.Add(tc.due)) {
				t.Errorf("It is not due after %v", tc.due)
			}
		})
	}
}

func TestWhatIsNews(t *testing.T) {
	now := time.Now()
	at := func(servers ...pool.Server) *pool.Pool { return &pool.Pool{Service: "web", Servers: servers} }
	one := pool.Server{ID: "one", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}, Capacity: 1, Health: pool.Passing}
	with := func(change func(*pool.Server)) pool.Server {
		s := one
		change(&s)
		return s
	}
	was := at(one)
	for _, tc := range []struct {
		name      string
		pool      *pool.Pool
		confirmed time.Time
		want      news
	}{
		{"the same", was, now, nothing},
		{"confirmed again", was, now.Add(time.Second), ages},
		{"a load", at(with(func(s *pool.Server) { s.Load = pool.Load{Value: 0.5, At: now} })), now, ages},
		{"a reason", at(with(func(s *pool.Server) { s.Reason = "load 0.5" })), now, ages},
		{"one that wavers", at(with(func(s *pool.Server) { s.Wavering, s.Flip = true, time.Second })), now, ages},
		{"a health", at(with(func(s *pool.Server) { s.Health = pool.Critical })), now, changes},
		{"a capacity", at(with(func(s *pool.Server) { s.Capacity = 2 })), now, changes},
		{"an address", at(with(func(s *pool.Server) { s.Addrs = []netip.Addr{netip.MustParseAddr("192.0.2.2")} })), now, changes},
		{"another server", at(one, with(func(s *pool.Server) { s.ID = "two" })), now, changes},
		{"nobody", at(), now, changes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := poolsFile{saved: known("web", was, now)}
			if got := f.news(known("web", tc.pool, tc.confirmed)); got != tc.want {
				t.Errorf("News are %v, want %v", got, tc.want)
			}
			if got := f.news(known("db", tc.pool, tc.confirmed)); got != changes {
				t.Errorf("Of another source news are %v", got)
			}
		})
	}
}
