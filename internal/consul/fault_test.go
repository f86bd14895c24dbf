package consul

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/pool"
)

// record collects log lines.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) count(text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Count(r.buf.String(), text)
}

func (r *record) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

// TestFaults lets a fault come while three watches have their pools: the
// pools must stay, the fault must be told, and a change that was made during
// it must be seen when it ends.
func TestFaults(t *testing.T) {
	consul := shared.Get(t)
	cases := map[string]struct {
		fault   consultest.Fault
		status  string
		contact bool // Consul itself is still reached
	}{
		"403":          {consultest.Answer(403, "Permission denied: token with AccessorID 'x' lacks permission 'service:read'"), "403 Permission denied", true},
		"429":          {consultest.Answer(429, "Your IP is issuing too many concurrent connections"), "http_max_conns_per_client", true},
		"500":          {consultest.Answer(500, "rpc error making call: No cluster leader"), "500 rpc error making call: No cluster leader", false},
		"leader lost":  {consultest.Header("X-Consul-KnownLeader", func(string) string { return "false" }), "no cluster leader", false},
		"truncated":    {consultest.Truncate(), "cut its answer short", false},
		"half a body":  {consultest.Body(func(b []byte) []byte { return b[:len(b)/2] }), "cut its answer short", false},
		"garbage":      {consultest.Answer(200, "<html>welcome</html>"), "does not answer in JSON", false},
		"wrong shape":  {consultest.Answer(200, `{"Node":1}`), "cannot unmarshal", false},
		"black hole":   {consultest.BlackHole(), "no answer from", false},
		"reset":        {consultest.Reset(), "cut its answer short", false},
		"ACL emptied":  {consultest.Answer(200, "[]"), "service:read", true},
		"too slow":     {consultest.Delay(time.Minute), "no answer from", false},
		"empty answer": {consultest.Answer(200, ""), "cut its answer short", false},
	}
	acl := cases["ACL emptied"]
	acl.fault = emptied(acl.fault)
	cases["ACL emptied"] = acl
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := strings.ReplaceAll(name, " ", "-")
			reg := service{ID: id, Name: id, Address: "192.0.2.1", Port: 80}
			register(t, consul, reg)
			defer deregister(t, consul, id)
			proxy, log := consul.Proxy(t), &record{}
			client := newClient(t, Config{Address: proxy.Addr, Wait: 300 * time.Millisecond, Log: log.logger()})
			client.slack, client.contact.grace = 300*time.Millisecond, 100*time.Millisecond
			var watches []*follower
			for range 3 {
				f := follow(t, client, Query{Service: id}, nil)
				f.size(t, 1)
				watches = append(watches, f)
			}

			proxy.Set(c.fault)
			for _, f := range watches {
				eventually(t, "the status tells of it", func() bool { return strings.Contains(f.Status().Err, c.status) })
			}
			line, end := "lost contact with Consul", "contact with Consul again"
			if c.contact {
				line, end = "Consul refuses a query", "Consul refuses no query any more"
			}
			eventually(t, "the log tells of it", func() bool { return log.count(line) == 1 })
			confirmed := watches[0].Status().Confirmed
			reg.Port = 81
			register(t, consul, reg)
			before := proxy.Requests()
			eventually(t, "more tries", func() bool { return proxy.Requests() >= before+3 })
			if s := watches[0].Status(); !s.Confirmed.Equal(confirmed) {
				t.Errorf("confirmed during the fault: %+v", s)
			}
			for _, f := range watches {
				f.quiet(t)
			}

			proxy.Set(nil)
			for _, f := range watches {
				f.next(t, "port 81", func(p *pool.Pool) bool { return p.Servers[0].Port == 81 })
				if err := f.Status().Err; err != "" {
					t.Errorf("trouble after the fault: %s\n%s", err, consul.Log())
				}
			}
			eventually(t, "the log tells the end", func() bool { return log.count(end) == 1 })
			if log.count("level=WARN") != 1 || log.count("level=INFO") != 1 {
				t.Errorf("log:\n%s", log.buf.String())
			}
		})
	}
}

// TestErrorAboutOneService is no outage as long as other services are answered.
func TestErrorAboutOneService(t *testing.T) {
	t.Parallel()
	consul, log := shared.Get(t), &record{}
	for _, id := range []string{"sound", "ill"} {
		register(t, consul, service{ID: id, Name: id, Address: "192.0.2.1", Port: 80})
		defer deregister(t, consul, id)
	}
	proxy := consul.Proxy(t)
	client := newClient(t, Config{Address: proxy.Addr, Wait: 100 * time.Millisecond, Log: log.logger()})
	client.contact.grace = 50 * time.Millisecond
	sound, ill := follow(t, client, Query{Service: "sound"}, nil), follow(t, client, Query{Service: "ill"}, nil)
	sound.size(t, 1)
	ill.size(t, 1)

	fault := consultest.Answer(500, "rpc error making call: No cluster leader")
	proxy.Set(about("ill", fault))
	eventually(t, "the log tells of it", func() bool { return log.count("Consul refuses a query") == 1 })
	failures := proxy.Requests()
	eventually(t, "more tries", func() bool { return proxy.Requests() >= failures+20 })
	if s := ill.Status(); !strings.Contains(s.Err, "500 rpc error") || sound.Status().Err != "" {
		t.Errorf("%+v, and of the other %+v", s, sound.Status())
	}
	if log.count("lost contact") != 0 {
		t.Errorf("log:\n%s", log.buf.String())
	}

	proxy.Set(fault)
	eventually(t, "it is an outage", func() bool { return log.count("lost contact") == 1 })
	proxy.Set(nil)
	eventually(t, "all is well", func() bool {
		return ill.Status().Err == "" && sound.Status().Err == "" && log.count("level=INFO") == 2
	})
	if log.count("level=WARN") != 2 || log.count("contact with Consul again") != 1 {
		t.Errorf("log:\n%s", log.buf.String())
	}
}

// about lets a fault meet the queries for one service.
func about(service string, f consultest.Fault) consultest.Fault {
	return func(next http.Handler) http.Handler {
		faulty := f(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/"+service) {
				faulty.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TestAllWatchesTellOfAnOutageAtTheStart has more watches than may ask for the
// first time at once: those that wait for their turn know as well.
func TestAllWatchesTellOfAnOutageAtTheStart(t *testing.T) {
	t.Parallel()
	consul, log := shared.Get(t), &record{}
	register(t, consul, service{ID: "begin", Name: "begin", Address: "192.0.2.1", Port: 80})
	defer deregister(t, consul, "begin")
	proxy := consul.Proxy(t)
	proxy.Set(consultest.BlackHole())
	client := newClient(t, Config{Address: proxy.Addr, Log: log.logger()})
	var watches []*follower
	for range 3 * firstQueries {
		watches = append(watches, follow(t, client, Query{Service: "begin"}, nil))
	}
	begin := time.Now()
	for _, f := range watches {
		eventually(t, "the status tells", func() bool { return strings.Contains(f.Status().Err, "no answer from "+proxy.Addr) })
	}
	if took := time.Since(begin); took > client.slack+client.slack/2 {
		t.Errorf("The last one tells after %v", took)
	}
	proxy.Set(nil)
	for _, f := range watches {
		f.size(t, 1)
	}
	if log.count("level=WARN") != 1 || log.count("level=INFO") != 1 {
		t.Errorf("log:\n%s", log.buf.String())
	}
}

// emptied marks answers as filtered by ACLs.
func emptied(f consultest.Fault) consultest.Fault {
	return func(next http.Handler) http.Handler {
		h := f(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Consul-Results-Filtered-By-ACLs", "true")
			h.ServeHTTP(w, r)
		})
	}
}

// TestChurnIsBounded changes a service as fast as Consul takes it.
func TestChurnIsBounded(t *testing.T) {
	consul := shared.Get(t)
	defer deregister(t, consul, "churn")
	proxy := consul.Proxy(t)
	client := newClient(t, Config{Address: proxy.Addr})
	web := follow(t, client, Query{Service: "churn"}, nil)
	web.size(t, 0)
	begin, port := time.Now(), 0
	for time.Since(begin) < 2*time.Second {
		port++
		register(t, consul, service{ID: "churn", Name: "churn", Address: "192.0.2.1", Port: port})
	}
	web.next(t, "last port", func(p *pool.Pool) bool { return len(p.Servers) == 1 && int(p.Servers[0].Port) == port })
	rate := float64(proxy.Requests()) / time.Since(begin).Seconds()
	t.Logf("%d changes, %.1f queries a second", port, rate)
	if rate > watchRate+watchBurst {
		t.Errorf("%.1f queries a second", rate)
	}
}

// TestRestart kills Consul and starts it with the same data.
func TestRestart(t *testing.T) {
	t.Parallel()
	consul := consultest.Start(t, consultest.Options{})
	register(t, consul, service{ID: "web-1", Name: "web", Address: "192.0.2.1", Port: 80})
	log := &record{}
	client := newClient(t, Config{Address: consul.Addr, Log: log.logger()})
	var watches []*follower
	for range 10 {
		f := follow(t, client, Query{Service: "web"}, nil)
		f.size(t, 1)
		watches = append(watches, f)
	}
	consul.Kill()
	for _, f := range watches {
		eventually(t, "trouble", func() bool { return strings.Contains(f.Status().Err, "connection refused") })
	}
	eventually(t, "the log tells of it", func() bool { return log.count("lost contact") == 1 })
	if err := consul.Restart(); err != nil {
		t.Fatal(err)
	}
	for _, f := range watches {
		eventually(t, "confirmation", func() bool { return f.Status().Err == "" })
		f.quiet(t) // the same pool as before
	}
	register(t, consul, service{ID: "web-2", Name: "web", Address: "192.0.2.2", Port: 80})
	for _, f := range watches {
		f.size(t, 2)
	}
	if n := log.count("lost contact") + log.count("contact with Consul again"); n != 2 {
		t.Errorf("log:\n%s", log.buf.String())
	}
}
