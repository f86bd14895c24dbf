package ballast

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const quickReload = "ballast DIR/zone {\nreload 20ms\n}"

func (s *server) txt(name string) string {
	for _, rr := range s.ask(name, dns.TypeTXT).Answer {
		return rr.(*dns.TXT).Txt[0]
	}
	return ""
}

func TestZoneFileChanges(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+`version IN TXT "one"`+"\n")
	s := serve(t, dir, quickReload)
	www := s.hub().zones[0].data.Load().steers["www.example.org."]

	writeZone(t, dir, "zone", webPool+`version IN TXT "two"`+"\nnew 60 IN LB srv _http._tcp check=none\n")
	until(t, "the new zone", 5*time.Second, func() bool { return s.txt("version.example.org.") == "two" })
	if len(s.ask("new.example.org.", dns.TypeA).Answer) != 2 {
		t.Error("The new LB name is not answered")
	}
	if s.hub().zones[0].data.Load().steers["www.example.org."] != www {
		t.Error("An LB name that did not change lost its state")
	}

	writeZone(t, dir, "zone", "www IN A 192.0.2.200\n")
	until(t, "the zone without LB names", 5*time.Second, func() bool {
		m := s.ask("www.example.org.", dns.TypeA)
		return len(m.Answer) == 1 && m.Answer[0].(*dns.A).A.String() == "192.0.2.200"
	})
	if feeds := s.hub().allFeeds(); len(feeds) != 0 {
		t.Errorf("%d sources are still followed", len(feeds))
	}
	if n := seriesOf(t, "coredns_ballast_server_weight"); n != 0 {
		t.Errorf("%d weights of servers that are gone are still exported", n)
	}
}

func TestBrokenZoneKeepsTheLastGoodOne(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+`version IN TXT "one"`+"\n")
	s := serve(t, dir, quickReload)
	z := s.hub().zones[0]
	failing := func() bool { return testutil.ToFloat64(zoneReloadFailed.WithLabelValues("example.org.")) == 1 }

	for _, broken := range []struct {
		name string
		do   func()
	}{
		{"a mistake", func() { writeZone(t, dir, "zone", webPool+"version IN TXTT two\n") }},
		{"nothing in it", func() { os.WriteFile(filepath.Join(dir, "zone"), nil, 0o644) }},
		{"the file gone", func() { os.Remove(filepath.Join(dir, "zone")) }},
	} {
		t.Run(broken.name, func(t *testing.T) {
			broken.do()
			until(t, "the metric", 5*time.Second, failing)
			if s.txt("version.example.org.") != "one" || len(s.ask("www.example.org.", dns.TypeA).Answer) != 2 {
				t.Error("The last good zone is not served")
			}
			status := z.status(time.Now())
			if status.Err == "" || status.Failed.IsZero() {
				t.Errorf("Status tells nothing of it: %+v", status)
			}
			writeZone(t, dir, "zone", webPool+`version IN TXT "one"`+"\n")
			until(t, "the mended zone", 5*time.Second, func() bool { return !failing() })
			if status := z.status(time.Now()); status.Err != "" {
				t.Errorf("Status still has %q", status.Err)
			}
		})
	}
}

// TestZoneFileWrittenInPlace writes a zone file as an editor may: without its end
// for a while, and without a mistake all the time.
func TestZoneFileWrittenInPlace(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+`version IN TXT "one"`+"\n")
	s := serve(t, dir, "ballast DIR/zone {\nreload 300ms\n}")
	writeZone(t, dir, "zone", "")
	file, err := os.OpenFile(filepath.Join(dir, "zone"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for range 100 {
		fmt.Fprintln(file, "; more is coming")
		if len(s.ask("www.example.org.", dns.TypeA).Answer) != 2 {
			t.Fatal("A part of the zone file is served")
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintln(file, webPool+`version IN TXT "two"`)
	until(t, "the whole zone", 5*time.Second, func() bool { return s.txt("version.example.org.") == "two" })
}

func TestIncludedFileChanges(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "part"), []byte(`version IN TXT "one"`+"\n"), 0o644)
	writeZone(t, dir, "zone", "$INCLUDE part\n")
	s := serve(t, dir, quickReload)
	os.WriteFile(filepath.Join(dir, "part"), []byte(`version IN TXT "three"`+"\n"), 0o644)
	until(t, "the changed part", 5*time.Second, func() bool { return s.txt("version.example.org.") == "three" })
}

// asker asks without pause until stopped and counts what was not answered well.
func asker(s *server) (stop func() (asked, lost int64)) {
	var asked, lost atomic.Int64
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		client := &dns.Client{Timeout: 2 * time.Second}
		for {
			select {
			case <-done:
				return
			default:
			}
			m, _, err := client.Exchange(new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA), s.addr)
			asked.Add(1)
			if err != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) != 2 {
				lost.Add(1)
			}
		}
	})
	return func() (int64, int64) {
		close(done)
		wg.Wait()
		return asked.Load(), lost.Load()
	}
}

func TestZoneReloadLosesNoQuery(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	s := serve(t, dir, quickReload)
	stop := asker(s)
	for i := range 20 {
		version := strings.Repeat("x", i+1)
		writeZone(t, dir, "zone", webPool+`version IN TXT "`+version+`"`+"\n")
		until(t, "version "+version, 5*time.Second, func() bool { return s.txt("version.example.org.") == version })
	}
	if asked, lost := stop(); lost > 0 || asked == 0 {
		t.Errorf("%d of %d queries were lost", lost, asked)
	}
}

func TestRestartsLeakNothing(t *testing.T) {
	restarts := 1000
	if testing.Short() {
		restarts = 50
	}
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool+"api 60 IN LB srv _api._tcp every=1s\n_api._tcp IN SRV 0 1 1 local\nlocal IN A 127.0.0.1\n")
	body := "ballast DIR/zone {\ncontrol DIR/control/coredns.sock\nreload 50ms\nstartup_timeout 2s\n}"
	s := serve(t, dir, body)
	for range 3 { // what CoreDNS itself keeps is there now
		if err := s.restart(dir, body); err != nil {
			t.Fatal(err)
		}
	}
	goroutines, files := settled(), openFiles(t)
	stop := asker(s)
	for range restarts {
		if err := s.restart(dir, body); err != nil {
			t.Fatal(err)
		}
	}
	asked, lost := stop()
	t.Logf("%d restarts, %d queries, %d not answered", restarts, asked, lost)
	if !within(10*time.Second, func() bool { return settled() <= goroutines+3 }) {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines have become %d:\n%s", goroutines, settled(), stacks[:runtime.Stack(stacks, true)])
	}
	if now := openFiles(t); now > files+3 {
		t.Errorf("%d files were open, now %d", files, now)
	}
}

func settled() int {
	runtime.GC()
	return runtime.NumGoroutine()
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("Open files cannot be counted here: %v", err)
	}
	return len(entries)
}

func TestRestartForgetsNothing(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	body := "ballast DIR/zone {\ncontrol DIR/control/coredns.sock\nreload 0\n}"
	s := serve(t, dir, body)
	ctl := control.Dial(filepath.Join(dir, "control/coredns.sock"))
	if _, err := ctl.SetOverride(t.Context(), control.Override{Server: "web1*", Drain: true, By: "test"}); err != nil {
		t.Fatal(err)
	}
	if err := s.restart(dir, body); err != nil {
		t.Fatal(err)
	}
	status, err := ctl.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(status.Overrides) != 1 || status.Overrides[0].Matches != 1 {
		t.Errorf("Overrides after the restart: %+v", status.Overrides)
	}
	for range 20 {
		for _, line := range texts(s.ask("www.example.org.", dns.TypeA).Answer) {
			if strings.HasSuffix(line, " 192.0.2.1") {
				t.Fatal("The drained server is answered after the restart")
			}
		}
	}
}

func TestFailedRestartChangesNothing(t *testing.T) {
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	body := "ballast DIR/zone {\ncontrol DIR/control/coredns.sock\nreload 0\n}"
	s := serve(t, dir, body)
	before := settled()
	for _, broken := range []struct{ name, body string }{
		{"the zone", "ballast DIR/none {\nreload 0\n}"},
		{"what starts after us", body + "\n}\nexample.net:53 {\nbind 192.0.2.1\nwhoami"},
	} {
		t.Run(broken.name, func(t *testing.T) {
			if err := s.restart(dir, broken.body); err == nil {
				t.Fatal("The restart did not fail")
			}
			if len(s.ask("www.example.org.", dns.TypeA).Answer) != 2 {
				t.Error("The old instance does not answer")
			}
			if _, err := control.Dial(filepath.Join(dir, "control/coredns.sock")).Status(t.Context()); err != nil {
				t.Errorf("The control socket is lost: %v", err)
			}
			until(t, "goroutines are back", 5*time.Second, func() bool { return settled() <= before+3 })
		})
	}
}
