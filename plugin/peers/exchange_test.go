package peers

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/secret"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is an exchange that runs, with what it was told.
type member struct {
	*Exchange
	mu      sync.Mutex
	words   []Word
	refused []string
}

func open(t *testing.T, text string, listen netip.AddrPort, peers ...netip.AddrPort) *member {
	t.Helper()
	return openWith(t, NewMemory(time.Now()), text, listen, peers...)
}

func openWith(t *testing.T, memory *Memory, text string, listen netip.AddrPort, peers ...netip.AddrPort) *member {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := secret.New(path)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{}
	if m.Exchange, err = Open(listen, peers, file, memory); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Receive(
			func(w *Word) { m.mu.Lock(); defer m.mu.Unlock(); m.words = append(m.words, *w) },
			func(_ netip.AddrPort, err error) {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.refused = append(m.refused, Reason(err))
			})
	}()
	t.Cleanup(func() { m.Close(); <-ended })
	return m
}

func (m *member) has(words, refused int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.words) == words && len(m.refused) == refused
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

func addrs(t *testing.T, n int) []netip.AddrPort {
	list := make([]netip.AddrPort, n)
	for i := range list {
		list[i] = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(freeport.For(t)))
	}
	return list
}

func TestExchange(t *testing.T) {
	at := addrs(t, 3)
	a := open(t, "one-secret", at[0], at[1], at[2])
	b := open(t, "one-secret", at[1], at[0], at[2])
	c := open(t, "one-secret", at[2], at[0], at[1])
	sent := make([]Word, 1000)
	for i := range sent {
		sent[i] = wordOf("192.0.2.1/32", time.Duration(i)*time.Second, 0, 1, uint64(i))
		sent[i].At = time.Now()
	}
	for i := range 10 { // in parts, which a receive buffer has room for
		a.Send(sent[100*i:100*i+100], time.Now())
		eventually(t, "the words are heard", func() bool { return b.has(100*i+100, 0) && c.has(100*i+100, 0) })
	}
	for i, w := range b.words {
		if w.TTL != sent[i].TTL || w.Servers != sent[i].Servers || w.At.Sub(sent[i].At).Abs() > 3*time.Second {
			t.Fatalf("word %d is %+v, want %+v", i, w, sent[i])
		}
	}
	if p := c.Peers(); p[0].Peer != at[0].String() || time.Since(p[0].Heard) > 5*time.Second || !p[1].Heard.IsZero() {
		t.Errorf("the third has heard of %+v", p)
	}
	b.Send(nil, time.Now())
	eventually(t, "the second is heard of", func() bool { return !c.Peers()[1].Heard.IsZero() })
	if !a.has(0, 0) || !c.has(1000, 0) {
		t.Error("a word was made of nothing")
	}
}

// TestReplacedExchange: the one that follows in the process knows whom the one
// before had heard, and takes nothing that came to that.
func TestReplacedExchange(t *testing.T) {
	at := addrs(t, 2)
	memory, id := NewMemory(time.Now()), identity{1}
	recorded := seal(sealOf("one-secret", id), id, 1, time.Now(), nil)
	sender, err := net.ListenPacket("udp", at[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	before := openWith(t, memory, "one-secret", at[1], at[0])
	sender.WriteTo(recorded, net.UDPAddrFromAddrPort(at[1]))
	eventually(t, "it is heard", func() bool { return !before.Peers()[0].Heard.IsZero() })
	before.Close()
	after := openWith(t, memory, "one-secret", at[1], at[0])
	if after.Peers()[0].Heard.IsZero() {
		t.Error("the next one has forgotten the peer")
	}
	sender.WriteTo(recorded, net.UDPAddrFromAddrPort(at[1]))
	eventually(t, "it is refused", func() bool { return after.has(0, 1) })
	if after.refused[0] != "replay" {
		t.Errorf("refused for %v", after.refused)
	}
}

func TestExchangeRefuses(t *testing.T) {
	at := addrs(t, 2)
	a := open(t, "one-secret", at[0], at[1])
	b := open(t, "another-secret", at[1], at[0])
	w := wordOf("192.0.2.1/32", time.Second, 0, 1)
	a.Send([]Word{w}, time.Now())
	eventually(t, "it is refused", func() bool { return b.has(0, 1) })
	a.Send([]Word{w}, time.Now().Add(-time.Hour))
	eventually(t, "it is refused", func() bool { return b.has(0, 2) })
	if b.refused[0] != "secret" || b.refused[1] != "secret" || !b.Peers()[0].Heard.IsZero() {
		t.Errorf("refused for %v, %+v", b.refused, b.Peers())
	}
}

// TestSendFillsDatagrams: those of the usual length go together, longer ones in as
// many datagrams as they need.
func TestSendFillsDatagrams(t *testing.T) {
	at := addrs(t, 2)
	a := open(t, "one-secret", at[0], at[1])
	for _, c := range []struct{ words, servers, datagrams int }{{0, 0, 1}, {32, 2, 1}, {4, MaxServers, 1}, {32, MaxServers, 8}} {
		words := make([]Word, c.words)
		for i := range words {
			words[i] = wordOf("192.0.2.1/32", time.Hour, 0)
			words[i].N = c.servers
		}
		if got := a.Send(words, noon); got != c.datagrams {
			t.Errorf("%d words of %d servers take %d datagrams, want %d", c.words, c.servers, got, c.datagrams)
		}
	}
}

// TestBothFamilies has one that listens at all addresses, and a peer of each family.
func TestBothFamilies(t *testing.T) {
	at := addrs(t, 2)
	all := netip.AddrPortFrom(netip.IPv6Unspecified(), at[0].Port())
	six := netip.AddrPortFrom(netip.IPv6Loopback(), at[1].Port())
	a := open(t, "one-secret", all, at[1], six)
	b := open(t, "one-secret", at[1], at[0])
	c := open(t, "one-secret", six, netip.AddrPortFrom(netip.IPv6Loopback(), at[0].Port()))
	for _, m := range []*member{a, b, c} {
		m.Send(nil, time.Now())
	}
	for name, m := range map[string]*member{"at all": a, "IPv4": b, "IPv6": c} {
		for i := range m.Peers() {
			eventually(t, name+" hears its peers", func() bool { p := m.Peers()[i]; return p.Err == nil && !p.Heard.IsZero() })
		}
	}
}

func TestSendTellsOfTrouble(t *testing.T) {
	here := addrs(t, 1)[0]
	a := open(t, "one-secret", here, netip.MustParseAddrPort("[2001:db8::1]:5380"))
	a.Send(nil, time.Now())
	if p := a.Peers(); p[0].Err == nil { // there is no way from an IPv4 socket
		t.Errorf("%+v", p)
	}
}
