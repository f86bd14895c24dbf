package policy

import (
	"fmt"
	"strings"
)

var (
	emptyNames  = []string{"all", "last", "fallback", "none"}
	modeNames   = []string{"live", "quorum", "all-down", "last-known", "fallback", "nobody", "waiting"}
	familyNames = []string{"A", "AAAA", "SRV"}
)

func nameOf(names []string, i uint8, kind string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", kind, i)
}

func (e Empty) String() string { return nameOf(emptyNames, uint8(e), "empty") }

// MarshalText writes the way's name.
func (e Empty) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads a way's name; the error lists the names.
func (e *Empty) UnmarshalText(b []byte) error {
	for i, name := range emptyNames {
		if name == string(b) {
			*e = Empty(i)
			return nil
		}
	}
	return fmt.Errorf("unknown way to answer for an empty pool %q: it is one of %s", b, strings.Join(emptyNames, ", "))
}

func (m Mode) String() string { return nameOf(modeNames, uint8(m), "mode") }

// MarshalText writes the mode's name.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

func (f Family) String() string { return nameOf(familyNames, uint8(f), "family") }

// MarshalText writes the name of the family's record type.
func (f Family) MarshalText() ([]byte, error) { return []byte(f.String()), nil }
