//go:build linux

package ballast

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/internal/statedir/statedirtest"

	"github.com/miekg/dns"
)

// Whatever happens to the disk, queries are answered, the file stays as it was,
// and somebody can see it.
func TestStateOnADiskInTrouble(t *testing.T) {
	fs := statedirtest.New(t, 128<<10)
	dir := t.TempDir()
	writeZone(t, dir, "zone", webPool)
	state := filepath.Join(fs.Path, "state")
	os.Mkdir(state, 0o700)
	metrics := fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	j := logged(t)
	s := serve(t, dir, "prometheus "+metrics+"\n"+strings.Replace(keepsState, "DIR/state", state, 1))
	kept(t, dir)
	listening(t, metrics)
	ctl := controlIn(dir)
	metric := func(name string) float64 {
		return scrape(t, metrics).series[fmt.Sprintf(`coredns_ballast_state_%s{dir=%q}`, name, state)]
	}
	drain := func(server string) {
		t.Helper()
		if _, err := ctl.SetOverride(t.Context(), control.Override{Server: server, Drain: true}); err != nil {
			t.Fatal(err)
		}
	}
	contents := func() string {
		text, _ := os.ReadFile(filepath.Join(state, overridesName))
		return string(text)
	}
	var filler string
	for i, trouble := range []struct {
		name, log string
		begin     func()
		end       func()
		intact    bool
	}{
		{"disk full", "no space left on device",
			func() { filler = fs.Fill(t) }, func() { os.Remove(filler) }, true},
		{"mounted read-only", "read-only file system",
			func() { fs.ReadOnly(t, true) }, func() { fs.ReadOnly(t, false) }, true},
		{"directory gone", "no such file or directory",
			func() { os.RemoveAll(state) }, func() { os.Mkdir(state, 0o700) }, false},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			before := contents()
			trouble.begin()
			server := fmt.Sprintf("host-%d*", i)
			drain(server)
			until(t, "the metric", 15*time.Second, func() bool { return metric("failing") == 1 })
			if trouble.intact && contents() != before {
				t.Errorf("The file became\n%s", contents())
			}
			if len(s.ask("www.example.org.", dns.TypeA).Answer) != 2 {
				t.Error("It does not answer")
			}
			if status := statusOf(t, dir); !strings.Contains(status.State.Err, trouble.log) {
				t.Errorf("Status is %+v", status.State)
			}
			trouble.end()
			until(t, "it is written again", 2*keepRetry, func() bool { return metric("failing") == 0 && strings.Contains(contents(), server) })
			if n := strings.Count(j.String(), trouble.log); n != 1 {
				t.Errorf("It is logged %d times:\n%s", n, j)
			}
		})
	}
	until(t, "pools and all are there again", 5*time.Second, func() bool {
		text, _ := os.ReadFile(filepath.Join(state, poolsName))
		return strings.Contains(string(text), "web3.example.org") && strings.Contains(contents(), "host-0*")
	})
}
