package bpftest

import (
	"sync"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/internal/skip"
	"github.com/cilium/ebpf"
)

// Shared is one Datapath for all tests of a package, as the verifier takes its
// time. Each test resets it, so none may run in parallel with another.
type Shared struct {
	once sync.Once
	d    *Datapath
	err  error
}

// Use gives the Datapath, empty. It skips the test where loading is not
// permitted, unless CI=true.
func (s *Shared) Use(tb testing.TB) *Datapath {
	tb.Helper()
	s.once.Do(func() { s.d, s.err = load(nil) })
	require(tb, s.err)
	s.d.Reset(tb)
	return s.d
}

// Close unloads the Datapath after the last test.
func (s *Shared) Close() {
	if s.d != nil {
		s.d.Close()
	}
}

// Load loads a Datapath for one test, of the program as change made it.
func Load(tb testing.TB, change func(*ebpf.CollectionSpec)) *Datapath {
	tb.Helper()
	d, err := load(change)
	require(tb, err)
	tb.Cleanup(func() { d.Close() })
	d.Reset(tb)
	return d
}

func require(tb testing.TB, err error) {
	tb.Helper()
	if refused(err) {
		skip.UnlessCI(tb, "cannot load BPF programs here (root or CAP_BPF and CAP_NET_ADMIN needed): %v", err)
	}
	if err != nil {
		tb.Fatalf("load the datapath: %+v", err)
	}
}

func load(change func(*ebpf.CollectionSpec)) (*Datapath, error) {
	spec, err := bpf.LoadDirector()
	if err != nil {
		return nil, err
	}
	for name, entries := range sizes {
		spec.Maps[name].MaxEntries = entries
	}
	if change != nil {
		change(spec)
	}
	names, err := reasonNames(spec)
	if err != nil {
		return nil, err
	}
	d := &Datapath{names: names}
	return d, spec.LoadAndAssign(&d.DirectorObjects, nil)
}

// Programs are all programs of the object by their names.
func (d *Datapath) Programs() map[string]*ebpf.Program {
	return map[string]*ebpf.Program{
		"forward": d.Forward, "collect": d.Collect, "sweep": d.Sweep, "end": d.End, "adopt": d.Adopt, "disown": d.Disown,
	}
}
