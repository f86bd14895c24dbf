package ballast

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/freeport"
)

// example is a Corefile in a manual.
type example struct {
	name, file string
	text       string
	folder     string // that its relative paths start from
}

// fence finds the Corefiles among the code blocks of Markdown.
var fence = regexp.MustCompile("(?ms)^(?:```|~~~) ?corefile\n(.*?)^(?:```|~~~)$")

// examples are all Corefiles in the manuals, and Corefile.example.
func examples(t *testing.T) []example {
	t.Helper()
	var all []example
	for _, file := range []string{"README.md", "cookie/README.md", "../README.md"} {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) && file != "README.md" {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		blocks := fence.FindAllStringSubmatch(string(text), -1)
		if len(blocks) == 0 && file == "README.md" {
			t.Errorf("%s has no Corefile", file)
		}
		for i, block := range blocks {
			all = append(all, example{name: fmt.Sprintf("%s %d", file, i+1), file: file, text: block[1], folder: filepath.Dir(file)})
		}
	}
	text, err := os.ReadFile("../Corefile.example")
	if err != nil {
		t.Fatal(err)
	}
	return append(all, example{name: "Corefile.example", file: "../Corefile.example", text: string(text), folder: ".."})
}

var (
	zoneFile = regexp.MustCompile(`(?m)^(\s*ballast\s+)(\S+)(.*)$`)
	peerLine = regexp.MustCompile(`(?m)^(\s*peers\s+)\S+ \S+(:\d+) \S+(:\d+) \S+(:\d+)$`)
	stateDir = regexp.MustCompile(`(?m)^(\s*state\s+)\S+`)
	key      = regexp.MustCompile(`(?m)^([\w.]+):\d+ \{`)
	anyPort  = regexp.MustCompile(`(:)(\d{4,5})\b`)
)

// ready makes an example fit for a test: other ports, a control socket of its
// own, a directory for its state, peers that may be here, and a zone file whose
// path holds from the test's folder. It tells where DNS is served.
func (e *example) ready(t *testing.T) (port int) {
	t.Helper()
	ports := map[string]string{}
	e.text = anyPort.ReplaceAllStringFunc(e.text, func(match string) string {
		if ports[match] == "" {
			free := freeport.For(t)
			if len(ports) == 0 {
				port = free // the first is that of the server block
			}
			ports[match] = ":" + strconv.Itoa(free)
		}
		return ports[match]
	})
	e.text = zoneFile.ReplaceAllStringFunc(e.text, func(line string) string {
		m := zoneFile.FindStringSubmatch(line)
		return m[1] + filepath.Join(e.folder, m[2]) + m[3]
	})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	e.text = peerLine.ReplaceAllString(e.text, "${1}"+secret+" 127.0.0.1$2 127.0.0.2$3 127.0.0.3$4")
	e.text = stateDir.ReplaceAllString(e.text, "${1}"+t.TempDir())
	socket := filepath.Join(t.TempDir(), "control", "coredns.sock")
	t.Setenv("BALLAST_CONTROL", socket)
	if port == 0 {
		t.Fatalf("No port in\n%s", e.text)
	}
	return port
}

func TestExamplesStart(t *testing.T) {
	for _, e := range examples(t) {
		t.Run(e.name, func(t *testing.T) {
			if !key.MatchString(e.text) {
				t.Fatalf("No server block such as example.org:1053 {\n%s", e.text)
			}
			usesConsul := strings.Contains(e.text, "consul ")
			port := e.ready(t)
			began := time.Now()
			s := serveCorefile(t, e.file, e.text, port)
			took := time.Since(began)
			origin := key.FindStringSubmatch(e.text)[1] + "."
			m := s.ask(origin, dns.TypeSOA)
			if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 || !m.Authoritative {
				t.Errorf("The zone's SOA is answered\n%v", m)
			}
			www := s.ask("www."+origin, dns.TypeA)
			if !usesConsul {
				if len(addresses(www)) == 0 {
					t.Errorf("The steered name is answered\n%v", www)
				}
				return
			}
			// Nobody is where the manual has its Consul.
			if took < 500*time.Millisecond || took > 8*time.Second {
				t.Errorf("The start took %v; it should wait as long as startup_timeout says, and no longer", took)
			}
			if www.Rcode != dns.RcodeSuccess || len(www.Answer) > 0 || len(www.Ns) != 1 || www.Ns[0].Header().Ttl != 1 {
				t.Errorf("Before the first pool the steered name is answered\n%v", www)
			}
		})
	}
}

// The zone of the manual's Description is one that can be used.
func TestZoneInTheManual(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^(?:```|~~~) ?txt\n(\\$ORIGIN.*?)^(?:```|~~~)$").FindSubmatch(text)
	if block == nil {
		t.Fatal("README.md shows no zone")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "zone"), block[1], 0o644); err != nil {
		t.Fatal(err)
	}
	nobody := net.JoinHostPort("127.0.0.1", strconv.Itoa(closedPort(t)))
	s := serve(t, dir, "ballast DIR/zone {\nreload 0\nstartup_timeout 10ms\nconsul "+nobody+"\n}")
	if m := s.ask("api.example.org.", dns.TypeA); len(m.Answer) != 1 || addresses(m)[0] != "192.0.2.11" {
		t.Errorf("api, of which the first tier should answer, is answered\n%v", m)
	}
}

// Every property and every option that exists is in the manual.
func TestManualNamesEveryProperty(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for property := range properties {
		if !strings.Contains(string(text), "\n* `"+property+"` ") {
			t.Errorf("README.md does not explain the property %s", property)
		}
	}
}
