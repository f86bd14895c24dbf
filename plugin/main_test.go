package ballast

import (
	"flag"
	"fmt"
	golog "log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ballast-lb/ballast/internal/consul/consultest"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/root"
)

// consuls is the Consul of all tests that do not stop it.
var consuls consultest.Shared

func TestMain(m *testing.M) {
	dnsserver.Directives = append([]string{"root", "reload"}, dnsserver.Directives...)
	flag.Parse()
	if file := os.Getenv(corefileEnv); file != "" {
		os.Exit(serveAlone(file))
	}
	code := m.Run()
	consuls.Stop()
	if code == 0 && !fuzzing() {
		if err := goleak.Find(
			// After a failed reload the prometheus plugin listens anew and
			// forgets the listener it had.
			goleak.IgnoreAnyFunction("github.com/coredns/coredns/plugin/metrics.(*Metrics).OnStartup.func1"),
		); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// fuzzing tells that this process runs or drives a fuzz target, which has
// goroutines of its own.
func fuzzing() bool { return flag.Lookup("test.fuzz").Value.String() != "" }

// serveCorefile starts CoreDNS with a whole Corefile whose first server block
// is on port.
func serveCorefile(t testing.TB, path, text string, port int) *server {
	t.Helper()
	s := &server{t: t, port: port, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	starting.Lock()
	defer starting.Unlock()
	inst, err := caddy.Start(caddy.CaddyfileInput{Contents: []byte(text), Filepath: path, ServerTypeName: "dns"})
	if err != nil {
		t.Fatalf("CoreDNS does not start: %v\n%s", err, text)
	}
	s.inst = inst
	t.Cleanup(s.stop)
	s.serving()
	return s
}

// addresses are the addresses of the A records in a reply, sorted.
func addresses(m *dns.Msg) []string {
	var addrs []string
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			addrs = append(addrs, a.A.String())
		}
	}
	slices.Sort(addrs)
	return addrs
}

// given asks for a name again and again and counts the addresses it got.
func (s *server) given(name string, times int) map[string]int {
	s.t.Helper()
	counts := map[string]int{}
	for range times {
		for _, addr := range addresses(s.ask(name, dns.TypeA)) {
			counts[addr]++
		}
	}
	return counts
}

// says tells whether one of the lines contains text.
func says(lines []string, text string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, text) })
}

// handler is the plugin with a zone of these records, without a server around
// it and without sources that run.
func handler(t testing.TB, records string) *Ballast {
	t.Helper()
	dir := t.TempDir()
	writeZone(t, dir, "zone", records)
	h := newHub()
	z, err := newZone(h, &config{file: filepath.Join(dir, "zone")}, nil, "example.org.")
	if err != nil {
		t.Fatal(err)
	}
	h.addZone(z)
	t.Cleanup(h.forgetMetrics) // other tests count series
	b := &Ballast{hub: h}
	b.zones.add(z)
	return b
}

// logged collects what is logged until the test ends.
func logged(t testing.TB) *journal {
	j := &journal{}
	golog.SetOutput(j)
	t.Cleanup(clog.Discard)
	return j
}

// journal is a log that can be read while it is written.
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

// sortedList sorts what stands between commas.
func sortedList(text string) string {
	words := strings.Split(text, ",")
	slices.Sort(words)
	return strings.Join(words, ",")
}

// ballast is the plugin, with the zones of the running server.
func (s *server) ballast() *Ballast {
	b := &Ballast{hub: s.hub()}
	for _, z := range s.hub().allZones() {
		b.zones.add(z)
	}
	return b
}
