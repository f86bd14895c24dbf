package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	now := time.Unix(1000, 0)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one\n")
	f, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		name   string
		change func()
		after  time.Duration
		token  string
		broken bool
	}{
		{"first", func() {}, 0, "one", false},
		{"changed", func() { write("second") }, recheck, "second", false},
		{"not looked at yet", func() { write("third3") }, recheck / 2, "second", false},
		{"looked at", func() {}, recheck, "third3", false},
		{"gone", func() { os.Remove(path) }, recheck, "third3", true},
		{"back", func() { write("third3") }, recheck, "third3", false},
		{"emptied", func() { write("") }, recheck, "third3", true},
	}
	for _, s := range steps {
		s.change()
		now = now.Add(s.after)
		if got := f.Get(now); got != s.token || (f.Trouble() != nil) != s.broken {
			t.Errorf("%s: token %q, trouble %v", s.name, got, f.Trouble())
		}
	}
}

func TestNoToken(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ name, path, err string }{
		{"no file", filepath.Join(dir, "none"), "token file"},
		{"empty", write("empty", "\n"), "is empty"},
		{"two tokens", write("two", "one\nhidden\n"), "alone"},
		{"too long", write("long", strings.Repeat("x", 1025)), "alone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.path)
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("error %v, want one with %q and nothing of the file", err, c.err)
			}
		})
	}
	t.Run("none configured", func(t *testing.T) {
		f, err := New("")
		if err != nil || f.Get(time.Now()) != "" || f.Trouble() != nil || f.Path() != "" {
			t.Errorf("%+v, %v", f, err)
		}
	})
}
