package dataplane

import (
	"fmt"
	"log/slog"
	"math/bits"
	"path/filepath"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
)

// Limits of Options.
const (
	MinConnections = 256
	MaxConnections = 1 << 24
)

// Options say where the datapath is kept and how large it is. Zero takes the
// default.
type Options struct {
	Dir         string // directory on a bpffs, as /sys/fs/bpf/ballast; its parent must exist
	Connections int    // connections kept at most; default 262144
	Reals       int    // real servers of all services at most; default 4096
	Sticky      int    // clients remembered by persistence; default 65536
	Timeouts    Timeouts
	Logger      *slog.Logger // nil: silent
}

// Timeouts end connections without packets. Defaults are those of IPVS.
type Timeouts struct {
	Opening     time.Duration // SYN seen, not acknowledged by the client; 60 s
	Established time.Duration // 900 s
	Closing     time.Duration // a FIN was seen; 120 s
	Reset       time.Duration // a RST was seen; 10 s
	UDP         time.Duration // 300 s
	Moved       time.Duration // what is kept of a server that was left; 60 s
}

func (t Timeouts) ticks() (ticks [bpf.DirectorConnStateSTATE_MAX]uint32) {
	of := func(d time.Duration, fallback time.Duration) uint32 {
		if d <= 0 {
			d = fallback
		}
		return Ticks(d)
	}
	opening := of(t.Opening, 60*time.Second)
	closing := of(t.Closing, 120*time.Second)
	ticks[bpf.DirectorConnStateSTATE_OPENING] = opening
	ticks[bpf.DirectorConnStateSTATE_ANSWERED] = opening
	ticks[bpf.DirectorConnStateSTATE_ESTABLISHED] = of(t.Established, 900*time.Second)
	ticks[bpf.DirectorConnStateSTATE_FIN_WAIT] = closing
	ticks[bpf.DirectorConnStateSTATE_TIME_WAIT] = closing
	ticks[bpf.DirectorConnStateSTATE_CLOSE] = of(t.Reset, 10*time.Second)
	ticks[bpf.DirectorConnStateSTATE_UDP] = of(t.UDP, 300*time.Second)
	ticks[bpf.DirectorConnStateSTATE_MOVED] = of(t.Moved, 60*time.Second)
	return ticks
}

// complete fills in the defaults and checks the rest.
func (o Options) complete() (Options, error) {
	byDefault := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	byDefault(&o.Connections, 262144)
	byDefault(&o.Reals, 4096)
	byDefault(&o.Sticky, 65536)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Dir = filepath.Clean(o.Dir)
	// bpffs reserves names with dots (bpf_lookup in kernel/bpf/inode.c).
	if !filepath.IsAbs(o.Dir) || strings.Contains(filepath.Base(o.Dir), ".") {
		return o, fmt.Errorf("bpffs directory %q: want an absolute path whose last name has no dot", o.Dir)
	}
	for _, v := range []struct {
		what          string
		value, lo, hi int
	}{
		{"connections", o.Connections, MinConnections, MaxConnections},
		{"reals", o.Reals, 1, bpf.MaxReals},
		{"sticky", o.Sticky, 1, MaxConnections},
	} {
		if v.value < v.lo || v.value > v.hi {
			return o, fmt.Errorf("%s %d: want %d to %d", v.what, v.value, v.lo, v.hi)
		}
	}
	return o, nil
}

// openings is the size of the ring of SYNs for a number of connections: the
// largest power of two that is at most a quarter, and at least 64.
func openings(connections uint32) uint32 {
	return max(64, uint32(1)<<(bits.Len32(connections/4)-1))
}

// sizes gives max_entries of the maps that the options set.
func (o Options) sizes() map[string]uint32 {
	conns := uint32(o.Connections)
	return map[string]uint32{
		"conns":    conns,
		"buckets":  buckets(conns),
		"released": conns,
		"openings": openings(conns),
		"reals":    uint32(o.Reals),
		"tallies":  uint32(o.Reals),
		"traffic":  uint32(o.Reals),
		"sticky":   uint32(o.Sticky),
	}
}
