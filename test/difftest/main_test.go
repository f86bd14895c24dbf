package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/internal/programs"
	"github.com/ballast-lb/ballast/internal/skip"
	"github.com/ballast-lb/ballast/test/difftest/zonegen"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

// bin is where TestMain builds coredns; empty with -short.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(programs.Suite{M: m, Dir: &bin, Names: []string{"coredns"}, Skip: testing.Short()})
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
		skip.UnlessCI(t, "%v", err)
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
	tester, err := newTester(need(t), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	wrong := *tester.kinds[1]
	wrong.name = "wrong"
	wrong.conf = func(dir string, port int, zones []placed) string {
		list := make([]placed, len(zones))
		for i, z := range zones {
			list[i] = placed{origin: z.origin, file: filepath.Join(dir, filepath.Base(z.file))}
			if err := os.WriteFile(list[i].file, []byte(strings.ReplaceAll(z.text, "A 192.0.2.1", "A 192.0.2.99")), 0o600); err != nil {
				t.Error(err)
			}
		}
		return tester.kinds[1].conf(dir, port, list)
	}
	tester.kinds = append([]*kind{&wrong}, tester.kinds[1:]...)
	zone := zonegen.Zone{Shape: "z%05d.example.org.", Lines: []string{
		"@ 60 IN SOA ns1 hostmaster 1 7200 900 1209600 60", "@ 60 IN NS ns1", "ns1 60 IN A 192.0.2.53",
		"www 60 IN A 192.0.2.1", "www 60 IN A 192.0.2.2", "www 60 IN TXT \"www\"", "a 60 IN CNAME www",
	}}
	var found *finding
	err = tester.play(t.Context(), []subject{{zone: zone, questions: []zonegen.Question{{Name: "WWW", Type: dns.TypeA, Size: 1232}}}},
		func(f *finding) { found = f })
	if err != nil {
		t.Fatal(err)
	}
	if found, err = tester.small(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	var d difference
	found.describe(&d)
	want := difference{
		Origin: "z00000.example.org.", Zone: zone.Lines[0] + "\n" + zone.Lines[3] + "\n",
		Expected: "; as nsd answers\nquestion www A\nrcode NOERROR aa\nanswer www 60 IN A 192.0.2.1\n",
		Ours:     "rcode NOERROR aa\nanswer www 60 IN A 192.0.2.99\n",
	}
	if d.Origin = want.Origin; d != want { // it may stand at any number
		t.Errorf("got %+v\nwant %+v", d, want)
	}
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
