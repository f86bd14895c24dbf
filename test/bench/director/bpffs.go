//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/ballast-lb/ballast/director/dataplane"
	"golang.org/x/sys/unix"
)

// withPlane opens a datapath of our own, on no interface, for f. Its pins are
// in dir/current while f runs.
func withPlane(o dataplane.Options, f func(p *dataplane.Plane, dir string) error) (err error) {
	mount, err := os.MkdirTemp("", "ballast-bench-bpf")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(mount)) }()
	if err := unix.Mount("bpf", mount, "bpf", 0, "mode=0700"); err != nil {
		return fmt.Errorf("mount a BPF file system at %s: %w", mount, err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(mount, 0)) }()
	o.Dir = mount + "/director"
	p, err := dataplane.Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close(), dataplane.Unload(o.Dir, nil)) }()
	return f(p, o.Dir+"/current")
}
