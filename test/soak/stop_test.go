package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/internal/freeport"
)

// slowServer answers after a while, and counts what it has seen.
func slowServer(t *testing.T, after time.Duration) (addr string, seen *atomic.Int64) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen = new(atomic.Int64)
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		seen.Add(1)
		time.Sleep(after)
		m := new(dns.Msg).SetReply(r)
		rr, _ := dns.NewRR(r.Question[0].Name + " 60 IN A 192.0.2.1")
		m.Answer = []dns.RR{rr}
		w.WriteMsg(m)
	})}
	started := make(chan struct{})
	server.NotifyStartedFunc = func() { close(started) }
	ended := make(chan struct{})
	go func() { defer close(ended); server.ActivateAndServe() }()
	<-started
	t.Cleanup(func() { server.Shutdown(); <-ended })
	return conn.LocalAddr().String(), seen
}

// TestStopAnswersWhatWasRead has questions under way when SIGTERM comes. That the
// process has read them is certain, as the server that it asks has seen them: all
// must be answered, over UDP and over TCP, and the process end well.
func TestStopAnswersWhatWasRead(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the name server: not with -short")
	}
	const questions = 60
	upstream, seen := slowServer(t, time.Second)
	port := freeport.For(t)
	dir := t.TempDir()
	log, err := newLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{binary: filepath.Join(bin, "coredns"), dir: dir, corefile: filepath.Join(dir, "Corefile"),
		addr: fmt.Sprintf("127.0.0.1:%d", port), log: log}
	text := "$ORIGIN example.org.\n$TTL 60\n@ IN SOA ns1 hostmaster 1 7200 900 1209600 30\n@ IN NS ns1\nns1 IN A 192.0.2.53\n"
	write(t, filepath.Join(dir, "zone"), text)
	write(t, p.corefile, fmt.Sprintf("example.org:%[1]d {\n  bind 127.0.0.1\n  ballast zone {\n    control off\n  }\n}\nexample.net:%[1]d {\n  bind 127.0.0.1\n  forward . %[2]s {\n    prefer_udp\n  }\n}\n", port, upstream))
	if err := p.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.remove)

	var wg sync.WaitGroup
	var lost atomic.Int64
	begin := seen.Load() // forward asks for the root, to see whether it is there
	for i := range questions {
		wg.Go(func() {
			c := &dns.Client{Net: []string{"udp", "tcp"}[i%2], Timeout: 5 * time.Second}
			m, _, err := c.Exchange(new(dns.Msg).SetQuestion(fmt.Sprintf("n%d.example.net.", i), dns.TypeA), p.addr)
			if err != nil || len(m.Answer) != 1 {
				lost.Add(1)
				t.Logf("%d over %s: %v %v", i, c.Net, err, m)
			}
		})
	}
	for end := time.Now().Add(10 * time.Second); seen.Load()-begin < questions && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if err := p.signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	state, err := p.wait(10 * time.Second)
	if err != nil || !state.Success() {
		t.Errorf("coredns ended with %v, %v", state, err)
	}
	wg.Wait()
	if n := lost.Load(); n > 0 {
		t.Errorf("%d of %d questions that were read are lost", n, questions)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
