package ballast

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/freeport"
	_ "github.com/ballast-lb/ballast/plugin/cookie"

	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/bufsize"
	_ "github.com/coredns/coredns/plugin/dnssec"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/minimal"
	_ "github.com/coredns/coredns/plugin/nsid"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/timeouts"
	_ "github.com/coredns/coredns/plugin/tls"
	_ "github.com/coredns/coredns/plugin/transfer"
	_ "github.com/coredns/coredns/plugin/tsig"
	_ "github.com/coredns/coredns/plugin/whoami"
)

func init() {
	caddy.Quiet, dnsserver.Quiet = true, true
	dnsserver.Directives = []string{
		"metadata", "timeouts", "nsid", "bufsize", "bind", "ready", "health", "prometheus", "errors", "log", "cookie", "tsig", "dnssec", "tls",
		"minimal", "transfer", "ballast", "whoami",
	}
}

// server is a real CoreDNS in this process.
type server struct {
	t    testing.TB
	inst *caddy.Instance
	addr string
	port int
}

// starting serializes starts: CoreDNS keeps some of its set-up in package
// variables.
var starting sync.Mutex

// serve starts CoreDNS with one server block for example.org on a free port of
// 127.0.0.1; body is what stands in the block, DIR being dir. It stops with
// the test.
func serve(t testing.TB, dir, body string) *server {
	t.Helper()
	s := &server{t: t, port: freeport.For(t)}
	s.addr = fmt.Sprintf("127.0.0.1:%d", s.port)
	starting.Lock()
	defer starting.Unlock()
	inst, err := caddy.Start(s.input(dir, body))
	if err != nil {
		t.Fatalf("CoreDNS does not start: %v", err)
	}
	s.inst = inst
	t.Cleanup(s.stop)
	s.serving()
	return s
}

// serving waits until the instance serves: CoreDNS leaks a listener that is
// stopped before it came to that.
func (s *server) serving() {
	s.t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		s.askOver(network, "example.org.", dns.TypeSOA)
	}
}

func (s *server) input(dir, body string) caddy.Input {
	body = strings.ReplaceAll(body, "DIR", dir)
	if !strings.Contains(body, "control ") {
		body = strings.Replace(body, "reload ", "control off\nreload ", 1)
	}
	text := fmt.Sprintf("example.org:%d {\nbind 127.0.0.1\n%s\n}\n", s.port, body)
	return caddy.CaddyfileInput{Contents: []byte(text), Filepath: "Corefile", ServerTypeName: "dns"}
}

// restart reloads CoreDNS with another block, as SIGUSR1 does.
func (s *server) restart(dir, body string) error {
	starting.Lock()
	defer starting.Unlock()
	inst, err := s.inst.Restart(s.input(dir, body))
	s.inst = inst
	s.serving()
	return err
}

func (s *server) stop() {
	if s.inst == nil {
		return // stopped before its test ended
	}
	defer func() { s.inst = nil }()
	for _, err := range s.inst.ShutdownCallbacks() {
		s.t.Errorf("Shutdown: %v", err)
	}
	if err := s.inst.Stop(); err != nil {
		s.t.Errorf("Stop: %v", err)
	}
}

// hub is the hub of the running instance.
func (s *server) hub() *hub { return s.inst.Storage[hubKey{}].(*hub) }

// ask sends one query over UDP.
func (s *server) ask(name string, qtype uint16, change ...func(*dns.Msg)) *dns.Msg {
	s.t.Helper()
	return s.askOver("udp", name, qtype, change...)
}

func (s *server) askOver(network, name string, qtype uint16, change ...func(*dns.Msg)) *dns.Msg {
	s.t.Helper()
	m := new(dns.Msg).SetQuestion(name, qtype)
	for _, c := range change {
		c(m)
	}
	client := &dns.Client{Net: network, Timeout: 3 * time.Second, UDPSize: 4096}
	reply, _, err := client.Exchange(m, s.addr)
	if err != nil {
		s.t.Fatalf("Query %s %s: %v", name, dns.TypeToString[qtype], err)
	}
	return reply
}

// writeZone writes a zone file: a SOA and a name server, and then records.
func writeZone(t testing.TB, dir, file, records string) {
	t.Helper()
	text := "$ORIGIN example.org.\n$TTL 3600\n" +
		"@ IN SOA ns1 hostmaster 1 7200 900 1209600 30\n@ IN NS ns1\nns1 IN A 192.0.2.53\n" + records
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// pool is a steered www with three servers of capacity 4, 2 and 1.
const webPool = `
www 60 IN LB srv _http._tcp check=none min-ttl=10
_http._tcp 60 IN SRV 10 4 80 web1
_http._tcp 60 IN SRV 10 2 80 web2
_http._tcp 60 IN SRV 10 1 80 web3
web1 IN A 192.0.2.1
web1 IN AAAA 2001:db8::1
web2 IN A 192.0.2.2
web3 IN A 192.0.2.3
`

// until polls for a condition.
func until(t testing.TB, what string, timeout time.Duration, met func() bool) {
	t.Helper()
	if !within(timeout, met) {
		t.Fatalf("Not within %s: %s", timeout, what)
	}
}

func within(timeout time.Duration, met func() bool) bool {
	for deadline := time.Now().Add(timeout); !met(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// texts are the records of a section as zone file lines, less their TTLs.
func texts(rrs []dns.RR) []string {
	var lines []string
	for _, rr := range rrs {
		if rr.Header().Rrtype == dns.TypeOPT {
			continue
		}
		fields := strings.Fields(rr.String())
		lines = append(lines, strings.Join(append(fields[:1], fields[3:]...), " "))
	}
	return lines
}
