// Package zonegen makes small zones, full of what is easy to get wrong, and
// questions about them. The same seed makes the same.
package zonegen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/zones"
)

// Zone is a zone whose names are all relative to its origin, but for those
// outside of it: the same records can stand at another origin.
type Zone struct {
	Shape string // of the origin: a format with the zone's number, or the origin itself
	Lines []string
	Signing
}

// Signing is how a zone is signed before it is served.
type Signing string

// The kinds of signing.
const (
	Unsigned Signing = ""
	NSEC     Signing = "nsec"   // RFC 4034
	NSEC3    Signing = "nsec3"  // RFC 5155
	OptOut   Signing = "optout" // NSEC3 without unsigned delegations
)

// signings are chosen from as often as they stand here.
var signings = []Signing{Unsigned, Unsigned, Unsigned, Unsigned, Unsigned, Unsigned, NSEC, NSEC, NSEC3, OptOut}

// Origin is the zone's origin, of the same length for each number below 100,000.
func (z *Zone) Origin(number int) string {
	if !strings.Contains(z.Shape, "%") {
		return z.Shape
	}
	return fmt.Sprintf(z.Shape, number)
}

// Text is the zone file.
func (z *Zone) Text() string { return strings.Join(z.Lines, "\n") + "\n" }

// long is a label of the greatest length.
var long = strings.Repeat("l", 63)

// shapes of origins, as often as they stand here.
var shapes = []string{
	"z%05d.example.org.", "z%05d.example.org.", "z%05d.example.org.",
	"z%05d.",
	"a.b.c.d.e.z%05d.example.org.",
	"z%05d." + long + "." + long + ".example.org.", // with little room left
}

// Make makes a zone and questions about it.
func Make(seed uint64, questions int) (Zone, []Question) {
	r := rand.New(rand.NewPCG(seed, 0))
	return makeZone(r, shapes[r.IntN(len(shapes))], questions)
}

// MakeRoot makes a zone that is the root.
func MakeRoot(seed uint64, questions int) (Zone, []Question) {
	return makeZone(rand.New(rand.NewPCG(seed, 1)), ".", questions)
}

func makeZone(r *rand.Rand, shape string, questions int) (Zone, []Question) {
	b := newBuilder(r, shape)
	if b.zone.Signing = signings[r.IntN(len(signings))]; b.zone.Signing != Unsigned {
		b.room -= 2 // dnssec-signzone puts an asterisk before names
	}
	b.build()
	b.zone.settle()
	return b.zone, b.questions(questions)
}

// Problems are what keeps our server from loading the zone, or dnssec-signzone
// from signing it: a DS without NS.
func (z *Zone) Problems() []zones.Problem {
	_, problems := zones.Parse(strings.NewReader(z.Text()), z.Origin(0), "", zones.Settings{})
	return slices.DeleteFunc(problems, func(p zones.Problem) bool {
		return p.Severity != zones.Error && (z.Signing == Unsigned || !strings.HasPrefix(p.Message, "DS at "))
	})
}

// settle removes what our zones may not have and others may: aliases that lead
// in a circle. Circles that DNAME makes of names remain. It returns what was
// wrong.
func (z *Zone) settle() (all []zones.Problem) {
	for problems := z.Problems(); len(problems) > 0; problems = z.Problems() {
		drop := map[int]bool{}
		for _, p := range problems {
			drop[p.Line-1] = true
		}
		kept := z.Lines[:0]
		for i, line := range z.Lines {
			if !drop[i] {
				kept = append(kept, line)
			}
		}
		z.Lines = kept
		all = append(all, problems...)
	}
	return all
}
