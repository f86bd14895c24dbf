package cookie

import (
	"fmt"
	golog "log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/rewrite"
	_ "github.com/coredns/coredns/plugin/whoami"

	"github.com/ballast-lb/ballast/internal/freeport"
)

func TestMain(m *testing.M) {
	caddy.Quiet, dnsserver.Quiet = true, true
	dnsserver.Directives = []string{"bind", "cookie", "rewrite", "whoami"}
	goleak.VerifyTestMain(m)
}

// server is a real CoreDNS that tells everybody who they are.
type server struct {
	t    *testing.T
	inst *caddy.Instance
	addr string
}

func serve(t *testing.T, body string) *server {
	t.Helper()
	s := &server{t: t, addr: fmt.Sprintf("127.0.0.1:%d", freeport.For(t))}
	var err error
	s.inst, err = caddy.Start(s.corefile(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, err := range s.inst.ShutdownCallbacks() {
			t.Error(err)
		}
		s.inst.Stop()
	})
	for _, network := range []string{"udp", "tcp"} { // CoreDNS leaks a listener that is stopped at once
		s.ask(network, "none")
	}
	return s
}

func (s *server) corefile(body string) caddy.Input {
	_, port, _ := net.SplitHostPort(s.addr)
	text := fmt.Sprintf("example.org:%s {\nbind 127.0.0.1\n%s\nwhoami\n}\n", port, body)
	return caddy.CaddyfileInput{Contents: []byte(text), Filepath: "Corefile", ServerTypeName: "dns"}
}

// ask sends a query with these COOKIE options, in hexadecimal; "none" for a query
// without EDNS.
func (s *server) ask(network string, cookies ...string) *dns.Msg {
	s.t.Helper()
	m := new(dns.Msg).SetQuestion("example.org.", dns.TypeA)
	if len(cookies) != 1 || cookies[0] != "none" {
		m.SetEdns0(1232, true)
		for _, c := range cookies {
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: c})
		}
	}
	reply, _, err := (&dns.Client{Net: network, Timeout: 3 * time.Second}).Exchange(m, s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply
}

// cookiesOf are the COOKIE options of a reply.
func cookiesOf(m *dns.Msg) (cookies []string) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				cookies = append(cookies, c.Cookie)
			}
		}
	}
	return cookies
}

const client = "0123456789abcdef"

// learn returns the cookie that the server gives to a new client.
func (s *server) learn() string {
	s.t.Helper()
	m := s.ask("udp", client)
	cookies := cookiesOf(m)
	if m.Rcode != dns.RcodeSuccess || len(cookies) != 1 || len(cookies[0]) != 48 || !strings.HasPrefix(cookies[0], client+"01000000") {
		s.t.Fatalf("A client's first query is answered\n%v", m)
	}
	return cookies[0]
}

func TestReplies(t *testing.T) {
	s := serve(t, "cookie")
	full := s.learn()
	forged := full[:47] + string("0123456789abcdef"[(strings.IndexByte("0123456789abcdef", full[47])+1)%16])
	for _, network := range []string{"udp", "tcp"} {
		for _, tc := range []struct {
			name    string
			cookies []string
			rcode   int
			same    bool // the client gets the cookie that it sent
			anew    bool // it gets one of its own
			result  string
		}{
			{"no EDNS", []string{"none"}, dns.RcodeSuccess, false, false, ""},
			{"EDNS alone", nil, dns.RcodeSuccess, false, false, ""},
			{"a client cookie", []string{client}, dns.RcodeSuccess, false, true, "new"},
			{"a valid cookie", []string{full}, dns.RcodeSuccess, true, false, "valid"},
			{"a forged cookie", []string{forged}, dns.RcodeSuccess, false, true, "invalid"},
			{"somebody else's server cookie", []string{client + "0011223344556677"}, dns.RcodeSuccess, false, true, "invalid"},
			{"two cookies: the first counts", []string{full, forged}, dns.RcodeSuccess, true, false, "valid"},
			{"nothing in it", []string{""}, dns.RcodeFormatError, false, false, "malformed"},
			{"a short client cookie", []string{"0123"}, dns.RcodeFormatError, false, false, "malformed"},
			{"a short server cookie", []string{client + "00"}, dns.RcodeFormatError, false, false, "malformed"},
			{"a long server cookie", []string{client + strings.Repeat("00", 33)}, dns.RcodeFormatError, false, false, "malformed"},
		} {
			t.Run(network+", "+tc.name, func(t *testing.T) {
				before := 0.0
				if tc.result != "" {
					before = testutil.ToFloat64(results.WithLabelValues(tc.result))
				}
				m := s.ask(network, tc.cookies...)
				got := cookiesOf(m)
				if m.Rcode != tc.rcode || (len(got) == 1) != (tc.same || tc.anew) || len(got) > 1 {
					t.Fatalf("Answered\n%v", m)
				}
				if tc.same && got[0] != full || tc.anew && (!strings.HasPrefix(got[0], client) || got[0] == forged || len(got[0]) != 48) {
					t.Errorf("The cookie is %s", got[0])
				}
				if opt := m.IsEdns0(); opt != nil && !opt.Do() {
					t.Error("DO is lost")
				}
				if len(m.Extra) == 0 && tc.rcode == dns.RcodeSuccess {
					t.Error("whoami's answer is lost")
				}
				if tc.result != "" && testutil.ToFloat64(results.WithLabelValues(tc.result)) != before+1 {
					t.Errorf("It is not counted as %s", tc.result)
				}
			})
		}
	}
}

func TestRequire(t *testing.T) {
	s := serve(t, "cookie {\nrequire\n}")
	t.Run("a client that knows no cookies goes to TCP", func(t *testing.T) {
		for _, asked := range [][]string{{"none"}, nil} {
			m := s.ask("udp", asked...)
			if !m.Truncated || m.Rcode != dns.RcodeSuccess || len(m.Answer) > 0 || len(m.Extra) > 1 {
				t.Errorf("Answered\n%v", m)
			}
			if m := s.ask("tcp", asked...); m.Truncated || len(m.Extra) == 0 {
				t.Errorf("Over TCP answered\n%v", m)
			}
		}
	})
	t.Run("one that does gets a cookie first", func(t *testing.T) {
		m := s.ask("udp", client)
		cookies := cookiesOf(m)
		if m.Rcode != dns.RcodeBadCookie || len(m.Extra) != 1 || len(cookies) != 1 {
			t.Fatalf("Answered\n%v", m)
		}
		if m := s.ask("udp", cookies[0]); m.Rcode != dns.RcodeSuccess || len(m.Extra) < 2 || cookiesOf(m)[0] != cookies[0] {
			t.Errorf("With that cookie answered\n%v", m)
		}
		if m := s.ask("tcp", client); m.Rcode != dns.RcodeSuccess {
			t.Errorf("Over TCP answered\n%v", m)
		}
	})
	t.Run("no reply is larger than its query, but by the cookie", func(t *testing.T) {
		m := new(dns.Msg).SetQuestion("example.org.", dns.TypeA)
		if reply := s.ask("udp", "none"); reply.Len() > m.Len() {
			t.Errorf("%d octets for %d", reply.Len(), m.Len())
		}
	})
}

// An option that the rewrite plugin has made known to CoreDNS would be echoed
// (edns.SetSupportedOption): not past this plugin.
func TestNothingIsEchoed(t *testing.T) {
	s := serve(t, "cookie\nrewrite edns0 local set 0x000a 0xffee")
	if got := cookiesOf(s.ask("udp", client)); len(got) != 1 || len(got[0]) != 48 {
		t.Errorf("The cookies are %v", got)
	}
}

func TestReloadKeepsTheSecret(t *testing.T) {
	s := serve(t, "cookie")
	full := s.learn()
	inst, err := s.inst.Restart(s.corefile("cookie\n# changed"))
	if err != nil {
		t.Fatal(err)
	}
	s.inst = inst
	if got := cookiesOf(s.ask("udp", full)); len(got) != 1 || got[0] != full {
		t.Errorf("After the reload the cookie is %v, not %s", got, full)
	}
}

func TestChangedFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets")
	write := func(mode os.FileMode, secrets ...string) {
		t.Helper()
		os.WriteFile(file+".new", []byte(strings.Join(secrets, "\n")), mode)
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	j := logged(t)
	write(0o600, rfcSecret)
	s := serve(t, "cookie "+file)
	full := s.learn()
	kept := func() bool { got := cookiesOf(s.ask("udp", full)); return len(got) == 1 && got[0] == full }
	if !kept() {
		t.Fatal("A valid cookie is replaced")
	}
	write(0o600, rfcNew, rfcSecret) // both verify, the new one makes
	until(t, "a cookie of the new secret", func() bool { return !kept() })
	renewed := cookiesOf(s.ask("udp", full))[0]
	write(0o644, "no secret")
	until(t, "a warning and an error", func() bool {
		return strings.Contains(j.String(), "can be read by everybody") && strings.Contains(j.String(), "the secrets stay as they were")
	})
	if got := cookiesOf(s.ask("udp", renewed)); got[0] != renewed {
		t.Error("A broken file has taken the secrets away")
	}
	write(0o600, rfcOld)
	until(t, "the old secrets are gone", func() bool { return cookiesOf(s.ask("udp", renewed))[0] != renewed })
}

func TestCorefileMistakes(t *testing.T) {
	for body, want := range map[string]string{
		"cookie a b":               "one file of secrets at most, not 2",
		"cookie {\nrequired\n}":    "unknown property 'required'; known is require",
		"cookie {\nrequire udp\n}": "require takes no argument",
		"cookie\ncookie":           "once in a server block",
		"cookie /does/not/exist":   "no such file",
	} {
		c := caddy.NewTestController("dns", body)
		if _, err := parse(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want %s", body, err, want)
		}
	}
}

// until polls for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !met(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Not within 15s: %s", what)
		}
	}
}

// logged collects what is logged until the test ends.
func logged(t *testing.T) *journal {
	j := &journal{}
	golog.SetOutput(j)
	t.Cleanup(clog.Discard)
	return j
}

type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// The manual has the metric and its values.
func TestManual(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := 0
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "coredns_cookie_") {
			continue
		}
		if !strings.Contains(string(text), "`"+f.GetName()+"{result}`") {
			t.Errorf("README.md does not list %s", f.GetName())
		}
		for _, m := range f.GetMetric() {
			values++
			if value := m.GetLabel()[0].GetValue(); !strings.Contains(string(text), "`"+value+"`") {
				t.Errorf("README.md does not tell of %s", value)
			}
		}
	}
	if values != int(verdicts)+1 {
		t.Errorf("There are %d series", values)
	}
}
