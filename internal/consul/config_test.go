package consul

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseAddress(t *testing.T) {
	cases := map[string]struct {
		address string
		tls     bool
		want    endpoint
		err     string
	}{
		"default":          {"", false, endpoint{scheme: "http", host: "127.0.0.1:8500"}, ""},
		"host and port":    {"consul.example.org:8500", false, endpoint{scheme: "http", host: "consul.example.org:8500"}, ""},
		"bare with tls":    {"consul.example.org:8501", true, endpoint{scheme: "https", host: "consul.example.org:8501"}, ""},
		"IPv6":             {"[::1]:8500", false, endpoint{scheme: "http", host: "[::1]:8500"}, ""},
		"https":            {"https://c:8501", false, endpoint{scheme: "https", host: "c:8501"}, ""},
		"prefix":           {"http://gw:80/consul/", false, endpoint{scheme: "http", host: "gw:80", prefix: "/consul"}, ""},
		"unix":             {"unix:///run/consul.sock", false, endpoint{scheme: "http", host: "localhost", socket: "/run/consul.sock"}, ""},
		"unix without":     {"unix://", false, endpoint{}, "names no socket"},
		"no port":          {"consul.example.org", false, endpoint{}, "has no port"},
		"other scheme":     {"ftp://c:1", false, endpoint{}, `scheme "ftp"`},
		"tls over http":    {"http://c:8500", true, endpoint{}, "https://c:8500"},
		"query":            {"http://c:8500/?x=1", false, endpoint{}, "only host, port and path"},
		"only a port":      {":8500", false, endpoint{}, "none of host:port"},
		"IPv6 unbracketed": {"::1:8500:", false, endpoint{}, "none of host:port"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseAddress(c.address, c.tls)
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if _, err := parseAddress("http://user:secret@c:8500", false); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("password: %v", err)
	}
}

func TestNewNamesTheProperty(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cases := map[string]struct {
		config Config
		err    string
	}{
		"address":       {Config{Address: "x://"}, "address"},
		"wait":          {Config{Wait: time.Hour}, "wait 1h"},
		"rate":          {Config{MaxRate: -1}, "rate -1"},
		"no token file": {Config{TokenFile: filepath.Join(dir, "none")}, "token file"},
		"empty token":   {Config{TokenFile: write("empty", "\n")}, "is empty"},
		"two tokens":    {Config{TokenFile: write("two", "one\nsecret\n")}, "alone"},
		"no ca":         {Config{TLS: TLS{CAFile: filepath.Join(dir, "none")}}, "tls ca"},
		"bad ca":        {Config{TLS: TLS{CAFile: write("ca", "x")}}, "no PEM certificate"},
		"cert only":     {Config{TLS: TLS{CertFile: "x"}}, "go together"},
		"bad cert":      {Config{TLS: TLS{CertFile: write("c", "x"), KeyFile: write("k", "y")}}, "tls cert"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			client, err := New(c.config)
			if err == nil {
				client.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q, want %q", err, c.err)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		0: 100 * time.Millisecond, 1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 6: 3200 * time.Millisecond,
		7: 5 * time.Second, 1000: 5 * time.Second,
	} {
		if got := backoff(failures, 0); got != want {
			t.Errorf("backoff(%d, 0) = %v, want %v", failures, got, want)
		}
		if got := backoff(failures, 0.999); got < want/2 || got > want*51/100 {
			t.Errorf("backoff(%d, 1) = %v", failures, got)
		}
	}
}

func TestContactLogsChangesOnly(t *testing.T) {
	log := &record{}
	c := newContact(log.logger())
	at := func(ms int) time.Time { return time.UnixMilli(int64(1_000_000 + ms)) }
	returned := c.returned()
	c.ok(at(0), at(100))
	c.fail(at(50), at(5000), errors.New("asked before the last success"))
	c.fail(at(200), at(300), errors.New("soon after a success"))
	if log.count("lost") != 0 {
		t.Error("lost too early")
	}
	c.fail(at(900), at(1500), errors.New("refused"))
	c.fail(at(900), at(1600), errors.New("refused"))
	c.ok(at(1400), at(1700)) // under way since before
	select {
	case <-returned:
		t.Error("returned too early")
	default:
	}
	c.ok(at(13000), at(13500))
	<-returned
	c.ok(at(14000), at(14500))
	if log.count("lost contact") != 1 || log.count("contact with Consul again") != 1 || log.count("after=12s") != 1 {
		t.Errorf("log:\n%s", log.buf.String())
	}
}

func TestAlarmLogsFirstAndLast(t *testing.T) {
	log := &record{}
	a := &alarm{log: log.logger(), raised: "RAISED", cleared: "CLEARED"}
	for range 3 {
		a.set(false, true)
		a.set(true, true)
	}
	for range 3 {
		a.set(true, false)
	}
	if log.count("RAISED") != 1 || log.count("CLEARED") != 1 {
		t.Errorf("log:\n%s", log.buf.String())
	}
}

func TestAnswersAreBounded(t *testing.T) {
	body := &boundedBody{body: nopCloser{}, left: 10}
	n, err := 0, error(nil)
	for err == nil {
		var m int
		m, err = body.Read(make([]byte, 7))
		n += m
	}
	if n != 10 || !strings.Contains(fmt.Sprint(err), "longer than 64 MiB") {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// nopCloser reads for ever.
type nopCloser struct{}

func (nopCloser) Read(p []byte) (int, error) { return len(p), nil }
func (nopCloser) Close() error               { return nil }

func TestIdleQueriesUseHalfTheRate(t *testing.T) {
	for watches, want := range map[int64]struct {
		wait time.Duration
		rate float64
	}{
		1: {10 * time.Second, 100}, 250: {10 * time.Second, 100}, 500: {20 * time.Second, 100},
		1000: {25 * time.Second, 160}, 1e6: {25 * time.Second, 160_000},
	} {
		client := newClient(t, Config{Wait: 10 * time.Second, MaxRate: 100})
		client.watches.Store(watches)
		if got := client.blockFor(); got != want.wait || float64(client.limit.Limit()) != want.rate {
			t.Errorf("%d watches wait %v at %v/s, want %v at %v/s", watches, got, client.limit.Limit(), want.wait, want.rate)
		}
	}
}

func TestContactThatNeverWas(t *testing.T) {
	log := &record{}
	newContact(log.logger()).fail(time.UnixMilli(1), time.UnixMilli(2), errors.New("refused"))
	if log.count("no contact with Consul so far") != 1 || log.count("lost") != 0 {
		t.Errorf("log:\n%s", log.buf.String())
	}
}

// TestWantedCertificateIsExplained has both ways in which net/http may tell of it.
func TestWantedCertificateIsExplained(t *testing.T) {
	client := newClient(t, Config{Address: "https://127.0.0.1:8501"})
	for _, text := range []string{"remote error: tls: certificate required", "http2: client conn could not be established"} {
		err := &url.Error{Op: "Get", URL: "https://127.0.0.1:8501/v1/health/service/web", Err: errors.New(text)}
		if got := client.explain(err, "web"); !strings.Contains(got, "does it want a client certificate") || strings.Contains(got, "/v1/health") {
			t.Errorf("%s is explained by %q", text, got)
		}
	}
}
