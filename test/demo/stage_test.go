package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/skip"
)

// stage is a demo that runs in the test, on ports of its own.
type stage struct {
	t        *testing.T
	settings settings
	demo     *demo
	out      *output
	end      func() error // ends the demo; what Run returned
}

// output is what the demo printed.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// needPrograms skips what runs the whole demo.
func needPrograms(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the whole demo: not with -short")
	}
	l, err := net.Listen("tcp", "127.0.0.13:0")
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		skip.UnlessCI(t, "127.0.0.13 is no address of this machine")
	}
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// ownSettings moves the committed files to free ports: everything else in them
// stays, except what the test replaces besides.
func ownSettings(t *testing.T, consul string, replace ...string) settings {
	t.Helper()
	dir := t.TempDir()
	s := exampleSettings(bin, filepath.Join(dir, "run"), consul)
	zone := "zones/example.org.zone"
	if consul != "" {
		zone = "zones/consul.example.org.zone"
	}
	old := s
	for _, address := range []*string{&s.dns, &s.metrics, &s.ready, &s.controls, &s.consulHTTP, &s.consulServer, &s.consulSerf} {
		*address = freeAddress(t, "127.0.0.1")
	}
	s.webPort, _ = strconv.Atoi(port(freeAddress(t, "127.0.0.11")))
	s.agentPort, _ = strconv.Atoi(port(freeAddress(t, "127.0.0.11")))
	s.socket = filepath.Join(dir, "coredns.sock")
	s.corefile = filepath.Join(dir, "Corefile")
	rewrite(t, filepath.Join("../..", zone), filepath.Join(dir, "zone"),
		append(replace, fmt.Sprint(" ", old.webPort, " "), fmt.Sprint(" ", s.webPort, " "))...)
	rewrite(t, filepath.Join("../..", old.corefile), s.corefile, zone, filepath.Join(dir, "zone"),
		":"+port(old.dns), ":"+port(s.dns), old.metrics, s.metrics, old.ready, s.ready, old.consulHTTP, s.consulHTTP)
	return s
}

// freeAddress is an address that is free for UDP and TCP.
func freeAddress(t *testing.T, ip string) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if (use{"udp", l.Addr().String(), "the test"}).try() == nil {
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return ""
}

func rewrite(t *testing.T, from, to string, replace ...string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if strings.HasPrefix(replace[i], ":") || strings.Contains(string(text), replace[i]) {
			continue
		}
		if !strings.Contains(replace[i], "127.0.0.1:") && !strings.HasPrefix(replace[i], " ") {
			t.Fatalf("%s has no %q to replace", from, replace[i])
		}
	}
	if err := os.WriteFile(to, []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
}

// play runs a demo until the test ends, and returns when it answers.
func play(t *testing.T, s settings) *stage {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	st := &stage{t: t, settings: s, out: &output{}}
	st.demo = &demo{settings: s, display: &display{out: st.out}, quit: cancel}
	ended := make(chan struct{})
	var err error
	go func() {
		defer close(ended)
		err = st.demo.Run(ctx)
	}()
	st.end = func() error {
		cancel()
		<-ended
		return err
	}
	t.Cleanup(func() {
		st.end()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(s.run, "coredns.log"))
			t.Logf("the demo said:\n%s\n%v\ncoredns said:\n%.3000s", st.out, err, log)
		}
	})
	st.within(60*time.Second, "the first block", func() bool {
		select {
		case <-ended:
			t.Fatalf("the demo ended: %v", err)
		default:
		}
		return strings.Contains(st.out.String(), "wanted  57%")
	})
	return st
}

// within polls until done, or fails.
func (st *stage) within(limit time.Duration, what string, done func() bool) {
	st.t.Helper()
	poll(st.t, limit, what, done)
}

func poll(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// post does what a visitor's curl does.
func post(t *testing.T, s settings, path string) {
	t.Helper()
	response, err := http.Post("http://"+s.controls+path, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("POST %s: %s %s", path, response.Status, body)
	}
}

// ask asks the name server once.
func ask(t *testing.T, s settings) answer {
	t.Helper()
	a, err := (&resolver{server: s.dns, name: s.name}).ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// goneWithin fails if ip is in an answer later than limit from now.
func goneWithin(t *testing.T, s settings, ip string, limit time.Duration) {
	t.Helper()
	addr := netip.MustParseAddr(ip)
	begun, seen := time.Now(), time.Duration(0)
	for time.Since(begun) < limit+time.Second {
		for _, a := range ask(t, s).addrs {
			if a == addr {
				seen = time.Since(begun)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	if seen > limit {
		t.Errorf("%s was in an answer still after %v", ip, seen.Round(time.Millisecond))
	}
}
