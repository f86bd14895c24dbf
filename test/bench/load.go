package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"
)

// How a load generator asks: from a few sockets, with a bounded number of
// queries under way, so that neither side drops packets.
const (
	sockets    = 4
	underWay   = 64
	roundLimit = 60 * time.Second
)

// tally is what came of the queries of one round.
type tally struct {
	answered int
	elapsed  time.Duration
}

// loader asks a server for a number of times.
type loader interface {
	load(ctx context.Context, addr string, queries int) (tally, error)
	String() string
}

// newLoader takes dnsperf if it is installed.
func newLoader(dir string, builtin bool) loader {
	path, err := exec.LookPath("dnsperf")
	if err != nil || builtin {
		return &generator{}
	}
	return &dnsperf{path: path, dir: dir}
}

// check refuses a round that measured something else than answers.
func (t tally) check(queries int) error {
	if t.answered < queries*99/100 {
		return fmt.Errorf("only %d of %d queries were answered", t.answered, queries)
	}
	return nil
}
