package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// bin is where TestMain builds coredns; empty with -short.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(suite{m})
}

// suite builds coredns once, before the tests.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	if testing.Short() {
		return s.m.Run()
	}
	dir, err := os.MkdirTemp("", "difftest-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "coredns"), "github.com/ballast-lb/ballast/cmd/coredns")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	bin = dir
	return s.m.Run()
}

// need skips a test without the programs that make builds or unpacks.
func need(t *testing.T) settings {
	t.Helper()
	s := defaults()
	s.bin, s.cache = bin, "../../.cache/bin"
	if testing.Short() {
		t.Skip("starts name servers for some seconds")
	}
	if _, err := newTester(s, io.Discard); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return s
}

// TestAnswersAgree is a short run: what NSD and Knot agree on, Ballast says too.
func TestAnswersAgree(t *testing.T) {
	s := need(t)
	s.zones, s.roots, s.questions, s.format = 20, 1, 50, "json"
	var out bytes.Buffer
	err := run(t.Context(), s, &out, io.Discard)
	if err != nil {
		t.Errorf("%v:\n%s", err, &out)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if want := (s.zones + s.roots) * s.questions; r.Pairs != want {
		t.Errorf("%d pairs, want %d", r.Pairs, want)
	}
}

// TestDifferenceIsFoundAndMadeSmall has a server with another zone in the place
// of ours.
func TestDifferenceIsFoundAndMadeSmall(t *testing.T) {
	s := need(t)
	s.zones, s.roots, s.questions = 4, 0, 40
	tester, err := newTester(s, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	wrong := *tester.kinds[1]
	wrong.name = "wrong"
	wrong.conf = func(dir string, port int, zones []placed) string {
		list := make([]placed, len(zones))
		for i, z := range zones {
			list[i] = placed{origin: z.origin, file: filepath.Join(dir, filepath.Base(z.file))}
			text, err := os.ReadFile(z.file)
			if err == nil {
				err = os.WriteFile(list[i].file, bytes.ReplaceAll(text, []byte("A 192.0.2.53"), []byte("A 192.0.2.99")), 0o600)
			}
			if err != nil {
				t.Error(err)
			}
		}
		return tester.kinds[1].conf(dir, port, list)
	}
	tester.kinds = append([]*kind{&wrong}, tester.kinds[1:]...)
	r, err := tester.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const want = "positive: answer: extra A, answer: missing A"
	for _, d := range r.Differences {
		if d.Signature != want {
			continue
		}
		if lines := strings.Split(strings.TrimSpace(d.Zone), "\n"); len(lines) != 2 || !strings.Contains(d.Zone, "192.0.2.53") {
			t.Errorf("the zone is not as small as can be:\n%s", d.Zone)
		}
		if !strings.Contains(d.Expected, "192.0.2.53") || !strings.Contains(d.Ours, "192.0.2.99") {
			t.Errorf("expected:\n%sours:\n%s", d.Expected, d.Ours)
		}
		return
	}
	t.Errorf("no %q in %d differences", want, r.Different)
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		s    settings
		want string
	}{
		{"a format that it does not know", settings{format: "xml"}, "known are text and json"},
		{"a directory without coredns", settings{format: "text", bin: t.TempDir()}, "make build"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(context.Background(), c.s, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestServerThatCannotStart: the error shows what the server said.
func TestServerThatCannotStart(t *testing.T) {
	s := need(t)
	tester, err := newTester(s, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	bad := subject{zone: tester.subjects(0, 1)[0].zone}
	bad.zone.Lines = append(bad.zone.Lines, "x 300 IN A 192.0.2.256")
	err = tester.play(t.Context(), []subject{bad}, func(*finding) {})
	if err == nil || !strings.Contains(err.Error(), "192.0.2.256") {
		t.Errorf("error %v, want one that shows the mistake", err)
	}
}
