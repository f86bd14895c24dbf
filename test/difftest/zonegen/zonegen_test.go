package zonegen

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestZonesAreValid: our parser takes what the generator makes, except for
// circles, so that a difference is never one of the zone.
func TestZonesAreValid(t *testing.T) {
	lines, dropped := 0, 0
	for seed := range uint64(500) {
		b := newBuilder(rand.New(rand.NewPCG(seed, 0)), shapes[int(seed)%len(shapes)])
		b.build()
		lines += len(b.zone.Lines)
		for _, p := range b.zone.settle() {
			dropped++
			if !strings.Contains(p.Message, "in a circle") && !strings.Contains(p.Message, "covers itself") {
				t.Errorf("seed %d: %v", seed, p)
			}
		}
		for _, q := range b.questions(20) {
			if _, ok := dns.IsDomainName(q.Name); !ok && q.Name != "@" {
				t.Errorf("seed %d: question for %q, which is no name", seed, q.Name)
			}
		}
	}
	if dropped*100 > lines {
		t.Errorf("%d of %d records lead in circles", dropped, lines)
	}
}

// TestSameSeedSameZone: a difference is found again by its seed.
func TestSameSeedSameZone(t *testing.T) {
	z1, q1 := Make(7, 100)
	z2, q2 := Make(7, 100)
	if z1.Text() != z2.Text() {
		t.Errorf("two zones of one seed:\n%s\n%s", z1.Text(), z2.Text())
	}
	for i := range q1 {
		if q1[i] != q2[i] {
			t.Errorf("question %d is %v and %v", i, q1[i], q2[i])
		}
	}
}
