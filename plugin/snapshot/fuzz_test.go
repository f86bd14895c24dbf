package snapshot

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// FuzzPools decodes anything, and a file with a proper end around anything:
// what is taken must come back the same once written.
func FuzzPools(f *testing.F) {
	f.Add(encoded(f, some()))
	f.Add([]byte(file(top)))
	for line := range strings.Lines(string(encoded(f, some()))) {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
		for _, in := range []string{string(b), file(append([]string{top}, lines...)...)} {
			_, sources, err := DecodePools(strings.NewReader(in), noon)
			if err != nil {
				continue
			}
			_, again, err := DecodePools(bytes.NewReader(encoded(t, sources)), noon)
			if err != nil || !reflect.DeepEqual(sources, again) {
				t.Fatalf("It is decoded as\n%+v and then as\n%+v (%v)", sources, again, err)
			}
		}
	})
}
