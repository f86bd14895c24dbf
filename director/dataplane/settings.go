package dataplane

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

const (
	sweep   = 5 * time.Second // of garbage collection over all connections
	gcEvery = 50 * time.Millisecond
)

// room is what the maps in use have room for.
type room struct{ conns, openings, buckets uint32 }

// settingsOf computes the settings from the options, the seed kept.
func settingsOf(opts Options, seed uint64, r room, ipv6Csum uint32) bpf.Settings {
	steps := uint32(sweep / gcEvery)
	return bpf.Settings{
		Seed:     seed,
		Timeouts: opts.Timeouts.ticks(),
		Conns:    r.conns,
		Openings: r.openings,
		Buckets:  r.buckets,
		GcBatch:  max(64, (r.conns+steps-1)/steps),
		GcEvery:  uint32(gcEvery),
		Ipv6Csum: ipv6Csum,
	}
}

// configure writes the settings and starts garbage collection with the loaded
// program in the place of an earlier one's.
func (p *Plane) configure(opts Options) error {
	csum, err := csumIPv6()
	if err != nil {
		return err
	}
	seed := p.config.load(0).Seed
	for seed == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails, see crypto/rand
		seed = binary.NativeEndian.Uint64(b[:])
	}
	r := room{conns: p.conns.len, openings: p.set.maps["openings"].MaxEntries(), buckets: p.set.maps["buckets"].MaxEntries()}
	s := settingsOf(opts, seed, r, csum)
	p.config.store(0, s, 0)
	return p.startCollecting()
}

// startCollecting runs the program collect once, on a packet that is nothing.
func (p *Plane) startCollecting() error {
	code, err := p.collect.Run(&ebpf.RunOptions{Data: make([]byte, 64)})
	if err != nil {
		return fmt.Errorf("start garbage collection: %w", err)
	}
	if code != 0 {
		return fmt.Errorf("start garbage collection: the program answered %d", int32(code))
	}
	return nil
}

// Settings are what the datapath runs with.
func (p *Plane) Settings() bpf.Settings { return p.config.load(0) }
