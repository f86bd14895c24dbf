//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// labPrefix begins the names of the experiment's namespaces.
const labPrefix = "balance-"

// claim sees to it that one experiment runs at a time: two would share names,
// and the CPU. The lock goes with the process.
func claim(prefix string) (free func(), err error) {
	path := filepath.Join(os.TempDir(), "ballast-"+prefix+"lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		return nil, fmt.Errorf("another experiment holds %s: wait for it, or end it: %w", path, err)
	}
	return func() { _ = f.Close() }, nil
}

// hurry gives this process and what it starts the CPU before others: clients,
// resolvers and name server are the measure, and other programs may run beside.
// The servers have groups of their own.
func hurry() error {
	const nice = -15
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range threads { // each has its own, which new ones inherit
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.Setpriority(unix.PRIO_PROCESS, id, nice); err != nil && err != unix.ESRCH {
			return fmt.Errorf("take priority %d: %w", nice, err)
		}
	}
	return nil
}
