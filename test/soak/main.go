// Command soak runs the name server for a long time, with everything that may
// happen to it, and judges every answer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	res, err := soak(ctx, o, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 2
	}
	if err := res.write(os.Stdout, o.output); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 2
	}
	if res.AllWrong > 0 {
		return 1
	}
	return 0
}
