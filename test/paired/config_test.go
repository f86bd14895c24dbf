//go:build linux

package paired

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
)

// vip is one of a director's, of the service web.
type vip struct {
	Name      string
	Address   string
	Scheduler string
	Tag       string // of the servers behind it; empty for all
	Port      int    // 80 if not given
	Private   bool   // neither registered nor announced
}

// The times are short, so that tests are. A slow start would hide what they
// look at.
const directorHCL = `
interfaces = ["d0", "br0"]
control    = "{{.Control}}"
metrics    = ""
state      = "{{.Lab.BPF}}/ballast"
consul { address = "{{.Lab.NS.HostPort 8500}}" }
{{range .VIPs}}
vip "{{.Name}}" {
  address    = "{{.Address}}"
  ports      = [{{or .Port 80}}]
  scheduler  = "{{or .Scheduler "wrr"}}"
  service    = "web"{{with .Tag}}
  tag        = "{{.}}"{{end}}{{if .Private}}
  register   = false
  announce   = false{{end}}
  slow_start = "0s"
  check "tcp" { interval = "300ms" }
  reports { interval = "500ms" }
}
{{end}}`

const corefile = `
example.org:53 {
    bind {{.Lab.NS.Addr}}
    ballast {{.Dir}}/example.org.zone {
        consul {{.Lab.NS.HostPort 8500}}
        control {{.Dir}}/coredns.sock
    }
    errors
}
`

// www answers with who is there or with nobody, any with somebody at any rate.
const zone = `
$ORIGIN example.org.
@   3600 IN SOA ns1 hostmaster 2026112201 7200 900 1209600 30
@   3600 IN NS  ns1
ns1 3600 IN A   {{.Lab.NS.Addr}}
www   30 IN LB  consul web via=vip policy=weighted answers=1 min-ttl=1 ramp=0s empty=none
any   30 IN LB  consul web via=vip policy=weighted answers=8 min-ttl=1 ramp=0s
direct 30 IN LB consul web policy=weighted answers=8 min-ttl=1 ramp=0s
`

// write fills in a file and returns its path.
func (s *stage) write(t *testing.T, name, text string) string {
	t.Helper()
	var out strings.Builder
	if err := template.Must(template.New(name).Parse(text)).Execute(&out, map[string]any{
		"Lab": s.lab, "Dir": s.lab.Dir(), "Control": s.socket(), "VIPs": s.vips,
	}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.lab.Dir(), name)
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
