package cookie

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/programs"
)

// knot starts Knot DNS with the secret, and returns how to ask it.
func knot(t *testing.T) *server {
	t.Helper()
	program := programs.Need(t, "knotd")
	dir := t.TempDir()
	port := freeport.For(t)
	conf := fmt.Sprintf("server:\n  rundir: %[1]s\n  listen: 127.0.0.1@%[2]d\ndatabase:\n  storage: %[1]s\n"+
		"mod-cookies:\n  - id: c\n    secret: 0x%[3]s\ntemplate:\n  - id: default\n    storage: %[1]s\n    global-module: mod-cookies/c\n"+
		"zone:\n  - domain: example.org\n    file: zone\n", dir, port, rfcSecret)
	os.WriteFile(filepath.Join(dir, "knot.conf"), []byte(conf), 0o600)
	os.WriteFile(filepath.Join(dir, "zone"), []byte("@ 60 IN SOA ns.example.net. h.example.net. 1 2 3 4 5\n@ 60 IN NS ns.example.net.\n"), 0o600)
	p, err := child.Start(exec.Command(program, "-c", filepath.Join(dir, "knot.conf")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(5 * time.Second) }) // Knot has a database to close
	s := &server{t: t, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	until(t, "Knot answers", func() bool {
		m := new(dns.Msg).SetQuestion("example.org.", dns.TypeSOA)
		reply, err := dns.Exchange(m, s.addr)
		return err == nil && reply.Rcode == dns.RcodeSuccess
	})
	return s
}

// Two name servers with one secret believe each other's cookies.
func TestCookiesAreThoseOfKnot(t *testing.T) {
	other := knot(t)
	file := filepath.Join(t.TempDir(), "secrets")
	os.WriteFile(file, []byte(rfcSecret), 0o600)
	ours := serve(t, "cookie "+file)
	m := other.ask("udp", ours.learn())
	if m.Rcode != dns.RcodeSuccess || len(cookiesOf(m)) != 1 {
		t.Errorf("Knot answers to our cookie\n%v", m)
	}
	m = other.ask("udp", client) // BADCOOKIE: Knot wants one over UDP
	learned := cookiesOf(m)
	if len(learned) != 1 || len(learned[0]) != 2*fullLen {
		t.Fatalf("Knot answers a new client\n%v", m)
	}
	if got := cookiesOf(ours.ask("udp", learned[0])); len(got) != 1 || got[0] != learned[0] {
		t.Errorf("To Knot's cookie %s we answer %v", learned[0], got)
	}
	if m := other.ask("udp", client+"0100000000000000ffffffffffffffff"); m.Rcode != dns.RcodeBadCookie {
		t.Errorf("Knot believes anything\n%v", m)
	}
}
