package skip

import (
	"fmt"
	"testing"
)

// recorder is a test of which only the end is of interest.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) { r.end("failed: "+format, args) }

func (r *recorder) Skipf(format string, args ...any) { r.end("skipped: "+format, args) }

func (r *recorder) end(format string, args []any) {
	if r.said == "" { // the first one ends a real test
		r.said = fmt.Sprintf(format, args...)
	}
}

func TestUnlessCI(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped: no 42", "false": "skipped: no 42", "true": "failed: no 42"} {
		t.Run("CI="+ci, func(t *testing.T) {
			t.Setenv("CI", ci)
			r := &recorder{}
			if UnlessCI(r, "no %d", 42); r.said != want {
				t.Errorf("It is %s, want %s", r.said, want)
			}
		})
	}
}
