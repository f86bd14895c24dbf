// Command demo starts the name server with three small web servers of unequal
// size, asks it for addresses as a client would, and shows what comes of it.
// make run and make run-consul start it.
//
// Everything shown is real: the servers listen on loopback, the name server
// probes them (or hears of them from Consul), and the shares are counted from
// its answers. Only the load is simulated, from the share of the answers that
// a server really got.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	bin := flag.String("bin", "bin", "`folder` of coredns, ballast-agent and ballastctl")
	consul := flag.String("consul", "", "the Consul `program`; with it, agents register the servers there")
	logs := flag.String("run", ".run", "`folder` of logs, and of Consul's data")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: what is %q? see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := run(exampleSettings(*bin, *logs, *consul)); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run shows the demo until a signal, a key or trouble ends it.
func run(s settings) error {
	// SIGHUP too: a terminal that is closed must leave nothing behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	d := &demo{settings: s, display: newDisplay(os.Stdin, os.Stdout, os.Getenv), quit: quit}
	return d.Run(ctx)
}
