// Command ballast-director owns VIPs and sends each of their connections to a
// live real server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "dev"

// The exit codes.
const (
	exitOK    = 0
	exitError = 1 // trouble, or a configuration with mistakes
	exitUsage = 2
)

func main() {
	ctx, stop := untilSignal(context.Background())
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run does one command and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(longFlags(root, args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errShown) {
		fmt.Fprintln(stderr, "ballast-director:", err)
	}
	if errors.As(err, new(usageError)) {
		fmt.Fprintln(stderr, "See 'ballast-director --help', or --help behind any command.")
		return exitUsage
	}
	return exitError
}

// errShown ends a command with exitError, which has already said why.
var errShown = errors.New("a problem was found")

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
