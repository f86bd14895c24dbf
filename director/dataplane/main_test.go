package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/internal/skip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// require skips a test that needs root, and fails it where CI=true says that
// all can be had.
func require(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		lacking(t, errors.New("it needs root"))
	}
}

func lacking(t *testing.T, err error) {
	t.Helper()
	skip.UnlessCI(t, "No datapath here: %v", err)
}

// bpffs mounts a bpffs for the test alone and gives a directory on it that is
// to be made.
func bpffs(t *testing.T) string {
	t.Helper()
	require(t)
	at := t.TempDir()
	if err := unix.Mount("bpf", at, "bpf", 0, "mode=0700"); err != nil {
		lacking(t, fmt.Errorf("mount a bpffs: %w", err))
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount bpffs: %v", err)
		}
	})
	if err := Probe(at); err != nil {
		lacking(t, err)
	}
	return filepath.Join(at, "ballast")
}

func small(dir string) Options {
	return Options{Dir: dir, Connections: 1024, Reals: 64, Sticky: 64}
}

func mustOpen(t *testing.T, o Options) *Plane {
	t.Helper()
	p, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, p) })
	return p
}

// mustClose closes once.
func mustClose(t *testing.T, p *Plane) {
	t.Helper()
	if p.links == nil {
		return
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }
