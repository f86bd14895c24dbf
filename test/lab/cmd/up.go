//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/ballast-lb/ballast/test/lab"
)

// up builds the lab, or takes the one that stands, and starts what does not run.
func up(ctx context.Context, s *settings, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("up takes no %q", args[0])
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	stands := func(*lab.Lab) error { return nil }
	if errors.Is(s.open(stands), lab.ErrNone) {
		if err := s.build(); err != nil {
			return err
		}
	}
	err := s.open(func(l *lab.Lab) error {
		all, err := s.cast(l)
		if err != nil {
			return err
		}
		for _, p := range all {
			if err := s.startIfThere(ctx, l, p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return status(ctx, s, nil)
}

// build makes a lab that stays.
func (s *settings) build() error {
	// Consul would remember what an earlier lab registered.
	if err := os.RemoveAll(filepath.Join(s.dir, "consul")); err != nil {
		return err
	}
	l, err := lab.New(s.options())
	if err != nil {
		return err
	}
	return l.Leave()
}

// startIfThere starts a program that was built; the lab is of use without.
func (s *settings) startIfThere(ctx context.Context, l *lab.Lab, p program) error {
	if _, err := os.Stat(p.path); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(s.out, "%s is not started: there is no %s\n", p.name, p.path)
		return nil
	}
	return s.start(ctx, l, p)
}

// down ends what runs, the last first, and removes the lab.
func down(_ context.Context, s *settings, _ []string) error {
	err := s.open(func(l *lab.Lab) error {
		all, err := s.cast(l)
		for _, p := range slices.Backward(all) {
			err = errors.Join(err, s.stop(p, syscall.SIGTERM))
		}
		return err
	})
	if errors.Is(err, lab.ErrNone) {
		fmt.Fprintln(s.out, "there is no lab")
		err = nil
	}
	if err != nil {
		return err
	}
	return errors.Join(lab.Remove(s.options()), os.RemoveAll(filepath.Join(s.dir, "consul")))
}

// status tells the nodes and the programs.
func status(_ context.Context, s *settings, _ []string) error {
	return s.open(func(l *lab.Lab) error {
		for _, n := range l.Nodes() {
			fmt.Fprintf(s.out, "%-10s %-14s %-16s /run/netns/%s\n", n.Name, n.Addr, n.Addr6, n.Namespace)
		}
		all, err := s.cast(l)
		if err != nil {
			return err
		}
		for _, p := range all {
			how := "does not run"
			if pid, err := s.process(p); err == nil {
				how = fmt.Sprintf("runs, process %d, log %s", pid, s.logFile(p))
			}
			fmt.Fprintf(s.out, "%-10s %s\n", p.name, how)
		}
		fmt.Fprintf(s.out, "the VIPs are %s and %s: HTTP on port %d, echo on %d\n", l.VIP(0), l.VIP6(0), httpPort, echoPort)
		return nil
	})
}

// each does something to programs by their names.
func (s *settings) each(names []string, f func(*lab.Lab, program) error) error {
	if len(names) == 0 {
		return errors.New("which programs? see `lab status`")
	}
	return s.open(func(l *lab.Lab) error {
		all, err := s.cast(l)
		if err != nil {
			return err
		}
		for _, name := range names {
			i := slices.IndexFunc(all, func(p program) bool { return p.name == name })
			if i < 0 {
				return fmt.Errorf("no program %q: there are %s", name, strings.Join(namesOf(all), ", "))
			}
			if err := f(l, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func namesOf(all []program) (names []string) {
	for _, p := range all {
		names = append(names, p.name)
	}
	return names
}

func startPrograms(ctx context.Context, s *settings, names []string) error {
	return s.each(names, func(l *lab.Lab, p program) error { return s.start(ctx, l, p) })
}

func stopPrograms(_ context.Context, s *settings, names []string) error {
	return s.each(names, func(_ *lab.Lab, p program) error { return s.stop(p, syscall.SIGTERM) })
}

func killPrograms(_ context.Context, s *settings, names []string) error {
	return s.each(names, func(_ *lab.Lab, p program) error { return s.stop(p, syscall.SIGKILL) })
}
