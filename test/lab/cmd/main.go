//go:build linux

// Command cmd, as bin/lab, builds the network lab by hand and works in it.
// What it builds and starts stays until `lab down`. ../README.md is its manual.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/ballast-lb/ballast/test/lab"
)

// verb is one thing to do. Its flags come after its name.
type verb struct {
	args string
	help string
	run  func(ctx context.Context, s *settings, args []string) error
}

// verbs are all that can be done.
func verbs() map[string]verb {
	return map[string]verb{
		"up":       {"", "build the lab and start its programs", up},
		"down":     {"", "end the programs and remove the lab", down},
		"status":   {"", "tell what is there and what runs", status},
		"shell":    {"NODE", "start a shell in a namespace", shell},
		"run":      {"NODE COMMAND...", "run a command in a namespace", runIn},
		"start":    {"PROGRAM...", "start programs that do not run", startPrograms},
		"stop":     {"PROGRAM...", "end programs by SIGTERM; a server's port then refuses", stopPrograms},
		"kill":     {"PROGRAM...", "end programs by SIGKILL", killPrograms},
		"fault":    {"SERVER FAULT", "silence, vanish, or an ICMP error such as host-unreachable", fault},
		"restore":  {"SERVER...", "take the faults of servers back", restore},
		"baseline": {"nft|off", "spread the VIP's connections with nftables alone, or no longer", baseline},
		"load":     {"[-rate N] [-for T] [-hold T] [-udp] ADDR:PORT", "open connections from the client and count what fails", load},
		"flows":    {"[-count N] [-every T] [-for T] [-udp] ADDR:PORT", "keep connections open and count what breaks", flows},
		"flood":    {"[-count N] [-rate N] ADDR:PORT", "send SYNs with invented sources from the client", flood},
		"serve":    {"NODE", "be a test server where this runs; up starts these", serve},
	}
}

// settings are where things are.
type settings struct {
	prefix string
	dir    string // of pid files, logs, configurations
	bin    string // of coredns, ballast-agent and ballast-director
	consul string
	count  int // servers
	out    io.Writer
}

func (s *settings) options() lab.Options {
	return lab.Options{Prefix: s.prefix, Dir: s.dir, Servers: s.count}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	s := settings{out: out}
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&s.prefix, "prefix", "ballast-", "`text` before the names of namespaces")
	flags.StringVar(&s.dir, "dir", ".cache/lab", "`folder` of process IDs, logs and configurations")
	flags.StringVar(&s.bin, "bin", "bin", "`folder` of coredns, ballast-agent and ballast-director")
	flags.StringVar(&s.consul, "consul", ".cache/bin/consul", "the Consul `program`")
	flags.IntVar(&s.count, "servers", 3, "`number` of real servers that up makes")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		return err
	}
	v, ok := verbs()[flags.Arg(0)]
	if !ok {
		flags.Usage()
		return fmt.Errorf("what is %q?", flags.Arg(0))
	}
	for _, path := range []*string{&s.dir, &s.bin, &s.consul} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = absolute
	}
	return v.run(ctx, &s, flags.Args()[1:])
}

func usage(flags *flag.FlagSet) {
	out := flags.Output()
	fmt.Fprintln(out, "lab [OPTION...] VERB")
	all := verbs()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(out, "  %s %s\n        %s\n", name, all[name].args, all[name].help)
	}
	fmt.Fprintln(out, "options:")
	flags.PrintDefaults()
}

// open opens the lab that stands, for f.
func (s *settings) open(f func(*lab.Lab) error) error {
	l, err := lab.Open(s.options())
	if errors.Is(err, lab.ErrNone) {
		return fmt.Errorf("%w; build it by `lab up`", err)
	}
	if err != nil {
		return err
	}
	return errors.Join(f(l), l.Close())
}

// node finds a node by its name.
func node(l *lab.Lab, name string) (*lab.Node, error) {
	var names []string
	for _, n := range l.Nodes() {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return nil, fmt.Errorf("no node %q: there are %v", name, names)
}

// server finds a real server by its name.
func server(l *lab.Lab, name string) (*lab.Server, error) {
	i := slices.IndexFunc(l.Servers, func(s *lab.Server) bool { return s.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("no server %q: there are s1 to s%d", name, len(l.Servers))
	}
	return l.Servers[i], nil
}
