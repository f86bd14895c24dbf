//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// measure runs the load under one policy, with a name server and resolvers that
// have seen nothing before.
func (st *stage) measure(policy string) (o outcome, err error) {
	running := len(st.programs)
	defer func() {
		for _, p := range slices.Backward(st.programs[running:]) {
			p.stop()
		}
		st.programs = st.programs[:running]
	}()
	if err := st.nameServer(policy); err != nil {
		return o, err
	}
	if err := st.unbounds(); err != nil {
		return o, err
	}
	d := newDiary()
	o = outcome{Policy: policy, Record: records(st.settings)[policy]}
	err = st.under(d, st.scaled(constantTTL), st.resolve, func() error {
		if err := st.wait(st.warm); err != nil {
			return err
		}
		d.reset()
		return st.record(&o, d)
	})
	o.complete(st.settings, d)
	return o, err
}

// nameServer starts CoreDNS with the record of a policy.
func (st *stage) nameServer(policy string) error {
	ns := st.lab.NS
	zoneFile, conf := filepath.Join(st.logs(), policy+".zone"), filepath.Join(st.logs(), "Corefile")
	socket := filepath.Join(st.lab.Dir(), "coredns.sock") // short, as sockets' names must be
	err := errors.Join(
		os.WriteFile(zoneFile, []byte(zone(st.settings, policy, ns.Addr)), 0o644),
		os.WriteFile(conf, []byte(corefile(ns.Addr, zoneFile, socket)), 0o644))
	if err != nil {
		return err
	}
	err = st.start(spec{name: "coredns", node: ns, path: st.program("coredns"), args: []string{"-conf", conf}})
	if err != nil {
		return err
	}
	return await(st.ctx, "coredns knows "+hostName, func(ctx context.Context) error {
		_, err := ask(ctx, st.lab.Client, netip.AddrPortFrom(ns.Addr, dnsPort))
		return err
	})
}

// unbounds starts the resolvers.
func (st *stage) unbounds() error {
	for i := range st.resolvers {
		name := fmt.Sprintf("unbound-%d-%s", i+1, kindOf(i).name)
		conf := filepath.Join(st.logs(), name+".conf")
		text := unboundConf(st.settings, i, st.resolver(i), st.lab.NS.Addr)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			return err
		}
		if err := st.start(spec{name: name, node: st.lab.Client, path: st.unbound, args: []string{"-d", "-c", conf}}); err != nil {
			return err
		}
	}
	for i := range st.resolvers {
		// Not for the service: it would have the answer before the load begins.
		err := await(st.ctx, fmt.Sprintf("resolver %s knows %s", st.resolver(i), zoneName), func(ctx context.Context) error {
			_, err := exchange(ctx, st.lab.Client, netip.AddrPortFrom(st.resolver(i), dnsPort), dns.TypeSOA, zoneName)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wait waits, unless something ends that has to run.
func (st *stage) wait(length time.Duration) error {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-st.ctx.Done():
		return context.Cause(st.ctx)
	case <-timer.C:
		return nil
	}
}

// record takes samples for as long as is to be measured.
func (st *stage) record(o *outcome, d *diary) error {
	cpu := ownCPU()
	last, err := st.count()
	if err != nil {
		return err
	}
	begun, said := last.at, last.at
	for n := 1; last.at.Sub(begun) < st.duration; n++ {
		// By the clock, not from one to the next: lateness does not add up.
		if err := st.wait(time.Until(begun.Add(st.window(n)))); err != nil {
			return err
		}
		now, err := st.count()
		if err != nil {
			return err
		}
		s := now.since(last)
		s.Pages, s.Failed = d.take()
		o.Samples = append(o.Samples, s)
		if last = now; now.at.Sub(said) >= st.every {
			st.progress(o, now.at.Sub(begun))
			said = now.at
		}
	}
	o.GeneratorCPU = (ownCPU() - cpu).Seconds() / last.at.Sub(begun).Seconds()
	return nil
}

// progress tells of the last moments.
func (st *stage) progress(o *outcome, at time.Duration) {
	recent := sum(o.Samples[max(0, len(o.Samples)-int(st.every/st.window(1))):])
	use := recent.utilisation(st.quotas())
	fmt.Fprintf(st.said, "%-9s %4.0f s of %.0f: utilisation %.2f, of the busiest %.2f; %.0f pages/s, 99 %% within %.0f ms; %.2f queries/s; %d failed\n",
		o.Policy, at.Seconds(), st.duration.Seconds(), mean(use), slices.Max(use),
		float64(len(recent.Pages))/recent.Seconds, recent.p99(), recent.Queries/recent.Seconds, recent.Failed)
}

// counters are read at one moment.
type counters struct {
	at      time.Time
	cpu     []time.Duration
	queries float64
}

func (st *stage) count() (c counters, err error) {
	if c.queries, err = st.queries(); err != nil {
		return c, err
	}
	c.at = time.Now()
	c.cpu, err = st.meter.used()
	return c, err
}

// since is what happened between two readings.
func (c counters) since(before counters) sample {
	s := sample{Seconds: c.at.Sub(before.at).Seconds(), Queries: c.queries - before.queries}
	for i, used := range c.cpu {
		s.CPU = append(s.CPU, (used - before.cpu[i]).Seconds())
	}
	return s
}

// ownCPU is what this process, which is all clients, has used.
func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // it can be asked of oneself in every kernel
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
