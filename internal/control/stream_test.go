package control

import (
	"errors"
	"io"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestStreamEnds(t *testing.T) {
	some := []Connection{conn("203.0.113.1:1", ConnUDP), conn("203.0.113.2:2", ConnUDP), conn("203.0.113.3:3", ConnUDP)}
	t.Run("at the limit, whatever the director does", func(t *testing.T) {
		d := &fakeDirector{conns: some, forever: true}
		path, _ := serveDirector(t, d)
		got, err := collect(DialDirector(path).Connections(t.Context(), ConnFilter{Limit: 1000}))
		if err != nil || len(got) != 1000 || d.walked != 1000 {
			t.Errorf("got %d, walked %d, %v", len(got), d.walked, err)
		}
	})
	t.Run("when the reader has enough", func(t *testing.T) {
		d := &fakeDirector{conns: some, forever: true}
		path, stop := serveDirector(t, d)
		n := 0
		for _, err := range DialDirector(path).Connections(t.Context(), ConnFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 10_000 {
				break
			}
		}
		stop() // waits for the walk
	})
	t.Run("when the director stops, which is no proper end", func(t *testing.T) {
		path, stop := serveDirector(t, &fakeDirector{conns: some, forever: true})
		var last error
		for _, err := range DialDirector(path).Connections(t.Context(), ConnFilter{}) {
			stop()
			last = err
		}
		if last == nil {
			t.Error("it seems to be complete")
		}
	})
	t.Run("with an error before the first", func(t *testing.T) {
		path, _ := serveDirector(t, &fakeDirector{err: Errorf(ErrUnavailable, "the maps are gone")})
		got, err := collect(DialDirector(path).Connections(t.Context(), ConnFilter{}))
		if len(got) != 0 || !errors.Is(err, ErrUnavailable) || err.Error() != "the maps are gone" {
			t.Errorf("got %v, %v", got, err)
		}
	})
	t.Run("with an error on the way", func(t *testing.T) {
		path, _ := serveDirector(t, &fakeDirector{conns: some, failAt: 2, err: Errorf(ErrUnavailable, "the maps are gone")})
		got, err := collect(DialDirector(path).Connections(t.Context(), ConnFilter{}))
		if len(got) != 2 || !errors.Is(err, ErrUnavailable) || err.Error() != "the maps are gone" {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestReadLines(t *testing.T) {
	const one = `{"protocol":"tcp","client":"203.0.113.7:1","vip":"192.0.2.100:80","server":"10.0.0.11:80","state":"udp","idle":1,"silent":0,"expires":2}` + "\n"
	for _, tc := range []struct {
		name, text string
		n          int
		want       string
	}{
		{"whole", one + one + `{"end":true}`, 2, ""},
		{"empty", `{"end":true}`, 0, ""},
		{"what follows the end does not count", `{"end":true}` + "\n" + one, 0, ""},
		{"a newer director's line", `{"note":"hello"}` + "\n" + one + `{"end":true}`, 1, ""},
		{"cut off between lines", one + one, 2, "cut off"},
		{"cut off in a line", one + one[:40], 1, "unexpected end"},
		{"no line that ends", one + strings.Repeat("x", maxLine+1), 1, "too long"},
		{"an error of a newer kind", one + `{"end":true,"error":"on fire","status":418}`, 1, "on fire"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := 0
			err := readLines(strings.NewReader(tc.text), func(Connection) bool { n++; return true })
			if n != tc.n {
				t.Errorf("%d connections, want %d", n, tc.n)
			}
			if tc.want != "" {
				wantError(t, err, tc.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func FuzzReadLines(f *testing.F) {
	f.Add(`{"client":"203.0.113.7:1","state":"udp"}` + "\n" + `{"end":true}`)
	f.Add(`{"error":"x","status":404}`)
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		readLines(strings.NewReader(text), func(Connection) bool { lines--; return true })
		if lines < 0 {
			t.Errorf("more connections than lines")
		}
	})
}

func TestRefusedDirectorRequests(t *testing.T) {
	past := `"2001-01-01T00:00:00Z"`
	for _, tc := range []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"status of one", "GET", "/v1/director/status?vip=web", ``, 400, `unknown parameter \"vip\"`},
		{"explain nobody", "GET", "/v1/director/explain", ``, 400, "no address:port such as"},
		{"explain without port", "GET", "/v1/director/explain?client=192.0.2.1", ``, 400, "no address:port such as"},
		{"explain with more", "GET", "/v1/director/explain?client=192.0.2.1:1&name=web", ``, 400, "unknown parameter"},
		{"connections of an address", "GET", "/v1/director/connections?client=192.0.2.1", ``, 400, "no prefix such as"},
		{"connections in no state", "GET", "/v1/director/connections?state=open", ``, 400, "opening, answered, established"},
		{"limit in words", "GET", "/v1/director/connections?limit=ten", ``, 400, "no number"},
		{"limit below 0", "GET", "/v1/director/connections?limit=-1", ``, 400, "below 0"},
		{"broken pattern of a filter", "GET", "/v1/director/connections?server=a[", ``, 400, "syntax error"},
		{"connections with more", "GET", "/v1/director/connections?port=80", ``, 400, "unknown parameter"},
		{"drain nobody", "PUT", "/v1/director/overrides", `{"vip":"web"}`, 400, "needs a server"},
		{"drain with a factor", "PUT", "/v1/director/overrides", `{"server":"a","factor":0}`, 400, `unknown field \"factor\"`},
		{"drain until the past", "PUT", "/v1/director/overrides", `{"server":"a","until":` + past + `}`, 400, "which is past"},
		{"deadline in the past", "PUT", "/v1/director/overrides", `{"server":"a","deadline":` + past + `}`, 400, "is past"},
		{"deadline after the end", "PUT", "/v1/director/overrides", `{"server":"a","until":"2999-01-01T00:00:00Z","deadline":"2999-01-02T00:00:00Z"}`, 400, "after its end"},
		{"broken pattern", "PUT", "/v1/director/overrides", `{"server":"a","vip":"w["}`, 400, "syntax error"},
		{"long reason", "PUT", "/v1/director/overrides", `{"server":"a","by":"` + strings.Repeat("a", maxWord+1) + `"}`, 400, "longer than 1024"},
		{"huge body", "PUT", "/v1/director/overrides", `{"server":"` + strings.Repeat("a", maxBody) + `"}`, 400, "longer than 16384 bytes"},
		{"undrain nobody", "DELETE", "/v1/director/overrides", ``, 400, "server is missing"},
		{"a name server's word", "GET", "/v1/status", ``, 404, "control socket of a director"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &fakeDirector{}
			w := httptest.NewRecorder()
			newDirectorHandler(d).ServeHTTP(w, httptest.NewRequest(tc.method, tc.target, strings.NewReader(tc.body)))
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, tc.status, tc.want)
			}
			if d.order != (DrainOrder{}) || d.filter != (ConnFilter{}) || d.asked != (ConnExplainRequest{}) || d.undrains != nil {
				t.Errorf("the director was asked: %+v", d)
			}
		})
	}
}

// Nothing that comes over the socket may break the director.
func FuzzDrainBody(f *testing.F) {
	f.Add(`{"server":"web-*","vip":"web","until":"2999-01-01T00:00:00Z"}`)
	f.Add(`{"server":"[2001:db8::1]:80","deadline":"2999-01-01T00:00:00Z"}`)
	f.Fuzz(func(t *testing.T, body string) {
		d := &fakeDirector{}
		w := httptest.NewRecorder()
		newDirectorHandler(d).ServeHTTP(w, httptest.NewRequest("PUT", "/v1/director/overrides", strings.NewReader(body)))
		io.Copy(io.Discard, w.Result().Body)
		if d.order == (DrainOrder{}) {
			return
		}
		if err := d.order.Validate(time.Now()); err != nil || w.Code != 200 {
			t.Fatalf("took %+v with %d: %v", d.order, w.Code, err)
		}
	})
}

func TestConnFilterMatch(t *testing.T) {
	c := conn("203.0.113.7:40312", ConnEstablished)
	for _, tc := range []struct {
		name string
		f    ConnFilter
		want bool
	}{
		{"all", ConnFilter{}, true},
		{"VIP by name", ConnFilter{VIP: "web"}, true},
		{"VIP by address", ConnFilter{VIP: "192.0.2.100"}, true},
		{"VIP by address and port", ConnFilter{VIP: "192.0.2.100:80"}, true},
		{"VIP by another port", ConnFilter{VIP: "192.0.2.100:443"}, false},
		{"VIP by pattern", ConnFilter{VIP: "w*"}, true},
		{"server by ID", ConnFilter{Server: "node1/web-1"}, true},
		{"server by pattern over slashes", ConnFilter{Server: "*-1"}, true},
		{"server by address", ConnFilter{Server: "10.0.0.11"}, true},
		{"another server", ConnFilter{Server: "10.0.0.1"}, false},
		{"state", ConnFilter{State: ConnEstablished}, true},
		{"another state", ConnFilter{State: ConnOpening}, false},
		{"client's prefix", ConnFilter{Client: netip.MustParsePrefix("203.0.113.0/24")}, true},
		{"another prefix", ConnFilter{Client: netip.MustParsePrefix("203.0.112.0/24")}, false},
		{"prefix of the other family", ConnFilter{Client: netip.MustParsePrefix("::/0")}, false},
		{"all at once, one wrong", ConnFilter{VIP: "web", Server: "10.0.0.11", State: ConnOpening}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.f.Match(&c); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
	t.Run("a server that is configured no more has no name", func(t *testing.T) {
		c.ServerID, c.Server = "", netip.AddrPort{}
		if (ConnFilter{Server: "*"}).Match(&c) {
			t.Error("the empty name matches")
		}
	})
}

func TestDrainOrderMatch(t *testing.T) {
	web3 := netip.MustParseAddrPort("[2001:db8::13]:80")
	for pattern, want := range map[string]bool{
		"web-3": true, "web-*": true, "2001:db8::13": true, "[2001:db8::13]:80": true, "2001:db8::*": true, "web": false, "web-4": false,
	} {
		if got := (DrainOrder{Server: pattern}).MatchServer("web-3", web3); got != want {
			t.Errorf("server %s: %v", pattern, got)
		}
	}
	for pattern, want := range map[string]bool{"": true, "web": true, "w*": true, "2001:db8::100": true, "dns": false} {
		if got := (DrainOrder{VIP: pattern}).MatchVIP("web", netip.MustParseAddr("2001:db8::100")); got != want {
			t.Errorf("VIP %s: %v", pattern, got)
		}
	}
	o := DrainOrder{Until: at}
	if !o.Active(at.Add(-1)) || o.Active(at) || !(DrainOrder{}).Active(at) {
		t.Error("an order ends at Until, and never without")
	}
}
