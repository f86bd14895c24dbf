package ballast

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/secret"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// shared is a pool whose answers last a second or two, of a policy that learns.
const shared = `
www 2 IN LB srv _http._tcp check=none policy=headroom min-ttl=1 answers=1 ramp=0
_http._tcp 60 IN SRV 10 4 80 web1
_http._tcp 60 IN SRV 10 2 80 web2
web1 IN A 192.0.2.1
web2 IN A 192.0.2.2
`

// pair are two name servers that tell each other.
type pair struct {
	dirs  [2]string
	lines [2]string // of their Corefiles
	both  [2]*server
}

func newPair(t *testing.T, secrets ...string) *pair {
	t.Helper()
	p := &pair{}
	at := [2]string{}
	for i := range at {
		at[i] = fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	}
	for i := range p.both {
		p.dirs[i] = t.TempDir()
		writeZone(t, p.dirs[i], "zone", shared)
		if err := os.WriteFile(filepath.Join(p.dirs[i], "secret"), []byte(secrets[i]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.lines[i] = fmt.Sprintf("ballast DIR/zone {\npeers DIR/secret %s %s\ncontrol DIR/control/coredns.sock\nreload 0\n}", at[i], at[1-i])
		p.both[i] = serve(t, p.dirs[i], p.lines[i])
	}
	return p
}

// known is what one of them knows of a client subnet.
func (p *pair) known(t *testing.T, i int, key string) *control.HiddenLoad {
	t.Helper()
	e, err := controlIn(p.dirs[i]).Explain(t.Context(), control.ExplainRequest{Name: "www.example.org", From: netip.MustParsePrefix(key)})
	if err != nil {
		t.Fatal(err)
	}
	return e.HiddenLoad
}

// asks has the first asked now and then, as a cache does, until something is so.
func (p *pair) asks(t *testing.T, addr string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		p.both[0].ask("www.example.org.", dns.TypeA, subnet(addr, 24, 0))
		for again := time.Now().Add(2 * time.Second); time.Now().Before(again); time.Sleep(10 * time.Millisecond) {
			if is() {
				return
			}
		}
	}
	t.Fatal("Not within 20 s")
}

// TestPeersLearnFromEachOther asks the one, and sees that the other knows as much.
func TestPeersLearnFromEachOther(t *testing.T) {
	secret := strings.Repeat("s", 32)
	p := newPair(t, secret, secret)
	p.asks(t, "198.51.7.9", func() bool {
		own, others := p.known(t, 0, "198.51.7.0/24"), p.known(t, 1, "198.51.7.0/24")
		return own.Known && others.Known && len(own.Held) == 1 && slices.Equal(own.Held, others.Held)
	})

	if err := p.both[1].restart(p.dirs[1], p.lines[1]); err != nil {
		t.Fatal(err)
	}
	peers, err := controlIn(p.dirs[1]).Status(t.Context())
	if err != nil || len(peers.Peers) != 1 || peers.Peers[0].Err != "" {
		t.Errorf("After a reload peers are %+v (%v)", peers.Peers, err)
	}
	p.asks(t, "198.51.8.9", func() bool { return p.known(t, 1, "198.51.8.0/24").Known })
	if !p.known(t, 1, "198.51.7.0/24").Known {
		t.Error("A reload forgot what was heard")
	}

	peers, err = controlIn(p.dirs[1]).Status(t.Context())
	if err != nil || len(peers.Peers) != 1 || peers.Peers[0].Err != "" || time.Since(peers.Peers[0].Heard) > 10*time.Second {
		t.Errorf("Peers are %+v (%v)", peers.Peers, err)
	}
}

// TestPeerOutOfTune has another secret: it is heard of as one that is away, and
// both serve.
func TestPeerOutOfTune(t *testing.T) {
	p := newPair(t, strings.Repeat("s", 32), strings.Repeat("x", 32))
	metrics := peersRefused.WithLabelValues("secret")
	before := testutil.ToFloat64(metrics)
	p.asks(t, "198.51.9.9", func() bool { return testutil.ToFloat64(metrics) > before })
	status, err := controlIn(p.dirs[1]).Status(t.Context())
	if err != nil || len(status.Peers) != 1 || !strings.Contains(status.Peers[0].Err, "with the same secret") {
		t.Errorf("Peers are %+v (%v)", status.Peers, err)
	}
	if p.known(t, 1, "198.51.9.0/24").Known {
		t.Error("It learned from a stranger")
	}
}

// TestPeersAreMissedOnce: who never came is logged when it had time to, and once
// also if there are reloads.
func TestPeersAreMissedOnce(t *testing.T) {
	log := logged(t)
	path := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(path, []byte(strings.Repeat("s", 32)), 0o600)
	file, err := secret.New(path)
	if err != nil {
		t.Fatal(err)
	}
	h, other := newHub(), netip.MustParseAddrPort("127.0.0.1:9")
	for i, want := range []int{0, 1, 1} {
		p := newPeering(netip.MustParseAddrPort("127.0.0.1:0"), []netip.AddrPort{other}, file)
		if err := p.open(h.memory, h.absent); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.exchange.Close() })
		p.watch(time.Now().Add(beatEvery))
		if i > 0 {
			p.watch(time.Now().Add(silence + beatEvery))
		}
		if got := strings.Count(log.String(), "was never heard of"); got != want {
			t.Errorf("reload %d: logged %d times, want %d", i, got, want)
		}
	}
}

func TestPeersAreRead(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", shared)
	for name, text := range map[string]string{"secret": strings.Repeat("s", 32), "short": "password", "empty": ""} {
		os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
	}
	for _, c := range []struct{ name, line, want string }{
		{"too little", "peers DIR/secret 127.0.0.1:5380", "not 2 arguments"},
		{"no such file", "peers DIR/none 127.0.0.1:5380 127.0.0.2:5380", "no such file"},
		{"an empty file", "peers DIR/empty 127.0.0.1:5380 127.0.0.2:5380", "is empty"},
		{"a secret that can be guessed", "peers DIR/short 127.0.0.1:5380 127.0.0.2:5380", "openssl rand -hex 32"},
		{"a name", "peers DIR/secret 127.0.0.1:5380 ns2.example.org:5380", "'ns2.example.org:5380' is not an ADDRESS:PORT"},
		{"no port", "peers DIR/secret 127.0.0.1 127.0.0.2:5380", "'127.0.0.1' is not an ADDRESS:PORT"},
		{"ourselves again", "peers DIR/secret 127.0.0.1:5380 127.0.0.1:5380", "stands there twice"},
		{"ourselves, written otherwise", "peers DIR/secret 127.0.0.1:5380 [::ffff:127.0.0.1]:5380", "stands there twice"},
		{"a peer of another family", "peers DIR/secret 127.0.0.1:5380 127.0.0.2:5380 [2001:db8::53]:5380", "[2001:db8::53]:5380 cannot be reached from 127.0.0.1:5380"},
		{"an address of another machine", "peers DIR/secret 192.0.2.1:5380 127.0.0.1:5380", "must be one of this machine"},
		{"two exchanges", "peers DIR/secret 127.0.0.1:5380 127.0.0.2:5380\n}\nballast DIR/zone example.net {\npeers DIR/secret 127.0.0.1:5381 127.0.0.2:5380", "there is one exchange for all"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &server{t: t, port: freeport.For(t)}
			starting.Lock()
			defer starting.Unlock()
			_, err := caddy.Start(s.input(dir, "ballast DIR/zone {\n"+c.line+"\nreload 0\n}"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Error is %v, want one with %q", err, c.want)
			}
		})
	}
}
