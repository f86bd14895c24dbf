package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal ends the context with SIGINT or SIGTERM. A second one ends the
// program at once: by then they have their usual effect again.
func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// hangups delivers SIGHUP until stop. Those that come while one waits to be
// received are the same request to reload.
func hangups() (reload <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}
