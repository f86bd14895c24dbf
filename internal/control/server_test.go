package control

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRefusedRequests(t *testing.T) {
	for _, tc := range []struct {
		name, method, target, body string
		status                     int
		want                       string
	}{
		{"unknown field", "PUT", "/v1/overrides", `{"server":"a","factor":1,"wieght":2}`, 400, `unknown field \"wieght\"`},
		{"wrong type", "PUT", "/v1/overrides", `{"server":3,"factor":1}`, 400, "server"},
		{"two values", "PUT", "/v1/overrides", `{"server":"a","factor":1}{}`, 400, "more than one"},
		{"garbage behind the value", "PUT", "/v1/overrides", `{"server":"a","factor":1}]`, 400, "more than one"},
		{"no body", "PUT", "/v1/overrides", ``, 400, "EOF"},
		{"huge body", "PUT", "/v1/overrides", `{"server":"` + strings.Repeat("a", maxBody) + `"}`, 400, "longer than 16384 bytes"},
		{"no server", "PUT", "/v1/overrides", `{"factor":1}`, 400, "needs a server"},
		{"neither factor nor drain", "PUT", "/v1/overrides", `{"server":"a"}`, 400, "factor or drain"},
		{"negative factor", "PUT", "/v1/overrides", `{"server":"a","factor":-1}`, 400, "within 0 and 10"},
		{"factor beyond reason", "PUT", "/v1/overrides", `{"server":"a","factor":11}`, 400, "within 0 and 10"},
		{"end in the past", "PUT", "/v1/overrides", `{"server":"a","factor":1,"until":"2001-01-01T00:00:00Z"}`, 400, "past"},
		{"broken pattern", "PUT", "/v1/overrides", `{"server":"a[","factor":1}`, 400, "syntax error"},
		{"clear without server", "DELETE", "/v1/overrides", ``, 400, "server is missing"},
		{"unknown parameter", "GET", "/v1/status?name=www", ``, 400, `unknown parameter \"name\"`},
		{"repeated parameter", "GET", "/v1/explain?name=a&name=b", ``, 400, "2 times"},
		{"explain without name", "GET", "/v1/explain", ``, 400, "name is missing"},
		{"explain from an address", "GET", "/v1/explain?name=a&from=192.0.2.1", ``, 400, "203.0.113.0/24"},
		{"unknown path", "GET", "/v2/status", ``, 404, "nothing here"},
		{"wrong method", "POST", "/v1/status", ``, 404, "nothing here"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := &recorder{}
			w := httptest.NewRecorder()
			newHandler(rec).ServeHTTP(w, httptest.NewRequest(tc.method, tc.target, strings.NewReader(tc.body)))
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, tc.status, tc.want)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s is not JSON", w.Body)
			}
			if len(rec.calls) != 0 {
				t.Errorf("the service was asked: %q", rec.calls)
			}
		})
	}
}

func TestDrainNeedsNoFactor(t *testing.T) {
	rec := &recorder{}
	w := httptest.NewRecorder()
	newHandler(rec).ServeHTTP(w, httptest.NewRequest("PUT", "/v1/overrides", strings.NewReader(`{"server":"web-1","drain":true}`)))
	if w.Code != http.StatusOK || !rec.override.Drain || rec.override.Factor != 0 {
		t.Errorf("got %d %s, override %+v", w.Code, w.Body, rec.override)
	}
}

func TestAnswerThatIsNoJSON(t *testing.T) {
	rec := &recorder{status: Status{Zones: []ZoneStatus{{Names: []NameStatus{{Members: []MemberStatus{{Weight: math.NaN()}}}}}}}}
	w := httptest.NewRecorder()
	newHandler(rec).ServeHTTP(w, httptest.NewRequest("GET", "/v1/status", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "NaN") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestPanicIsLogged(t *testing.T) {
	path := serve(t, panicking{&recorder{}})
	if _, err := Dial(path).Status(t.Context()); err == nil {
		t.Error("no error")
	}
	if _, err := Dial(path).Process(t.Context()); err != nil {
		t.Errorf("the server is gone: %v", err)
	}
}

type panicking struct{ *recorder }

func (panicking) Status(context.Context) (Status, error) { panic("a bug") }

func TestSeconds(t *testing.T) {
	for _, tc := range []struct {
		d    time.Duration
		json string
	}{
		{0, "0"}, {30 * time.Second, "30"}, {1500 * time.Millisecond, "1.5"}, {time.Millisecond, "0.001"}, {-time.Second, "-1"},
	} {
		b, err := json.Marshal(Seconds(tc.d))
		if err != nil || string(b) != tc.json {
			t.Errorf("%v is %s, %v; want %s", tc.d, b, err, tc.json)
		}
		var got Seconds
		if err := json.Unmarshal(b, &got); err != nil || got.Duration() != tc.d {
			t.Errorf("%s is %v, %v; want %v", b, got, err, tc.d)
		}
	}
	for _, text := range []string{`"30s"`, `1e300`, `{}`} {
		var s Seconds
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s became %v", text, s)
		}
	}
}

// Whatever is asked for gets an answer in JSON, and only what is well said reaches
// the name server.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/v1/explain", "name=www.example.org&type=AAAA&from=203.0.113.0/24")
	f.Add("GET", "/v1/explain", "name=&from=300.0.0.0/24")
	f.Add("GET", "/v1/status", "x=1;y")
	f.Add("DELETE", "/v1/overrides", "server=web-*&name=www")
	f.Add("DELETE", "/v1/overrides", "server=a&server=b")
	f.Add("POST", "/v1/../v1//status", "%zz")
	f.Fuzz(func(t *testing.T, method, path, query string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://control/", http.NoBody)
		if err != nil {
			return
		}
		r.URL.Path, r.URL.RawQuery = path, query
		rec, w := &recorder{}, httptest.NewRecorder()
		newHandler(rec).ServeHTTP(w, r)
		if len(rec.calls) > 0 && w.Code != http.StatusOK {
			t.Fatalf("%s %q?%q was answered by %d, and done: %v", method, path, query, w.Code, rec.calls)
		}
		if body := w.Body.Bytes(); w.Header().Get("Location") == "" && len(body) > 0 && !json.Valid(body) {
			t.Fatalf("answer %q is not JSON", body)
		}
	})
}

// Nothing that comes over the socket may break the server.
func FuzzOverrideBody(f *testing.F) {
	f.Add(`{"server":"web-*","factor":0.5,"until":"2999-01-01T00:00:00Z"}`)
	f.Add(`{"server":"[2001:db8::1]:80","drain":true,"name":"www"}`)
	f.Add(`{"server":"[","factor":1e400}`)
	f.Fuzz(func(t *testing.T, body string) {
		rec := &recorder{}
		w := httptest.NewRecorder()
		newHandler(rec).ServeHTTP(w, httptest.NewRequest("PUT", "/v1/overrides", strings.NewReader(body)))
		b, _ := io.ReadAll(w.Result().Body)
		if !json.Valid(b) {
			t.Fatalf("answer %q is not JSON", b)
		}
		if len(rec.calls) == 0 {
			return
		}
		if err := rec.override.Validate(time.Now()); err != nil || w.Code != 200 {
			t.Fatalf("took %+v with %d: %v", rec.override, w.Code, err)
		}
	})
}
