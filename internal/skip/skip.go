// Package skip is for tests that not every machine can run.
package skip

import (
	"os"
	"testing"
)

// UnlessCI skips a test for a reason that lies in the machine. With CI=true it fails
// it: skips are for machines that lack something, and CI must not.
func UnlessCI(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
