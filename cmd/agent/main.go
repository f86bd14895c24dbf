// Command ballast-agent runs on a real server and tells how it is.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker: -X main.version=v1.2.3.
var version = "dev"

// The exit codes: cobra's own complaints and configurations that cannot work
// are usage; the rest is trouble.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	defer context.AfterFunc(ctx, stop)()
	defer stop()
	cmd := newCommand(os.Getenv)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(os.Stderr, "ballast-agent:", err)
	if isUsage(err) {
		return exitUsage
	}
	return exitError
}
