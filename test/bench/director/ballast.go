//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ballast-lb/ballast/internal/control"
)

// ballastConf has room for what two minutes of connections leave.
const ballastConf = `interfaces  = ["d0", "br0"]
control     = "%s"
state       = "%s"
connections = 524288

vip "web" {
  address   = "%s"
  ports     = [%s]
  protocol  = "tcp"
  scheduler = "wlc"
  mode      = "nat"
  servers   = [%s]
  check "tcp" { interval = "1s" }
}
`

// openBallast starts the director.
func (b *bench) openBallast(ctx context.Context, w *way, ports []int) error {
	program, err := filepath.Abs(filepath.Join(b.bin, "ballast-director"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("%w: run make build, or name its directory with -bin", err)
	}
	socket := filepath.Join(w.lab.Dir(), "director.sock")
	conf := fmt.Sprintf(ballastConf, socket, filepath.Join(w.lab.BPF(), "ballast"), w.target,
		joined(ports, "%d", ", "), joined(addresses(w.lab), "%q", ", "))
	file := filepath.Join(w.lab.Dir(), "director.hcl")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	w.drain = func(ctx context.Context, server int) error {
		done, err := control.DialDirector(socket).Drain(ctx, control.DrainOrder{Server: w.lab.Servers[server].Addr.String()})
		if err == nil && done.Matches != 1 {
			err = errors.New("it drains no server, or several")
		}
		return err
	}
	return w.start(w.lab.Director.CommandContext(ctx, program, "-config", file))
}
