package control

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stale leaves a socket in dir as a killed process does.
func stale(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	return path
}

// serveHTTP is another program's server on a socket in dir.
func serveHTTP(t *testing.T, dir string, h http.Handler) (path string) {
	t.Helper()
	path = filepath.Join(dir, "other.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return path
}

func pid(t *testing.T, path string) int {
	t.Helper()
	p, err := Dial(path).Process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p.PID
}

func TestListen(t *testing.T) {
	t.Run("modes, and nothing left beside it", func(t *testing.T) {
		dir := filepath.Join(socketDir(t), "ballast")
		path := filepath.Join(dir, socketName)
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		for file, want := range map[string]fs.FileMode{dir: fs.ModeDir | dirMode, path: fs.ModeSocket | socketMode} {
			if info, err := os.Lstat(file); err != nil || info.Mode() != want {
				t.Errorf("%s has mode %v, %v; want %v", file, info.Mode(), err, want)
			}
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("in the directory: %v", entries)
		}
		if l.Addr().String() != path {
			t.Errorf("address %s, want %s", l.Addr(), path)
		}
	})
	t.Run("replaces a stale socket", func(t *testing.T) {
		path := stale(t, socketDir(t))
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		run(t, l, &recorder{})
		if got := pid(t, path); got != os.Getpid() {
			t.Errorf("pid %d", got)
		}
	})
	t.Run("Close removes it", func(t *testing.T) {
		path := filepath.Join(socketDir(t), socketName)
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("still there: %v", err)
		}
	})
}

// During a reload the new instance listens before the old one stops: whoever
// connects always finds one of them.
func TestTakeoverWithinOneProcess(t *testing.T) {
	path := filepath.Join(socketDir(t), socketName)
	var stopOld func()
	for generation := range 3 {
		l, err := Listen(path)
		if err != nil {
			t.Fatalf("generation %d: %v", generation, err)
		}
		rec := &recorder{status: Status{PID: generation}}
		stop := run(t, l, rec)
		if stopOld != nil {
			stopOld()
		}
		stopOld = stop
		got, err := Dial(path).Status(t.Context())
		if err != nil || got.PID != generation {
			t.Fatalf("generation %d: answered by %d, %v", generation, got.PID, err)
		}
	}
	stopOld()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the last one left its socket: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		path func(t *testing.T, dir string) string
		want string
	}{
		{"the live socket of another process", func(t *testing.T, dir string) string {
			return serveHTTP(t, dir, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				json.NewEncoder(w).Encode(Process{PID: os.Getpid(), Instance: "another, also pid 1 of its container"})
			}))
		}, "is served by pid"},
		{"the live socket of another program", func(t *testing.T, dir string) string {
			return serveHTTP(t, dir, http.NotFoundHandler())
		}, "does not say who it is"},
		{"an ordinary file", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "file")
			if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}, "no socket is in the way"},
		{"a directory that anybody may write to", func(t *testing.T, dir string) string {
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, socketName)
		}, "anybody may write"},
		{"a directory that is a file", func(t *testing.T, dir string) string {
			path := filepath.Join(dir, "file")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(path, socketName)
		}, "no directory"},
		{"a parent that does not exist", func(t *testing.T, dir string) string {
			return filepath.Join(dir, "a", "b", socketName)
		}, "create directory"},
		{"a path too long for the kernel", func(t *testing.T, dir string) string {
			return filepath.Join(dir, strings.Repeat("x", maxPath))
		}, "too long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := tc.path(t, socketDir(t))
			before, _ := os.Lstat(path)
			l, err := Listen(path)
			if err == nil {
				l.Close()
			}
			wantError(t, err, tc.want)
			after, _ := os.Lstat(path)
			if (before == nil) != (after == nil) || before != nil && !os.SameFile(before, after) {
				t.Errorf("what was at %s was replaced", path)
			}
		})
	}
}

func TestDefaultPath(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  map[string]string
		uid  int
		want string
	}{
		{"told", map[string]string{"BALLAST_CONTROL": "/x.sock", "RUNTIME_DIRECTORY": "/run/y"}, 0, "/x.sock"},
		{"systemd", map[string]string{"RUNTIME_DIRECTORY": "/run/a:/run/b"}, 53, "/run/a/coredns.sock"},
		{"root", map[string]string{"XDG_RUNTIME_DIR": "/run/user/0"}, 0, "/run/ballast/coredns.sock"},
		{"user", map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}, 1000, "/run/user/1000/ballast/coredns.sock"},
		{"user without a session", nil, 1000, "/tmp/ballast-1000/coredns.sock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			getenv := func(name string) string { return tc.env[name] }
			if got := defaultPath(getenv, tc.uid, "/tmp"); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestFindPath(t *testing.T) {
	for _, tc := range []struct {
		name, told string
		exist      []string
		want       string
	}{
		{"the user's own", "", []string{"/tmp/ballast-1000/coredns.sock", systemPath()}, "/tmp/ballast-1000/coredns.sock"},
		{"the system's, if the user has none", "", []string{systemPath()}, systemPath()},
		{"told, though it does not exist", "/x.sock", []string{systemPath()}, "/x.sock"},
		{"the default, for the message", "", nil, "/tmp/ballast-1000/coredns.sock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			getenv := func(name string) string { return map[string]string{"BALLAST_CONTROL": tc.told}[name] }
			exists := func(path string) bool { return strings.Contains(strings.Join(tc.exist, "\n"), path) }
			if got := findPath(getenv, 1000, "/tmp", exists); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
