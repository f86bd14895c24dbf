package ballast

import (
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/programs"
)

var tsigSecret = base64.StdEncoding.EncodeToString([]byte("of thirty-two octets, as it is.."))

// realSecondary is a name server of others, which gets example.org from us.
type realSecondary struct {
	name  string
	files func(dir string, port, primary int) map[string]string
	args  func(dir string) []string
}

var realSecondaries = []realSecondary{
	{"knotd", func(dir string, port, primary int) map[string]string {
		return map[string]string{"conf": fmt.Sprintf(`
server:
    rundir: "%[1]s"
    listen: 127.0.0.1@%[2]d
database:
    storage: "%[1]s/db"
key:
  - id: transfer.
    algorithm: hmac-sha256
    secret: %[4]s
remote:
  - id: primary
    address: 127.0.0.1@%[3]d
    key: transfer.
acl:
  - id: primary
    address: 127.0.0.1
    action: notify
template:
  - id: default
    storage: "%[1]s"
    zonefile-sync: -1
zone:
  - domain: example.org
    master: primary
    acl: primary
`, dir, port, primary, tsigSecret)}
	}, func(dir string) []string { return []string{"-c", filepath.Join(dir, "conf")} }},

	{"nsd", func(dir string, port, primary int) map[string]string {
		return map[string]string{"conf": fmt.Sprintf(`
server:
    ip-address: 127.0.0.1@%[2]d
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "%[1]s"
    database: ""
    zonelistfile: "%[1]s/zone.list"
    pidfile: "%[1]s/pid"
    xfrdfile: "%[1]s/xfrd.state"
    xfrdir: "%[1]s"
    xfrd-reload-timeout: 0
remote-control:
    control-enable: no
key:
    name: "transfer."
    algorithm: hmac-sha256
    secret: "%[4]s"
zone:
    name: "example.org"
    zonefile: "%[1]s/copy"
    request-xfr: 127.0.0.1@%[3]d transfer.
    allow-notify: 127.0.0.1 NOKEY
`, dir, port, primary, tsigSecret)}
	}, func(dir string) []string { return []string{"-d", "-c", filepath.Join(dir, "conf")} }},
}

// start runs it until the test ends.
func (r realSecondary) start(t *testing.T, port, primary int) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range r.files(dir, port, primary) {
		os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
	}
	cmd := exec.Command(programs.Need(t, r.name), r.args(dir)...)
	var out journal
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := child.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s:\n%s", r.name, out.String())
		}
	})
}

// listenOn accepts connections at an address and a port until the listener is
// closed.
func listenOn(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l
}

// A server dies, and those who ask a secondary get the others within seconds.
func TestRealSecondaries(t *testing.T) {
	for _, r := range realSecondaries {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel() // they mostly wait
			r.follow(t)
		})
	}
}

func (r realSecondary) follow(t *testing.T) {
	programs.Need(t, r.name) // or skip
	first := listenOn(t, "127.0.0.11:0")
	_, port, _ := net.SplitHostPort(first.Addr().String())
	listenOn(t, "127.0.0.12:"+port)
	dir := stateful(t, fmt.Sprintf(`www 60 IN LB srv _http._tcp check=tcp every=200ms timeout=100ms fall=2 rise=1 ramp=0 min-ttl=5
_http._tcp 60 IN SRV 0 4 %[1]s web1
_http._tcp 60 IN SRV 0 1 %[1]s web2
web1 IN A 127.0.0.11
web2 IN A 127.0.0.12
alias IN CNAME www
$GENERATE 1-3000 t$ IN TXT "something that makes a transfer longer than a message of 64 KiB can be"
`, port))
	own := freeport.For(t)
	s := serve(t, dir, fmt.Sprintf("tsig {\nsecret transfer. %s\nrequire AXFR IXFR\n}\ntransfer {\nto 127.0.0.1:%d\n}\n", tsigSecret, own)+keepsState)
	if m := s.askOver("tcp", "example.org.", dns.TypeAXFR); m.Rcode != dns.RcodeRefused || len(m.Answer) > 0 {
		t.Errorf("Without a key a transfer is answered\n%v", m)
	}
	r.start(t, own, s.port)
	copied := &server{t: t, addr: fmt.Sprintf("127.0.0.1:%d", own)}
	served := func(name string, qtype uint16) string {
		client := &dns.Client{Timeout: time.Second, UDPSize: 4096}
		m, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, qtype), copied.addr)
		if err != nil || !m.Authoritative {
			return ""
		}
		var lines []string
		for _, line := range texts(m.Answer) {
			lines = append(lines, strings.ReplaceAll(line, ".example.org.", ""))
		}
		slices.Sort(lines)
		return strings.Join(lines, "; ")
	}
	until(t, "the first transfer", 20*time.Second, func() bool {
		return served("www.example.org.", dns.TypeA) == "www A 127.0.0.11; www A 127.0.0.12"
	})
	both := fmt.Sprintf("_http._tcp.www SRV 0 1000 %[1]s web1; _http._tcp.www SRV 0 250 %[1]s web2", port)
	if got := served("_http._tcp.www.example.org.", dns.TypeSRV); got != both {
		t.Errorf("The secondary answers %s, want %s", got, both)
	}
	if got := served("t3000.example.org.", dns.TypeTXT); got == "" {
		t.Error("The end of the zone is missing")
	}

	first.Close()
	died := time.Now()
	until(t, "the secondary knows", 20*time.Second, func() bool {
		return served("www.example.org.", dns.TypeA) == "www A 127.0.0.12" && served("alias.example.org.", dns.TypeA) == "alias CNAME www; www A 127.0.0.12"
	})
	t.Logf("%s answers without the dead server after %v", r.name, time.Since(died).Round(10*time.Millisecond))
	if got := copied.ask("example.org.", dns.TypeSOA).Answer[0].(*dns.SOA).Serial; got != 2 || s.serial() != 2 {
		t.Errorf("The secondary has serial %d, the primary %d", got, s.serial())
	}
}

// What is transferred is a zone that others accept.
func TestOthersAcceptTheZone(t *testing.T) {
	dig, check, named := programs.Need(t, "dig"), programs.Need(t, "kzonecheck"), programs.Need(t, "named-checkzone")
	dir := t.TempDir()
	writeZone(t, dir, "zone", zoo)
	s := serve(t, dir, allowTransfers)
	text, err := exec.CommandContext(t.Context(), dig, "@127.0.0.1", "-p", fmt.Sprint(s.port), "+onesoa", "example.org", "AXFR").Output()
	if err != nil {
		t.Fatalf("dig: %v\n%s", err, text)
	}
	file := filepath.Join(dir, "copy")
	os.WriteFile(file, text, 0o600)
	for _, cmd := range []*exec.Cmd{
		exec.CommandContext(t.Context(), check, "-o", "example.org", file),
		exec.CommandContext(t.Context(), named, "-q", "example.org", file),
	} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s%s", filepath.Base(cmd.Path), err, out, text)
		}
	}
}

// Over UDP nothing is transferred (the transfer plugin's decision): a secondary
// that tries it first goes on to TCP.
func TestIncrementalTransferOverUDP(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, allowTransfers)
	m := s.ask("example.org.", dns.TypeIXFR, func(m *dns.Msg) { m.SetIxfr("example.org.", 0, "ns1.example.org.", "hostmaster.example.org.") })
	if m.Rcode != dns.RcodeRefused || len(m.Answer) > 0 {
		t.Errorf("Answered\n%v", m)
	}
}
