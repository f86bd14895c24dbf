package zones

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// FuzzZone reads anything as a zone: it must end without panic, say where each
// mistake is, and read what it accepted again as the same.
func FuzzZone(f *testing.F) {
	for _, m := range mistakes {
		f.Add([]byte(head + m.text + "\n"))
	}
	for _, pattern := range []string{"*.zone", "testdata/*.zone"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if text, err := os.ReadFile(path); err == nil {
				f.Add(text)
			}
		}
	}
	none := func(string) (io.ReadCloser, error) { return nil, errors.New("no files here") }
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 8<<10 || slowGenerate.Match(text) {
			return
		}
		z, problems := Parse(strings.NewReader(string(text)), "example.org", "fuzz.zone", Settings{Open: none})
		for _, p := range problems {
			if p.Line < 1 || p.Line > strings.Count(string(text), "\n")+1 || p.Message == "" {
				t.Errorf("Problem without a place or words: %+v", p)
			}
		}
		if Failed(problems) != (z == nil) {
			t.Fatalf("Zone is %v with %v", z, problems)
		}
		if z == nil {
			return
		}
		for i := range z.LBs {
			z.Members(&z.LBs[i])
		}
		again, problems := Parse(strings.NewReader(write(z)), "example.org", "fuzz.zone", Settings{Open: none})
		if again == nil {
			t.Fatalf("Written again:\n%s\nit is refused: %v", write(z), Join(problems))
		}
		if !slices.Equal(wires(t, z), wires(t, again)) {
			t.Errorf("Written again it differs:\n%s\n---\n%s", write(z), write(again))
		}
	})
}

// slowGenerate is a $GENERATE of more than some records: bounded, but not
// quick enough for a fuzzer.
var slowGenerate = regexp.MustCompile(`(?is)\$GENERATE.*\d{3}`)

// write makes a zone file of a zone.
func write(z *Zone) string {
	var b strings.Builder
	for _, r := range z.Records {
		b.WriteString(r.RR.String() + "\n")
	}
	for _, r := range z.LBs {
		b.WriteString(r.RR().String() + "\n")
	}
	return b.String()
}

// wires are the zone's records in wire format.
func wires(t *testing.T, z *Zone) []string {
	t.Helper()
	var out []string
	for _, r := range z.Records {
		out = append(out, wire(t, r.RR))
	}
	for _, r := range z.LBs {
		out = append(out, wire(t, r.RR()))
	}
	return out
}

func wire(t *testing.T, rr dns.RR) string {
	t.Helper()
	buf := make([]byte, 80<<10)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		t.Fatalf("Cannot pack %v: %v", rr, err)
	}
	return string(buf[:n])
}

// FuzzLB reads anything as the data of an LB record, as text and as wire.
func FuzzLB(f *testing.F) {
	f.Add("consul web policy=headroom min-ttl=30 answers=2")
	f.Add("srv _api._tcp check=http:8081/healthz host=a every=2s timeout=10ms rise=2 fall=3 sticky=24/56 ramp=0")
	f.Add(`consul w\;b empty=a\.b up-thresh=33% tag=a,b tag=\032`)
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = new(LB).Unpack([]byte(text))
		lb := new(LB)
		if lb.Parse(split(text)) != nil {
			return
		}
		again := new(LB)
		if err := again.Parse(split(lb.String())); err != nil || !reflect.DeepEqual(lb, again) {
			t.Fatalf("Text %q reads as %+v, %v; want %+v", lb, again, err, lb)
		}
		buf := make([]byte, lb.Len())
		n, err := lb.Pack(buf)
		if err != nil || n != len(buf) {
			t.Fatalf("Pack %q: %d of %d octets, %v", lb, n, len(buf), err)
		}
		again = new(LB)
		if n, err = again.Unpack(buf); err != nil || n != len(buf) || !reflect.DeepEqual(lb, again) {
			t.Fatalf("Wire of %q reads as %+v, %d, %v", lb, again, n, err)
		}
	})
}
