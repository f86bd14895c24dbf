//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// shell becomes a shell in a namespace.
func shell(ctx context.Context, s *settings, args []string) error {
	if len(args) != 1 {
		return errors.New("shell takes the name of one node")
	}
	program := os.Getenv("SHELL")
	if program == "" {
		program = "/bin/sh"
	}
	return runIn(ctx, s, []string{args[0], program})
}

// runIn becomes a command in a namespace: the terminal and the signals are its.
func runIn(_ context.Context, s *settings, args []string) error {
	if len(args) < 2 {
		return errors.New("run takes the name of a node, and a command")
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	return s.open(func(l *lab.Lab) error {
		n, err := node(l, args[0])
		if err != nil {
			return err
		}
		env := append(os.Environ(), "BALLAST_LAB_NODE="+n.Name, "PS1="+n.Name+"# ")
		return n.Do(func() error { return syscall.Exec(path, args[1:], env) })
	})
}

// serve is a test server in the namespace that it was started in.
func serve(ctx context.Context, _ *settings, args []string) error {
	if len(args) != 1 {
		return errors.New("serve takes the name of the node")
	}
	n := lab.Here(args[0])
	echo, err := n.StartEcho(echoPort)
	if err != nil {
		return err
	}
	defer echo.Close()
	return n.ServeHTTP(ctx, httpPort)
}

// fault gives a server a fault.
func fault(_ context.Context, s *settings, args []string) error {
	if len(args) != 2 {
		return errors.New("fault takes a server and a fault, such as `s1 silence`")
	}
	return s.open(func(l *lab.Lab) error {
		one, err := server(l, args[0])
		if err != nil {
			return err
		}
		faults := map[string]func() error{"silence": one.Silence, "vanish": one.Vanish}
		for _, u := range []lab.Unreachable{lab.AdminProhibited, lab.HostUnreachable, lab.NoRoute, lab.PortUnreachable} {
			faults[string(u)] = func() error { return one.Reject(u) }
		}
		do, ok := faults[args[1]]
		if !ok {
			return fmt.Errorf("no fault %q: there are silence, vanish, admin-prohibited, host-unreachable, no-route, port-unreachable; for a closed port, `lab stop %s`", args[1], args[0])
		}
		return do()
	})
}

// restore takes faults back.
func restore(_ context.Context, s *settings, args []string) error {
	return s.open(func(l *lab.Lab) error {
		for _, name := range args {
			one, err := server(l, name)
			if err != nil {
				return err
			}
			if err := one.Restore(); err != nil {
				return err
			}
		}
		return nil
	})
}

// baseline puts nftables in the place of the director, which must not run.
func baseline(_ context.Context, s *settings, args []string) error {
	if len(args) != 1 || args[0] != "nft" && args[0] != "off" {
		return errors.New("baseline takes nft or off")
	}
	return s.open(func(l *lab.Lab) error {
		var v4, v6 []netip.Addr
		for _, one := range l.Servers {
			v4, v6 = append(v4, one.Addr), append(v6, one.Addr6)
		}
		if args[0] == "off" {
			return errors.Join(l.NftFlush(), l.DelVIP(l.VIP(0)), l.DelVIP(l.VIP6(0)))
		}
		return errors.Join(
			l.NftDNAT(netip.AddrPortFrom(l.VIP(0), echoPort), v4...),
			l.NftDNAT(netip.AddrPortFrom(l.VIP6(0), echoPort), v6...))
	})
}

// target reads the flags of a tool and the address that follows them.
func target(flags *flag.FlagSet, s *settings, args []string) (netip.AddrPort, error) {
	flags.SetOutput(s.out)
	if err := flags.Parse(args); err != nil {
		return netip.AddrPort{}, err
	}
	if flags.NArg() != 1 {
		return netip.AddrPort{}, fmt.Errorf("%s takes one ADDRESS:PORT, such as 10.200.0.100:%d", flags.Name(), echoPort)
	}
	return netip.ParseAddrPort(flags.Arg(0))
}

func network(udp bool) string {
	if udp {
		return "udp"
	}
	return "tcp"
}

func load(ctx context.Context, s *settings, args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	rate := flags.Int("rate", 100, "connections each second")
	length := flags.Duration("for", 6*time.Second, "how long")
	hold := flags.Duration("hold", 0, "how long each stays open")
	timeout := flags.Duration("timeout", 5*time.Second, "when to give one up")
	udp := flags.Bool("udp", false, "datagrams instead of connections")
	to, err := target(flags, s, args)
	if err != nil {
		return err
	}
	return s.open(func(l *lab.Lab) error {
		report := lab.Load{
			From: l.Client, Network: network(*udp), Addr: to.String(),
			Rate: *rate, For: *length, Hold: *hold, Timeout: *timeout,
		}.Run(ctx)
		fmt.Fprint(s.out, report)
		return nil
	})
}

func flows(ctx context.Context, s *settings, args []string) error {
	flags := flag.NewFlagSet("flows", flag.ContinueOnError)
	count := flags.Int("count", 1000, "connections")
	every := flags.Duration("every", time.Second, "time between two bytes of a connection")
	length := flags.Duration("for", 20*time.Second, "how long; until Ctrl-C if that comes first")
	udp := flags.Bool("udp", false, "datagrams instead of connections")
	to, err := target(flags, s, args)
	if err != nil {
		return err
	}
	return s.open(func(l *lab.Lab) error {
		set, err := lab.Flows{From: l.Client, Network: network(*udp), Addr: to.String(), Count: *count, Every: *every}.Open(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%d flows are open\n", *count)
		timer := time.NewTimer(*length)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		fmt.Fprint(s.out, set.Close())
		return nil
	})
}

func flood(ctx context.Context, s *settings, args []string) error {
	flags := flag.NewFlagSet("flood", flag.ContinueOnError)
	count := flags.Int("count", 1000000, "SYNs")
	rate := flags.Int("rate", 0, "SYNs each second; 0 for as many as can be")
	seed := flags.Uint64("seed", 1, "of the invented addresses")
	to, err := target(flags, s, args)
	if err != nil {
		return err
	}
	return s.open(func(l *lab.Lab) error {
		begun := time.Now()
		sent, err := lab.Flood{From: l.Client, VIP: to, Count: *count, Rate: *rate, Seed: *seed}.Run(ctx)
		fmt.Fprintf(s.out, "%d SYNs sent in %.1f s\n", sent, time.Since(begun).Seconds())
		return err
	})
}
