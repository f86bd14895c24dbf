//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/agent"
	"github.com/ballast-lb/ballast/test/lab"
)

// stage is what stays while policies change: servers, their agents, Consul.
type stage struct {
	settings
	lab   *lab.Lab
	meter *meter
	hit   hit
	said  io.Writer

	ctx      context.Context // ends when something that has to run does not
	fail     context.CancelCauseFunc
	running  sync.WaitGroup
	programs []*program
}

// setUp starts everything but what policies need. On an error nothing runs.
func setUp(parent context.Context, s settings, l *lab.Lab, out io.Writer) (*stage, error) {
	ctx, fail := context.WithCancelCause(parent)
	st := &stage{settings: s, lab: l, said: out, ctx: ctx, fail: fail}
	for _, step := range []func() error{
		st.folders, st.quotaGroups, st.resolverAddresses, st.servers, st.watch, st.calibrate, st.registry, st.agents,
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, st.close())
		}
	}
	return st, nil
}

func (st *stage) logs() string { return filepath.Join(st.out, "run") }

func (st *stage) folders() error { return os.MkdirAll(st.logs(), 0o755) }

// quotaGroups makes a control group for each server.
func (st *stage) quotaGroups() error {
	m := &meter{quotas: st.quotas(), tau: st.scaled(smoothing), loads: make([]agent.Average, len(st.relative))}
	st.meter = m
	for i, server := range st.lab.Servers {
		g, err := newCgroup(cgroupRoot, server.Namespace)
		if err != nil {
			return err
		}
		m.groups = append(m.groups, g)
		if err := g.setQuota(st.quota(i)); err != nil {
			return fmt.Errorf("quota of %s: %w", server.Name, err)
		}
	}
	return nil
}

// resolverAddresses gives the client's host an address for each resolver.
func (st *stage) resolverAddresses() error {
	for i := range st.resolvers {
		if err := st.lab.Client.AddAddr("c0", netip.PrefixFrom(st.resolver(i), 24)); err != nil {
			return err
		}
	}
	return nil
}

// resolver is the address of one, by which the name server knows it.
func (st *stage) resolver(i int) netip.Addr {
	a := st.lab.Client.Addr.As4()
	a[3] += byte(1 + i)
	return netip.AddrFrom4(a)
}

func (st *stage) start(p spec) error {
	running, err := p.start(st.logs(), st.fail)
	if err == nil {
		st.programs = append(st.programs, running)
	}
	return err
}

func (st *stage) servers() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for i, n := range st.lab.Servers {
		env := serverEnv(webPort, st.meter.groups[i].procs())
		if err := st.start(spec{name: n.Name, node: n.Node, path: self, env: env}); err != nil {
			return err
		}
		if err := await(st.ctx, n.Name+" takes connections", accepts(n.Node, n.HostPort(webPort))); err != nil {
			return err
		}
	}
	return nil
}

// watch begins to meter, and tells the load of each server in its namespace.
func (st *stage) watch() error {
	for i, n := range st.lab.Servers {
		listener, err := n.Listen(st.ctx, "tcp", n.HostPort(loadPort))
		if err != nil {
			return err
		}
		server := http.Server{Handler: st.meter.load(i), ReadHeaderTimeout: time.Minute}
		st.running.Go(func() { _ = server.Serve(listener) }) // until it is closed
		context.AfterFunc(st.ctx, func() { _ = server.Close() })
	}
	st.running.Go(func() {
		if err := st.meter.run(st.ctx, st.window(1)/looks); err != nil {
			st.fail(err)
		}
	})
	return nil
}

// accepts is content when a port takes connections.
func accepts(n *lab.Node, address string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := n.Dial(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// client is HTTP from the name server's host.
func (st *stage) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: st.lab.NS.Dial, DisableKeepAlives: true,
	}}
}

func (st *stage) url(port int, path string) string {
	return "http://" + net.JoinHostPort(st.lab.NS.Addr.String(), fmt.Sprint(port)) + path
}

// close ends what runs, the last first.
func (st *stage) close() error {
	for _, p := range slices.Backward(st.programs) {
		p.stop()
	}
	st.fail(context.Canceled)
	st.running.Wait()
	var errs []error
	if st.meter != nil {
		for _, g := range st.meter.groups {
			errs = append(errs, g.remove())
		}
	}
	return errors.Join(errs...)
}
