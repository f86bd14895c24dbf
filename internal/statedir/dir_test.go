package statedir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// text writes a text.
func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func contents(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReplace(t *testing.T) {
	path := t.TempDir()
	d := New(path)
	defer d.Close()
	for _, s := range []string{"one", "the second", "3"} {
		if n, err := d.Replace("file", text(s)); err != nil || n != int64(len(s)) {
			t.Fatalf("%d bytes written: %v", n, err)
		}
		if got := contents(t, path, "file"); got != s {
			t.Errorf("The file holds %q, want %q", got, s)
		}
	}
	if info, err := os.Stat(filepath.Join(path, "file")); err != nil || info.Mode() != 0o600 {
		t.Errorf("Its mode is %v (%v), want it for the owner alone", info.Mode(), err)
	}
}

func TestFailedReplaceChangesNothing(t *testing.T) {
	path := t.TempDir()
	d := New(path)
	defer d.Close()
	d.Replace("file", text("old"))
	broken := errors.New("broken")
	_, err := d.Replace("file", func(w io.Writer) error {
		io.WriteString(w, strings.Repeat("new", 100_000))
		return broken
	})
	if !errors.Is(err, broken) || contents(t, path, "file") != "old" {
		t.Errorf("After %v the file holds %q", err, contents(t, path, "file"))
	}
	if left, _ := filepath.Glob(filepath.Join(path, "*.new")); len(left) > 0 {
		t.Errorf("Left over: %v", left)
	}
}

func TestLeftoversOfACrashAreNoObstacle(t *testing.T) {
	path := t.TempDir()
	elsewhere := filepath.Join(t.TempDir(), "precious")
	os.WriteFile(elsewhere, []byte("precious"), 0o600)
	if err := os.Symlink(elsewhere, filepath.Join(path, "file.new")); err != nil {
		t.Fatal(err)
	}
	d := New(path)
	defer d.Close()
	if _, err := d.Replace("file", text("new")); err != nil || contents(t, path, "file") != "new" {
		t.Errorf("Not written: %v", err)
	}
	if b, _ := os.ReadFile(elsewhere); string(b) != "precious" {
		t.Errorf("What a link led to became %q", b)
	}
}

func TestSetAside(t *testing.T) {
	path := t.TempDir()
	d := New(path)
	defer d.Close()
	d.Replace("file", text("odd"))
	bad, err := d.SetAside("file")
	if err != nil || bad != filepath.Join(path, "file.bad") || contents(t, path, "file.bad") != "odd" {
		t.Errorf("Set aside as %s: %v", bad, err)
	}
	if _, err := d.Open("file"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("It is still there: %v", err)
	}
}

func TestOneWriter(t *testing.T) {
	path := t.TempDir()
	first, second := New(path), New(path)
	defer second.Close()
	if anew, err := first.Hold(); !anew || err != nil {
		t.Fatalf("The first one: %v %v", anew, err)
	}
	if anew, err := first.Hold(); anew || err != nil {
		t.Errorf("Held already, it is so anew: %v %v", anew, err)
	}
	for range 2 {
		_, err := second.Replace("file", text("second"))
		if want := fmt.Sprintf("process %d", os.Getpid()); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), want) {
			t.Errorf("The second one's error is %v, want that %s is the writer", err, want)
		}
	}
	if _, err := first.Replace("file", text("first")); err != nil {
		t.Error(err)
	}
	first.Close()
	if anew, err := second.Hold(); !anew || err != nil {
		t.Errorf("After the first one's end: %v %v", anew, err)
	}
}

func TestDirectoryGoesAndComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	os.Mkdir(path, 0o700)
	d := New(path)
	defer d.Close()
	d.Replace("file", text("one"))
	os.RemoveAll(path)
	if _, err := d.Replace("file", text("two")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Without its directory the error is %v", err)
	}
	os.Mkdir(path, 0o700)
	if anew, err := d.Hold(); !anew || err != nil {
		t.Errorf("Back, it is not held anew: %v %v", anew, err)
	}
	if _, err := d.Replace("file", text("three")); err != nil || contents(t, path, "file") != "three" {
		t.Errorf("Back, it is not written: %v", err)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o600)
	open := filepath.Join(dir, "open")
	os.Mkdir(open, 0o700)
	os.Chmod(open, 0o777)
	mine := filepath.Join(dir, "mine")
	os.Mkdir(mine, 0o700)
	for _, tc := range []struct{ name, path, err string }{
		{"a directory of one's own", mine, ""},
		{"nothing there", filepath.Join(dir, "none"), "does not exist: create it for user"},
		{"a file", file, "is not a directory"},
		{"open to everybody", open, "chmod o-w " + open},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := Check(tc.path)
			if (tc.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("Error is %v, want %q", err, tc.err)
			}
		})
	}
	if left, _ := os.ReadDir(mine); len(left) > 0 {
		t.Errorf("Left over: %v", left)
	}
}
