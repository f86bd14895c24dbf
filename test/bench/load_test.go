package main

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// nameServer answers on loopback with what handle makes of a query.
func nameServer(t *testing.T, handle func(n int64, m *dns.Msg) *dns.Msg) (addr string, asked *atomic.Int64) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked = new(atomic.Int64)
	srv := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		if m := handle(asked.Add(1), new(dns.Msg).SetReply(r)); m != nil {
			w.WriteMsg(m)
		}
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		srv.ActivateAndServe()
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return conn.LocalAddr().String(), asked
}

func answer(_ int64, m *dns.Msg) *dns.Msg { return m }

func TestGenerator(t *testing.T) {
	for _, queries := range []int{1, 7, 1000} {
		addr, asked := nameServer(t, answer)
		got, err := (&generator{}).load(t.Context(), addr, queries)
		if err != nil {
			t.Fatal(err)
		}
		if got.answered != queries || asked.Load() != int64(queries) || got.elapsed <= 0 {
			t.Errorf("%d queries: %d answered in %v, the server saw %d", queries, got.answered, got.elapsed, asked.Load())
		}
	}
}

// TestGeneratorCountsAnswers: what is lost or refused is no answer, and ends
// the round all the same.
func TestGeneratorCountsAnswers(t *testing.T) {
	addr, _ := nameServer(t, func(n int64, m *dns.Msg) *dns.Msg {
		switch {
		case n == 5:
			return nil
		case n%2 == 0:
			m.Rcode = dns.RcodeServerFailure
		}
		return m
	})
	got, err := (&generator{}).load(t.Context(), addr, 40)
	if err != nil {
		t.Fatal(err)
	}
	if got.answered > 20 || got.answered < 10 {
		t.Errorf("%d answered, want at most the 20 without an error, less what was under way beside the lost one", got.answered)
	}
	if got.check(40) == nil {
		t.Error("a round with half of the answers is taken for good")
	}
}

func TestGeneratorEndsWithContext(t *testing.T) {
	addr, _ := nameServer(t, func(int64, *dns.Msg) *dns.Msg { return nil })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&generator{}).load(ctx, addr, 1000); err == nil {
		t.Error("no error though the context ended")
	}
}

const dnsperfOutput = `Statistics:

  Queries sent:         50000
  Queries completed:    49990 (99.98%)
  Queries lost:         10 (0.02%)

  Response codes:       NOERROR 49980 (99.98%), SERVFAIL 10 (0.02%)
  Average packet size:  request 44, response 106
  Run time (s):         0.922932
  Queries per second:   54175.054771
`

func TestReadDNSPerf(t *testing.T) {
	got, err := readDNSPerf(dnsperfOutput)
	if err != nil {
		t.Fatal(err)
	}
	if want := (tally{answered: 49980, elapsed: 922932 * time.Microsecond}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if _, err := readDNSPerf("Response codes: REFUSED 100 (100%)\nRun time (s): 1.0\n"); err == nil {
		t.Error("a run without an answer gives no error")
	}
}

func TestNewLoaderWithoutDNSPerf(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, ok := newLoader(t.TempDir(), false).(*generator); !ok {
		t.Error("without dnsperf the built-in generator is not used")
	}
}

// TestCPUTime: the clock goes on while this process works.
func TestCPUTime(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Skip(err) // not on Linux
	}
	for deadline := time.Now().Add(5 * time.Second); ; {
		now, err := cpuTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the clock stands still")
		}
	}
	if _, err := cpuTime(1 << 22); err == nil {
		t.Error("a process that cannot be has a clock")
	}
}
