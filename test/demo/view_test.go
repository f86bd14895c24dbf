package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
)

// testCast has servers that pass for started, but do not listen.
func testCast() *cast {
	c := &cast{}
	for _, s := range servers() {
		c.webs = append(c.webs, &web{spec: s, address: s.ip + ":8081", server: &http.Server{},
			share: func(netip.Addr) float64 { return 0.25 }})
	}
	return c
}

func TestTally(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	web1, web2 := netip.MustParseAddr("127.0.0.11"), netip.MustParseAddr("127.0.0.12")
	var l tally
	for range window {
		l.add(answer{addrs: []netip.Addr{web1, web2}}, now)
	}
	for range window / 4 {
		l.add(answer{addrs: []netip.Addr{web2}, ttl: 7 * time.Second}, now.Add(time.Minute))
	}
	c := l.counts()
	if c.total != window || c.share(web1) != 0.75 || c.share(web2) != 0.25 {
		t.Errorf("%d answers, shares %v and %v, want %d, 0.75 and 0.25", c.total, c.share(web1), c.share(web2), window)
	}
	if !c.seen[web1].Equal(now) || !c.seen[web2].Equal(now.Add(time.Minute)) || c.last.ttl != 7*time.Second {
		t.Errorf("seen %v, last %v", c.seen, c.last)
	}
}

// exampleView has one server in, one out, one unknown.
func exampleView() view {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	load := 0.95
	c := testCast()
	c.webs[1].hold(&load)
	addr := netip.MustParseAddr
	status := control.Status{
		Zones: []control.ZoneStatus{{Names: []control.NameStatus{{Name: "www.example.org.", Mode: "live",
			TTL: control.Seconds(9 * time.Second), MinTTL: control.Seconds(2 * time.Second), MaxTTL: control.Seconds(30 * time.Second),
			TTLWhy: "ramping: warming up for another 9s",
			Members: []control.MemberStatus{
				{ID: "web1", Addrs: []netip.Addr{addr("127.0.0.11")}, Health: pool.Passing, Weight: 4, Share: 1, In: true},
				{ID: "web2", Addrs: []netip.Addr{addr("127.0.0.12")}, Health: pool.Warning, Load: &load, Why: []string{"load 0.95 is above 0.90"}},
			}}}}},
		Sources: []control.SourceStatus{{Source: "consul web", Age: control.Seconds(1500 * time.Millisecond), Confirmed: now, Err: "refused"}},
	}
	counted := counts{first: map[netip.Addr]int{addr("127.0.0.11"): 30, addr("127.0.0.12"): 10}, total: 40,
		seen: map[netip.Addr]time.Time{addr("127.0.0.12"): now.Add(-3 * time.Second)},
		last: answer{[]netip.Addr{addr("127.0.0.11")}, 9 * time.Second}}
	return look(now, status, nil, "www.example.org.", c, counted)
}

func TestBlock(t *testing.T) {
	want := `
10:00:00  TTL 9 s (2 to 30), ramping: warming up for another 9s
  web1  127.0.0.11:8081  passing   load    -  weight  4.00  wanted 100%  given  75%
  web2  127.0.0.12:8081  warning   load 0.95  weight  0.00  wanted   0%  given  25%
        out, last given 3.0 s ago; you hold its load at 0.95; load 0.95 is above 0.90
  web3  127.0.0.13:8081  unknown   load    -  weight  0.00  wanted   0%  given   0%
        out; not in the pool
  source: consul web confirmed 1.5 s ago, in trouble: refused
`
	if got := block(exampleView()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestFrameFits(t *testing.T) {
	h := hints{name: "www.example.org", keys: keyHelp, try: [][2]string{{"dig", "ask it yourself"}}, log: "coredns.log"}
	lines := frame(exampleView(), []event{{time.Now(), "web1 stopped"}}, h)
	for _, width := range []int{1, 5, 40, 80, 200} {
		for _, l := range lines {
			text := l.text(width, false)
			if utf8.RuneCountInString(text) > width || strings.Contains(text, "\x1b") {
				t.Errorf("width %d: %q", width, text)
			}
		}
	}
	for height := range len(lines) + 2 {
		if got := fit(frame(exampleView(), nil, h), height); len(got) > height {
			t.Errorf("%d lines for height %d", len(got), height)
		}
	}
	if got := (line{{red, "critical"}, {normal, " x"}}).text(80, true); got != "\x1b[31mcritical\x1b[0m x" {
		t.Errorf("%q", got)
	}
	if got := (line{{red, "critical"}, {normal, " x"}}).text(8, false); got != "critica…" {
		t.Errorf("%q", got)
	}
}

func TestBar(t *testing.T) {
	for _, tc := range []struct {
		given, wanted float64
		want          string
	}{
		{0, 0, "····················"},
		{1, 1, "███████████████████│"},
		{0.5, 0.25, "████│█████··········"},
		{0.25, 0.5, "█████····│··········"},
	} {
		if got := bar(tc.given, tc.wanted); got != tc.want {
			t.Errorf("given %v, wanted %v: %s, want %s", tc.given, tc.wanted, got, tc.want)
		}
	}
}

func TestWhatMakesABlock(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*view)
		want   bool
	}{
		{"nothing", func(*view) {}, false},
		{"a given share", func(v *view) { v.rows[0].given = 0.1 }, false},
		{"a wanted share, a little", func(v *view) { v.rows[0].wanted -= 0.05 }, false},
		{"a wanted share", func(v *view) { v.rows[0].wanted -= 0.2 }, true},
		{"a health", func(v *view) { v.rows[0].health = pool.Critical }, true},
		{"a server leaves", func(v *view) { v.rows[0].in = false }, true},
		{"the TTL, a little", func(v *view) { v.answer.ttl = 7 * time.Second }, false},
		{"the TTL", func(v *view) { v.answer.ttl = 4 * time.Second }, true},
		{"the mode", func(v *view) { v.mode = "all-down" }, true},
		{"trouble", func(v *view) { v.trouble = "refused" }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := exampleView()
			tc.change(&v)
			if got := exampleView().differs(v); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
	t.Run("a heartbeat", func(t *testing.T) {
		out := &output{}
		d := &display{out: out}
		v := exampleView()
		for range 25 {
			d.show(v, nil, nil)
			v.at = v.at.Add(time.Second)
		}
		if n := strings.Count(out.String(), "TTL"); n != 3 {
			t.Errorf("%d blocks in 25 s, want 3", n)
		}
	})
}

func TestTroubleIsShown(t *testing.T) {
	c := testCast()
	for _, tc := range []struct {
		name        string
		status, dns error
		want        string
	}{
		{"none", nil, nil, ""},
		{"no control socket", errors.New("no socket"), nil, "no socket"},
		{"no answers", nil, errors.New("timeout"), "timeout"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := look(time.Now(), control.Status{}, tc.status, "www.example.org.", c, counts{err: tc.dns})
			if v.trouble != tc.want {
				t.Errorf("got %q, want %q", v.trouble, tc.want)
			}
		})
	}
}

func TestControls(t *testing.T) {
	var happened []string
	c := &controls{cast: testCast(), address: "127.0.0.1:8080", happen: func(s string) { happened = append(happened, s) }}
	for _, tc := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/", 200, "web1  http://127.0.0.11:8081  capacity 4, load 0.16\n"},
		{"POST", "/web2/load/0.95", 200, "web2's load is held at 0.95"},
		{"POST", "/web2/load/auto", 200, "simulated again"},
		{"POST", "/web2/load/11", 400, "neither auto nor a number"},
		{"POST", "/web2/load/NaN", 400, "neither auto nor a number"},
		{"POST", "/web3/slow", 200, "web3 answers after 3 s"},
		{"POST", "/web3/stop", 200, "web3 stopped"},
		{"POST", "/web9/stop", 404, "web9: there is no such thing"},
		{"POST", "/web1/explode", 404, "GET / lists"},
		{"POST", "/consul/stop", 404, "consul: there is no such thing"},
		{"POST", "/web1/agent/kill", 404, "agent of web1: there is no such thing"},
		{"GET", "/web1/stop", 405, ""},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			c.handler().ServeHTTP(w, httptest.NewRequest(tc.method, tc.path, nil))
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("got %d %s, want %d with %q", w.Code, w.Body, tc.status, tc.want)
			}
		})
	}
	if len(happened) != 4 {
		t.Errorf("told of %q, want the four that were done", happened)
	}
	t.Run("not for other sites' pages", func(t *testing.T) {
		r := httptest.NewRequest("POST", "/web2/stop", nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		if c.handler().ServeHTTP(w, r); w.Code != http.StatusForbidden {
			t.Errorf("got %d", w.Code)
		}
	})
}

func TestKeys(t *testing.T) {
	c, quit := testCast(), 0
	all := keymap(c, func() { quit++ })
	var happened []string
	for _, key := range []byte("2a?x\x03") {
		press(all, key, func(s string) { happened = append(happened, s) })
	}
	if got := fmt.Sprint(c.webs[0].state().slow, *c.webs[1].state().held, quit, len(happened)); got != "true 0.95 2 4" {
		t.Errorf("got %s, %q", got, happened)
	}
	press(all, '2', func(string) {})
	if c.webs[1].state().held != nil {
		t.Error("the second press does not end the overload")
	}
}
