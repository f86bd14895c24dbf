package load

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/skip"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestTree reads each tree under testdata at two moments two seconds apart and
// compares both samples, and the names of what failed, with golden.json.
func TestTree(t *testing.T) {
	trees, err := filepath.Glob("testdata/*")
	if err != nil || len(trees) == 0 {
		t.Fatalf("no trees: %v", err)
	}
	for _, tree := range trees {
		t.Run(filepath.Base(tree), func(t *testing.T) {
			type moment struct {
				Sample Sample   `json:"sample"`
				Failed []string `json:"failed"`
			}
			// A link that is turned over is a machine whose time goes by.
			root := filepath.Join(t.TempDir(), "root")
			at := time.Unix(1_800_000_000, 0)
			var got []moment
			var s *Sampler
			for _, name := range []string{"before", "after"} {
				turn(t, filepath.Join(tree, name), root)
				if s == nil {
					if s, err = New(Options{Root: root, Port: 8080}); err != nil {
						t.Fatal(err)
					}
				}
				sample, troubles := s.Sample(t.Context(), at)
				if sample.CPU != nil { // the last bits differ between machines
					*sample.CPU = math.Round(*sample.CPU*1e6) / 1e6
				}
				m := moment{sample, []string{}}
				for _, name := range Signals() {
					if troubles[name] != nil {
						m.Failed = append(m.Failed, name)
					}
				}
				got = append(got, m)
				at = at.Add(2 * time.Second)
			}
			compareGolden(t, filepath.Join(tree, "golden.json"), got)
		})
	}
}

func turn(t *testing.T, to, link string) {
	t.Helper()
	abs, err := filepath.Abs(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.Symlink(abs, link); err != nil {
		t.Fatal(err)
	}
}

func compareGolden(t *testing.T, path string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s (rewrite with -update):\ngot  %s\nwant %s", path, got, want)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Options{Root: "testdata/nowhere"}); err == nil {
		t.Error("a root without proc was accepted")
	}
	if _, err := New(Options{AppURL: "http://127.0.0.1/", AppFile: "x"}); err == nil {
		t.Error("two sources for the application's number were accepted")
	}
}

func TestRunQueue(t *testing.T) {
	for _, c := range []struct {
		running uint64
		cores   int
		want    float64
	}{
		{0, 4, 0}, // cannot be, as the reader runs; and must not wrap
		{1, 4, 0}, // only the reader
		{5, 4, 1}, {9, 4, 2}, {2, 1, 1},
	} {
		if got := runQueue(c.running, c.cores); got != c.want {
			t.Errorf("%d running on %d cores: %v, want %v", c.running, c.cores, got, c.want)
		}
	}
}

func TestBusyShare(t *testing.T) {
	base := procfs.CPUStat{User: 10, System: 5, Idle: 100, Iowait: 10}
	for _, c := range []struct {
		name  string
		after procfs.CPUStat
		want  float64
		ok    bool
	}{
		{"idle", procfs.CPUStat{User: 10, System: 5, Idle: 104, Iowait: 10}, 0, true},
		{"waiting for a disk is idle", procfs.CPUStat{User: 10, System: 5, Idle: 100, Iowait: 14}, 0, true},
		{"half", procfs.CPUStat{User: 12, System: 5, Idle: 102, Iowait: 10}, 0.5, true},
		{"stolen time is busy", procfs.CPUStat{User: 10, System: 5, Idle: 102, Iowait: 10, Steal: 2}, 0.5, true},
		{"guests are not counted twice", procfs.CPUStat{User: 12, System: 5, Idle: 102, Iowait: 10, Guest: 2}, 0.5, true},
		{"iowait ran backwards", procfs.CPUStat{User: 14, System: 5, Idle: 100, Iowait: 9}, 1, true},
		{"no time went by", base, 0, false},
		{"counters set back", procfs.CPUStat{User: 1}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := busyShare(base, c.after)
			if got != c.want || ok != c.ok {
				t.Errorf("got %v %v, want %v %v", got, ok, c.want, c.ok)
			}
		})
	}
}

func TestStallShare(t *testing.T) {
	t0 := time.Unix(0, 0)
	for _, c := range []struct {
		name  string
		total uint64
		after time.Duration
		want  float64
		ok    bool
	}{
		{"a quarter", 1_500_000, 2 * time.Second, 0.25, true},
		{"never more than all", 9_000_000, time.Second, 1, true},
		{"no time went by", 1_500_000, 0, 0, false},
		{"counter set back", 1, time.Second, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := stallShare(psiReading{1_000_000, t0}, psiReading{c.total, t0.Add(c.after)})
			if got != c.want || ok != c.ok {
				t.Errorf("got %v %v, want %v %v", got, ok, c.want, c.ok)
			}
		})
	}
}

// TestConnections opens real connections and counts them both ways.
func TestConnections(t *testing.T) {
	fs, err := procfs.NewFS("/proc")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	for network, loopback := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		t.Run(network, func(t *testing.T) {
			ln, err := net.Listen(network, loopback)
			if err != nil && network == "tcp6" {
				skip.UnlessCI(t, "no IPv6 loopback: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			for range 3 {
				c, err := net.Dial(network, ln.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				s, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
			}
			port := ln.Addr().(*net.TCPAddr).Port
			t.Run("as this kernel counts them", func(t *testing.T) {
				if _, err := countByNetlink(uint16(port)); err != nil {
					t.Logf("no inet_diag here, so the files are read: %v", err)
				}
				r := newConnReader(fs, port, true)
				wantConnections(t, r, 3)
			})
			t.Run("files, as netlink is refused", func(t *testing.T) {
				r := newConnReader(fs, port, false)
				asked := 0
				r.diag = func(uint16) (int, error) { asked++; return 0, syscall.EPERM }
				for range 2 {
					wantConnections(t, r, 3)
				}
				if asked != 1 {
					t.Errorf("netlink was asked %d times after it had refused for good", asked)
				}
			})
		})
	}
}

// wantConnections tries again for a while: the kernel writes its table out in
// pieces, and lines shift where other programs' connections begin and end.
func wantConnections(t *testing.T, r *connReader, want int) {
	t.Helper()
	for limit := time.Now().Add(5 * time.Second); ; {
		var s Sample
		if err := r.read(t.Context(), time.Time{}, &s); err != nil || s.Connections == nil {
			t.Fatalf("counted %v, %v", s.Connections, err)
		}
		if *s.Connections == want {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("counted %d, want %d", *s.Connections, want)
		}
	}
}

func TestApplication(t *testing.T) {
	for _, c := range []struct {
		name, header, body string
		status             int
		want               float64
		err                string // part of it
	}{
		{name: "plain number", body: "0.42\n", want: 0.42},
		{name: "overloaded", body: "1.7", want: 1.7},
		{name: "json", body: `{"load": 0.3, "more": true}`, want: 0.3},
		{name: "orca text", header: "TEXT application_utilization=0.6, cpu_utilization=0.1", body: "ok", want: 0.6},
		{name: "orca json", header: `JSON {"cpu_utilization": 0.2}`, body: "0.9", want: 0.2},
		{name: "orca without utilisation leaves it to the body", header: "TEXT rps_fractional=3", body: "0.5", want: 0.5},
		{name: "orca broken", header: "TEXT nonsense", body: "0.5", err: "NAME=NUMBER"},
		{name: "empty", err: "neither a number"},
		{name: "text", body: "<html>", err: "neither a number"},
		{name: "json without load", body: `{"cpu": 1}`, err: `no "load"`},
		{name: "json broken", body: `{"load": `, err: "unexpected end"},
		{name: "negative", body: "-1", err: "not within"},
		{name: "not a number", body: "NaN", err: "not within"},
		{name: "absurd", body: "1e9", err: "not within"},
		{name: "status", body: "0.5", status: 500, err: "500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set(pool.LoadHeader, c.header)
				}
				w.WriteHeader(max(200, c.status))
				fmt.Fprint(w, c.body)
			}))
			defer srv.Close()
			check(t, newAppHTTP(srv.URL, srv.Client()).read, c.want, c.err)
			if c.header == "" && c.status == 0 {
				path := filepath.Join(t.TempDir(), "load")
				if err := os.WriteFile(path, []byte(c.body), 0o600); err != nil {
					t.Fatal(err)
				}
				check(t, appFile(path).read, c.want, c.err)
			}
		})
	}
	t.Run("nobody answers", func(t *testing.T) {
		srv := httptest.NewServer(nil)
		srv.Close()
		check(t, newAppHTTP(srv.URL, nil).read, 0, "ask the application")
	})
	t.Run("no file", func(t *testing.T) { check(t, appFile("testdata/none").read, 0, "no such file") })
}

type readFunc = func(context.Context, time.Time, *Sample) error

func check(t *testing.T, read readFunc, want float64, wantErr string) {
	t.Helper()
	var s Sample
	err := read(t.Context(), time.Time{}, &s)
	switch {
	case wantErr == "" && err != nil:
		t.Errorf("error %v", err)
	case wantErr == "" && (s.Application == nil || *s.Application != want):
		t.Errorf("got %v, want %v", s.Application, want)
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
		t.Errorf("error %v, want one with %q", err, wantErr)
	case wantErr != "" && s.Application != nil:
		t.Errorf("a failed reading left %v", *s.Application)
	}
}

// TestThisMachine takes two real samples: what every Linux has must be there.
func TestThisMachine(t *testing.T) {
	s, err := New(Options{Port: 1})
	if err != nil {
		t.Skip(err)
	}
	at := time.Now()
	if first, _ := s.Sample(t.Context(), at); first.CPU != nil {
		t.Errorf("the first sample has a share of time: %v", *first.CPU)
	}
	// /proc/stat counts in hundredths of a second.
	for deadline := at.Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		sample, troubles := s.Sample(t.Context(), time.Now())
		if len(troubles) > 0 {
			t.Fatal(troubles)
		}
		if sample.CPU != nil && sample.RunQueue != nil && sample.Connections != nil && sample.Cores > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("incomplete: %+v", sample)
		}
	}
}

func TestSignalsAreTheReaders(t *testing.T) {
	s, err := New(Options{Root: "testdata/busy/before", Port: 8080, AppFile: "x"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range s.readers {
		names = append(names, r.name)
	}
	if !slices.Equal(names, Signals()) {
		t.Errorf("readers %q, Signals %q", names, Signals())
	}
}
