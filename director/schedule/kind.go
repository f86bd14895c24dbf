package schedule

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a scheduler. The numbers are the datapath's.
type Kind uint8

// The schedulers, by the names that ipvsadm(8) gives them where it has them.
const (
	KindRR     Kind = iota // rr: each in turn
	KindWRR                // wrr: each in turn, the heavier ones more often
	KindLC                 // lc: the fewest connections
	KindWLC                // wlc: the fewest connections for its weight
	KindSH                 // sh: by the hash of the client's address
	KindMaglev             // maglev: by the hash of the client's address and port
	KindLoad               // load: wlc, with weights that follow the agents' load reports
	kinds                  // how many there are
)

var kindNames = [kinds]string{"rr", "wrr", "lc", "wlc", "sh", "maglev", "load"}

// Kinds lists the names of the schedulers.
func Kinds() []string { return slices.Clone(kindNames[:]) }

// ParseKind returns the scheduler of that name. The error lists the names.
func ParseKind(name string) (Kind, error) {
	for i, n := range kindNames {
		if n == name {
			return Kind(i), nil
		}
	}
	return 0, fmt.Errorf("unknown scheduler %q: it is one of %s", name, strings.Join(kindNames[:], ", "))
}

func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// MarshalText writes the scheduler's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a scheduler's name; the error lists the names.
func (k *Kind) UnmarshalText(b []byte) error {
	parsed, err := ParseKind(string(b))
	if err == nil {
		*k = parsed
	}
	return err
}

// Weighted tells whether a server's capacity counts. To rr and lc all are
// alike, though a server that is warming up or ailing still gets less.
func (k Kind) Weighted() bool { return k != KindRR && k != KindLC }

// Hashed tells whether the choice depends on the client.
func (k Kind) Hashed() bool { return k == KindSH || k == KindMaglev }

// Counting tells whether the choice depends on the connections that the
// servers have.
func (k Kind) Counting() bool { return k == KindLC || k == KindWLC || k == KindLoad }
