//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestLoadCountsWhatFails(t *testing.T) {
	l := ForTest(t, Options{})
	echoes := startEchoes(t, l, 80)
	vip := netip.AddrPortFrom(l.VIP(0), 80)
	if err := l.NftDNAT(vip, l.Servers[0].Addr, l.Servers[1].Addr, l.Servers[2].Addr); err != nil {
		t.Fatal(err)
	}
	echoes[1].Stop()
	if err := l.Servers[2].Silence(); err != nil {
		t.Fatal(err)
	}
	r := Load{
		From: l.Client, Addr: vip.String(),
		Rate: 100, For: 300 * time.Millisecond, Hold: 10 * time.Millisecond, Timeout: 500 * time.Millisecond,
	}.Run(t.Context())
	if len(r) != 30 || len(r.Failed()) != 20 || r.Faults()[Refused] != 10 || r.Faults()[TimedOut] != 10 || r.Servers()["s1"] != 10 {
		t.Errorf("Want 10 answered by s1, 10 refused and 10 timed out:\n%s\n%v", r, r.Failed())
	}
	if got := echoes[0].Stats().Accepted; got != 10 {
		t.Errorf("s1 accepted %d connections, want 10", got)
	}
	if late := r.Between(150*time.Millisecond, time.Hour); len(late) == 0 || len(late) >= len(r) {
		t.Errorf("%d of %d connections began late", len(late), len(r))
	}
}

func TestLoadOfDatagrams(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	startEchoes(t, l, 53)
	r := Load{From: l.Client, Network: "udp", Addr: l.Servers[0].HostPort6(53), For: 100 * time.Millisecond, Hold: time.Millisecond}.Run(t.Context())
	if len(r) != 10 || len(r.Failed()) > 0 || r.Servers()["s1"] != 10 {
		t.Errorf("Want all answered by s1:\n%s\n%v", r, r.Failed())
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	startEchoes(t, l, 80)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	r := Load{From: l.Client, Addr: l.Servers[0].HostPort(80), For: time.Hour, Hold: time.Hour}.Run(ctx)
	if len(r) != 0 {
		t.Errorf("None had ended by itself, and yet:\n%s", r)
	}
}

func TestReport(t *testing.T) {
	var r Report
	for i := range 100 {
		r = append(r, Attempt{At: time.Duration(i), Connect: time.Duration(i+1) * time.Millisecond, Server: "s1"})
	}
	r = append(r, Attempt{Err: syscall.ECONNRESET, Fault: Reset, Connect: time.Second, Server: "s2"}, Attempt{Err: errors.New("x"), Fault: OtherReason})
	if got := r.Percentile(0.5); got != 51*time.Millisecond {
		t.Errorf("Median %v", got)
	}
	if got := r.Slowest(); got != time.Second {
		t.Errorf("Slowest %v", got)
	}
	text := r.String()
	for _, want := range []string{"102 connections, 2 failed, 1 other, 1 reset", "51.00 ms (median)", "1000.00 (slowest)", "s1       100", "s2       1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if got := Report(nil).Slowest(); got != 0 {
		t.Errorf("The slowest of none took %v", got)
	}
}

func TestFlowStats(t *testing.T) {
	stats := FlowStats{
		Open: 97, Lost: map[Fault]int{Reset: 2, Closed: 1}, Exchanged: 500, Missed: 4,
		Slowest: 12340 * time.Microsecond, Resent: 5, Servers: map[string]int{"s2": 40, "s1": 60},
	}
	want := `97 open, 3 lost, 1 closed, 2 reset
500 exchanged, 4 missed, 12.34 ms (slowest), 5 segments resent
s1       60
s2       40
`
	if got := stats.String(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestFaultOf(t *testing.T) {
	for err, want := range map[error]Fault{
		syscall.ECONNREFUSED: Refused,
		syscall.EPIPE:        Reset,
		fmt.Errorf("dial: %w", syscall.EHOSTUNREACH): Unreached,
		context.DeadlineExceeded:                     TimedOut,
		errors.New("else"):                           OtherReason,
	} {
		if got := faultOf(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
}

func TestFlows(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	echo := startEchoes(t, l, 80)[0]
	for _, network := range []string{"tcp", "udp"} {
		t.Run(network, func(t *testing.T) {
			set, err := Flows{From: l.Client, Network: network, Addr: l.Servers[0].HostPort(80), Count: 200, Every: 50 * time.Millisecond, Timeout: time.Second}.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			poll(t, "two rounds", func() bool { return set.Stats().Exchanged >= 400 })
			stats := set.Close()
			if stats.Open != 200 || len(stats.Lost) > 0 || stats.Missed > 0 || stats.Servers["s1"] != 200 || stats.Slowest == 0 {
				t.Errorf("%+v", stats)
			}
		})
	}
	t.Run("reset by the server", func(t *testing.T) {
		set, err := Flows{From: l.Client, Addr: l.Servers[0].HostPort(80), Count: 20, Every: 10 * time.Millisecond}.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		poll(t, "the server to have them", func() bool { return echo.Stats().Open >= 20 })
		echo.Reset()
		poll(t, "all to be reset", func() bool { return set.Stats().Lost[Reset] == 20 })
		if stats := set.Close(); stats.Open != 0 {
			t.Errorf("%+v", stats)
		}
	})
	t.Run("refused", func(t *testing.T) {
		if set, err := (Flows{From: l.Client, Addr: l.Servers[0].HostPort(81), Count: 20}).Open(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v, %v", set, err)
		}
	})
}

// poll waits until something is so.
func poll(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Waited in vain for %s", what)
		}
	}
}

func TestEchoInAProcessOfItsOwn(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	s := l.Servers[0]
	echo, err := s.StartEchoProcess(80)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Flows{From: l.Client, Addr: s.HostPort(80), Count: 20, Every: 10 * time.Millisecond}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats, err := echo.Stats(); err != nil || stats.Accepted != 20 {
		t.Errorf("%+v, %v", stats, err)
	}
	if err := echo.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(t, l.Client, s.HostPort(80), time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("After Stop: %v", err)
	}
	if err := echo.Start(); err != nil {
		t.Fatal(err)
	}
	if name, err := dial(t, l.Client, s.HostPort6(80), time.Second); err != nil || name != "s1" {
		t.Errorf("After Start: %q, %v", name, err)
	}
	if err := echo.Reset(); err != nil {
		t.Fatal(err)
	}
	poll(t, "all to be reset", func() bool { return set.Stats().Lost[Reset] == 20 })
	set.Close()
	if second, err := s.StartEchoProcess(80); err == nil {
		second.Close()
		t.Error("Two servers have one port")
	}
	echo.Close()
	if _, err := echo.Stats(); err == nil {
		t.Error("It counts after Close")
	}
}
