package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// lingering is how long a program's children may hold its output open after it
// ended or was killed.
const lingering = 100 * time.Millisecond

// newExec runs a program for each check, with the address and port as its
// arguments. Its exit status decides as with Nagios plugins and Consul's
// script checks: 0 passing, 1 warning, anything else critical. The first line
// that it prints says why.
func newExec(spec Spec) (ask, error) {
	if _, err := program(spec.ExecDir, spec.Exec); err != nil {
		return ask{}, err
	}
	check := func(ctx context.Context, t Target) (Result, error) {
		path, err := program(spec.ExecDir, spec.Exec)
		if err != nil {
			return Result{}, fmt.Errorf("%w: %w", ErrUnable, err)
		}
		return run(ctx, path, t)
	}
	return ask{check, func(t Target) string { return spec.Exec + " " + t.Addr.String() }}, nil
}

// program finds a program in the directory for them. Zone files name programs,
// and whoever may write a zone must not choose what runs: only a file that
// lies in that very directory will do, and only one that not everybody can
// write to.
func program(dir, name string) (string, error) {
	if dir == "" {
		return "", errors.New("no directory of programs is configured")
	}
	if name == "" || name != filepath.Base(name) || !filepath.IsLocal(name) || name == "." {
		return "", fmt.Errorf("program %q must be a file name without a directory", name)
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", fmt.Errorf("directory of programs: %w", err)
	}
	path, err := filepath.EvalSymlinks(filepath.Join(dir, name))
	if err != nil {
		return "", fmt.Errorf("program: %w", err)
	}
	if filepath.Dir(path) != dir {
		return "", fmt.Errorf("program %s is a link that leads out of %s", name, dir)
	}
	if err := trusted(path); err != nil {
		return "", fmt.Errorf("program: %w", err)
	}
	return filepath.Abs(path)
}

// trusted tells whether a file may be run.
func trusted(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular(), info.Mode()&0o111 == 0:
		return fmt.Errorf("%s is not an executable file", path)
	case info.Mode()&0o002 != 0:
		return fmt.Errorf("%s can be written by everybody; chmod o-w it", path)
	}
	return nil
}

func run(ctx context.Context, path string, t Target) (Result, error) {
	addr, port := t.Addr.Addr().String(), strconv.Itoa(int(t.Addr.Port()))
	var out firstLine
	cmd := exec.CommandContext(ctx, path, addr, port)
	cmd.Dir = filepath.Dir(path)
	// Nothing of our own environment: it may hold secrets.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"BALLAST_ADDR=" + addr, "BALLAST_PORT=" + port, "BALLAST_SERVER=" + t.ID,
	}
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = lingering
	killGroup(cmd)
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		_ = cmd.Cancel() // the program is gone, its children are not
		err = nil
	}
	return exitResult(cmd.ProcessState, bounded(string(out.line)), err)
}

// exitResult reads an exit status.
func exitResult(state *os.ProcessState, line string, err error) (Result, error) {
	if state == nil {
		return Result{}, fmt.Errorf("%w: %w", ErrUnable, err)
	}
	switch code := state.ExitCode(); {
	case code == 0:
		return Result{Detail: line}, nil
	case code == 1:
		return Result{Detail: line, Warning: true}, nil
	case line != "":
		return Result{}, errors.New(line)
	case code > 0:
		return Result{}, fmt.Errorf("exit status %d", code)
	}
	return Result{}, errors.New(state.String())
}

// firstLine keeps the first line that is written to it and drops the rest.
type firstLine struct {
	line []byte
	full bool
}

func (f *firstLine) Write(b []byte) (int, error) {
	if f.full {
		return len(b), nil
	}
	line, _, more := bytes.Cut(b, []byte{'\n'})
	room := maxText - len(f.line)
	f.line = append(f.line, line[:min(len(line), room)]...)
	f.full = (more && len(bytes.TrimSpace(f.line)) > 0) || len(f.line) == maxText
	return len(b), nil
}
