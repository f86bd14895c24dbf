//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// hit is what one costs a server: the CPU that is asked for, and what HTTP
// takes beside.
type hit struct {
	CPU      time.Duration `json:"cpu_ns"`
	Overhead time.Duration `json:"overhead_ns"`
}

// How long clients run to see what their hits cost: first until most have come,
// and then while it is measured, in the papers' time.
const (
	settling    = 2 * think
	calibration = 3 * think
)

// calibrate finds what HTTP costs the servers, so that the load is as wanted on
// any machine. It takes the real load for that, with a right share for each
// server: HTTP costs more on a busy machine than on an idle one.
func (st *stage) calibrate() error {
	st.hit.CPU = st.hitCPU() / 2
	var used time.Duration
	d := newDiary()
	err := st.under(d, 0, st.fairly, func() (err error) {
		if err := st.wait(st.scaled(settling)); err != nil {
			return err
		}
		d.reset()
		if used, err = st.uses(st.scaled(calibration)); err == nil {
			err = d.err()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	hits, asked := d.work()
	return st.setHit((used - asked) / time.Duration(max(1, hits)))
}

// uses is the CPU time that all servers take from now on.
func (st *stage) uses(length time.Duration) (time.Duration, error) {
	before, err := st.meter.total()
	if err != nil {
		return 0, err
	}
	if err := st.wait(length); err != nil {
		return 0, err
	}
	after, err := st.meter.total()
	return after - before, err
}

// setHit makes hits as large as is left beside what HTTP costs.
func (st *stage) setHit(overhead time.Duration) error {
	st.hit = hit{CPU: st.hitCPU() - overhead, Overhead: overhead}
	if st.hit.CPU < overhead/4 {
		return fmt.Errorf("a hit may take %v of CPU, and HTTP alone takes %v: give more -cores, or fewer -clients, or a smaller -factor",
			st.hitCPU(), overhead)
	}
	return nil
}

// fairly finds a server as nobody's policy, at random by the quotas.
func (st *stage) fairly(_ context.Context, _ netip.AddrPort, choose *rand.Rand) (netip.Addr, error) {
	at := choose.Float64() * st.cores
	for i, n := range st.lab.Servers {
		if at -= st.quota(i); at < 0 {
			return n.Addr, nil
		}
	}
	return st.lab.Servers[0].Addr, nil // the sum of the quotas was rounded down
}
