//go:build unix

package probe

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script writes an executable shell script.
func script(t *testing.T, dir, name, body string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

var execTarget = Target{Addr: netip.MustParseAddrPort("192.0.2.11:8080"), ID: "api1.example.org.:8080"}

func TestExec(t *testing.T) {
	tests := []struct {
		name, script string
		want         Result
		err          string
	}{
		{"0 passes", "exit 0", Result{}, ""},
		{"its first line is the detail", "echo OK - 3 users; echo more", Result{Detail: "OK - 3 users"}, ""},
		{"1 warns", "echo WARNING - 97 users; exit 1", Result{Warning: true, Detail: "WARNING - 97 users"}, ""},
		{"2 is critical", "echo CRITICAL - no users; exit 2", Result{}, "CRITICAL - no users"},
		{"3 is critical too", "exit 3", Result{}, "exit status 3"},
		{"stderr counts as output", "echo cannot >&2; exit 2", Result{}, "cannot"},
		{"a signal", "kill -9 $$", Result{}, "signal: killed"},
		{"arguments", `echo "$# $1 $2"`, Result{Detail: "2 192.0.2.11 8080"}, ""},
		{"environment", `echo "$BALLAST_ADDR $BALLAST_PORT $BALLAST_SERVER"`, Result{Detail: "192.0.2.11 8080 api1.example.org.:8080"}, ""},
		{"nothing else of ours is in the environment", `echo "[$PROBE_TEST_SECRET]"`, Result{Detail: "[]"}, ""},
		{"more output than anybody wants", "yes | head -c 1000000; exit 0", Result{Detail: "y"}, ""},
		{"a long line is cut", "head -c 100000 /dev/zero | tr '\\0' a", Result{Detail: strings.Repeat("a", maxText)}, ""},
		{"control characters are dropped", `printf '\033[31mred\007\n'`, Result{Detail: "[31mred"}, ""},
	}
	t.Setenv("PROBE_TEST_SECRET", "token")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			script(t, dir, "check", tt.script)
			r, err := probe(t, Spec{Kind: "exec", Exec: "check", ExecDir: dir}, execTarget, ample)
			if tt.err != "" {
				tt.err = "exec check ADDR: " + tt.err
			}
			wantErr(t, err, execTarget, tt.err)
			if r != tt.want {
				t.Errorf("%+v, want %+v", r, tt.want)
			}
		})
	}
}

// TestExecTimeout wants the program and all that it started to be gone.
func TestExecTimeout(t *testing.T) {
	dir := t.TempDir()
	script(t, dir, "check", `sleep 60 & echo $! > "$0.child"; echo $$ > "$0.pid"; wait`)
	// The programs say when they are there; only then is time up.
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := must(t, Spec{Kind: "exec", Exec: "check", ExecDir: dir})(ctx, execTarget)
		failed <- err
	}()
	pids := []int{readPID(t, filepath.Join(dir, "check.pid")), readPID(t, filepath.Join(dir, "check.child"))}
	cancel()
	if err := <-failed; err == nil || errors.Is(err, ErrUnable) {
		t.Errorf("%v, want a failure", err)
	}
	for _, pid := range pids {
		waitGone(t, pid)
	}
}

func TestExecTimeoutReason(t *testing.T) {
	dir := t.TempDir()
	script(t, dir, "check", "echo CRITICAL - so far; sleep 60")
	_, err := probe(t, Spec{Kind: "exec", Exec: "check", ExecDir: dir}, execTarget, 100*time.Millisecond)
	wantErr(t, err, execTarget, "exec check ADDR: timeout after 100ms")
}

// TestExecStraggler runs a program that leaves a child behind which holds its
// output open.
func TestExecStraggler(t *testing.T) {
	dir := t.TempDir()
	script(t, dir, "check", `sleep 60 & echo $! > "$0.child"; echo OK`)
	began := time.Now()
	r, err := probe(t, Spec{Kind: "exec", Exec: "check", ExecDir: dir}, execTarget, ample)
	if err != nil || r.Detail != "OK" {
		t.Errorf("%+v, %v", r, err)
	}
	if took := time.Since(began); took > ample/2 {
		t.Errorf("took %v", took)
	}
	waitGone(t, readPID(t, filepath.Join(dir, "check.child")))
}

func readPID(t *testing.T, file string) int {
	t.Helper()
	for deadline := time.Now().Add(ample); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(file)
		if pid, bad := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && bad == nil {
			return pid
		}
	}
	t.Fatalf("%s was never written", file)
	return 0
}

// waitGone waits until a process has ended; one that nobody reaped counts too.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(ample); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		_, state, _ := strings.Cut(string(stat), ") ")
		if syscall.Kill(pid, 0) == syscall.ESRCH || strings.HasPrefix(state, "Z") {
			return
		}
	}
	t.Errorf("process %d still runs", pid)
}

func TestExecPrograms(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	script(t, outside, "evil", "exit 0")
	script(t, dir, "good", "exit 0")
	script(t, dir, "shared", "exit 0")
	if err := os.Chmod(filepath.Join(dir, "shared"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "readme"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"alias": "good", "escape": filepath.Join(outside, "evil"), "dangling": "gone"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ name, program, want string }{
		{"a program", "good", ""},
		{"a link within the directory", "alias", ""},
		{"a link that leads out", "escape", "program escape is a link that leads out of DIR"},
		{"a link to nowhere", "dangling", "program: lstat DIR/gone: no such file or directory"},
		{"nothing", "missing", "program: lstat DIR/missing: no such file or directory"},
		{"a path", "sub/good", `program "sub/good" must be a file name without a directory`},
		{"an absolute path", "/bin/sh", `program "/bin/sh" must be a file name without a directory`},
		{"the parent", "..", `program ".." must be a file name without a directory`},
		{"the directory", ".", `program "." must be a file name without a directory`},
		{"no name", "", `program "" must be a file name without a directory`},
		{"a directory", "sub", "program: DIR/sub is not an executable file"},
		{"not executable", "readme", "program: DIR/readme is not an executable file"},
		{"writable by everybody", "shared", "program: DIR/shared can be written by everybody; chmod o-w it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Spec{Kind: "exec", Exec: tt.program, ExecDir: dir})
			want := ""
			if tt.want != "" {
				want = "check exec: " + strings.ReplaceAll(tt.want, "DIR", dir)
			}
			wantErr(t, err, Target{}, want)
		})
	}
}

// TestExecVanishes takes the program away under a check that was fine.
func TestExecVanishes(t *testing.T) {
	dir := t.TempDir()
	script(t, dir, "check", "exit 0")
	check := must(t, Spec{Kind: "exec", Exec: "check", ExecDir: dir})
	if err := os.Remove(filepath.Join(dir, "check")); err != nil {
		t.Fatal(err)
	}
	if _, err := check(t.Context(), execTarget); !errors.Is(err, ErrUnable) {
		t.Errorf("%v, want ErrUnable: a missing program tells nothing about the server", err)
	}
}
