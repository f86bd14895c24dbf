// Command ballastctl asks a running name server or director what it serves and
// why, takes servers out and in, and checks configuration before it is used.
// Nouns read, verbs change.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/ballast-lb/ballast/internal/control"
	ballast "github.com/ballast-lb/ballast/plugin"
	"github.com/ballast-lb/ballast/zones"
)

// The exit codes.
const (
	exitOK          = 0
	exitProblem     = 1 // a problem was found, or the request was refused
	exitUsage       = 2
	exitUnreachable = 3 // nobody serves the control socket
)

// env is everything outside that a command touches, so that tests can run
// commands in their own process.
type env struct {
	stdout, stderr io.Writer
	colour         bool       // stdout shows colours
	terminal       bool       // stdout is a terminal
	height         func() int // its lines
	version        string
	user           string // who gives orders
	socket         string // where it is if --socket does not say
	now            func() time.Time
	// tick returns a channel that delivers every d, until stop.
	tick func(d time.Duration) (c <-chan time.Time, stop func())
	dial func(path string) control.Service

	directorSocket string
	dialDirector   func(path string) control.Director

	checkCorefile func(path string) ([]zones.Problem, error)
	checkZone     func(path, origin string) ([]zones.Problem, error)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, realEnv(), os.Args[1:]))
}

func realEnv() env {
	terminal := term.IsTerminal(int(os.Stdout.Fd()))
	return env{
		stdout: os.Stdout, stderr: os.Stderr,
		terminal: terminal,
		colour:   terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", // no-color.org
		height: func() int {
			_, lines, err := term.GetSize(int(os.Stdout.Fd()))
			if err != nil {
				return 24
			}
			return lines
		},
		version: versionText(),
		user:    userName(),
		socket:  control.FindPath(),
		now:     time.Now,
		tick: func(d time.Duration) (<-chan time.Time, func()) {
			t := time.NewTicker(d)
			return t.C, t.Stop
		},
		dial: func(path string) control.Service { return control.Dial(path) },

		directorSocket: control.FindDirectorPath(),
		dialDirector:   func(path string) control.Director { return control.DialDirector(path) },

		checkCorefile: ballast.Check,
		checkZone:     checkZone,
	}
}

// run does one command and returns the exit code.
func run(ctx context.Context, e env, args []string) int {
	root := newRoot(&e)
	root.SetArgs(append([]string{}, args...)) // nil would mean os.Args
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if !errors.Is(err, errShown) {
		fmt.Fprintf(e.stderr, "ballastctl: %v\n", err)
	}
	var usage usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(e.stderr, "See 'ballastctl --help', or --help behind any command.\n")
		return exitUsage
	case errors.Is(err, control.ErrUnreachable):
		return exitUnreachable
	}
	return exitProblem
}

// errShown ends a command with exitProblem, which has already said why.
var errShown = errors.New("a problem was found")

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func userName() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// version is set by the linker: -X main.version=v1.2.3.
var version string

func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
