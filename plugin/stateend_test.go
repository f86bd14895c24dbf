package ballast

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

// drained has an operator drain a server, and waits until that is on disk.
func drained(t *testing.T, dir, server string) {
	t.Helper()
	if _, err := controlIn(dir).SetOverride(t.Context(), control.Override{Server: server, Drain: true}); err != nil {
		t.Fatal(err)
	}
	until(t, "the drain is on disk", 5*time.Second, func() bool { return strings.Contains(inState(dir, overridesName), server) })
}

func inState(dir, file string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "state", file))
	return string(text)
}

// Whatever became of the files while the process ran, and though nothing has
// changed since they were written: at its end it leaves whole ones.
func TestEverythingIsWrittenAtTheEnd(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage func(path string) error
	}{
		{"removed", os.Remove},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }},
		{"overwritten", func(path string) error { return os.WriteFile(path, []byte("not ours"), 0o600) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := stateful(t, webPool)
			s := serve(t, dir, keepsState)
			drained(t, dir, "web1.example.org")
			kept(t, dir)
			for _, file := range []string{poolsName, overridesName} {
				if err := tc.damage(filepath.Join(dir, "state", file)); err != nil {
					t.Fatal(err)
				}
			}
			s.stop()
			if text := inState(dir, poolsName); !strings.Contains(text, "web3.example.org") || !strings.Contains(text, `{"end":1,`) {
				t.Errorf("The pools that it left are\n%s", text)
			}
			if text := inState(dir, overridesName); !strings.Contains(text, "web1.example.org") || !strings.Contains(text, `{"end":1,`) {
				t.Errorf("The drains that it left are\n%s", text)
			}
		})
	}
}

// An operator's word that could not be written is, if there is room at the end,
// however soon after that is.
func TestWrittenAtTheEndWhatCouldNotBeBefore(t *testing.T) {
	dir := stateful(t, webPool)
	s := serve(t, dir, keepsState)
	drained(t, dir, "web1.example.org")
	inTheWay := filepath.Join(dir, "state", overridesName+".new", "file")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := controlIn(dir).SetOverride(t.Context(), control.Override{Server: "web2.example.org", Drain: true}); err != nil {
		t.Fatal(err)
	}
	until(t, "it cannot be written", 5*time.Second, func() bool { return statusOf(t, dir).State.Err != "" })
	os.RemoveAll(filepath.Dir(inTheWay))
	s.stop()
	if text := inState(dir, overridesName); !strings.Contains(text, "web2.example.org") {
		t.Errorf("The drains that it left are\n%s", text)
	}
}
