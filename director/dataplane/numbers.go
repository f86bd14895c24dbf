package dataplane

import (
	"errors"
	"fmt"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

// Tally gives the numbers of a real server; zeros for an id out of range.
func (p *Plane) Tally(real uint32) bpf.Tally {
	if real >= p.tallies.len {
		return bpf.Tally{}
	}
	return p.tallies.load(real)
}

// Traffic gives what went to and from a real server, of all CPUs.
func (p *Plane) Traffic(real uint32) (bpf.Volume, error) {
	var perCPU [][5]uint64
	if err := p.set.maps["traffic"].Lookup(real, &perCPU); err != nil {
		return bpf.Volume{}, fmt.Errorf("read traffic of real server %d: %w", real, err)
	}
	var sum bpf.Volume
	for _, v := range perCPU {
		sum.Conns += v[0]
		sum.InPackets += v[1]
		sum.InBytes += v[2]
		sum.OutPackets += v[3]
		sum.OutBytes += v[4]
	}
	return sum, nil
}

const reasonMax = int(bpf.DirectorReasonREASON_MAX)

// Reasons gives how often packets left the datapath, by service and reason, of
// all CPUs. Index 0 is of no service, id + 1 of the service with that id.
func (p *Plane) Reasons() ([][reasonMax]uint64, error) {
	m := p.set.maps["reasons"]
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	counts := make([][reasonMax]uint64, int(m.MaxEntries())/reasonMax)
	const chunk = 2048
	keys, values := make([]uint32, chunk), make([]uint64, chunk*cpus)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, keys, values, nil)
		for i, key := range keys[:n] {
			for _, v := range values[i*cpus : (i+1)*cpus] {
				counts[int(key)/reasonMax][int(key)%reasonMax] += v
			}
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return counts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read reasons: %w", err)
		}
	}
}

// clearReasons forgets the counts of a row that another service had before.
func (p *Plane) clearReasons(row uint32) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("clear reasons: %w", err)
	}
	zeros := make([]uint64, cpus)
	for reason := range uint32(reasonMax) {
		if err := p.set.maps["reasons"].Put(row*uint32(reasonMax)+reason, zeros); err != nil {
			return fmt.Errorf("clear reasons: %w", err)
		}
	}
	return nil
}

// clearNumbers forgets the numbers of a real server that had the id before.
func (p *Plane) clearNumbers(real uint32) error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("clear traffic: %w", err)
	}
	if err := p.set.maps["traffic"].Put(real, zeroValues(p.set.maps["traffic"], cpus)); err != nil {
		return fmt.Errorf("clear traffic: %w", err)
	}
	p.tallies.clear(real, 0)
	return nil
}

func zeroValues(m *ebpf.Map, cpus int) [][]byte {
	zeros := make([][]byte, cpus)
	for i := range zeros {
		zeros[i] = make([]byte, m.ValueSize())
	}
	return zeros
}

// Gauge gives the datapath's own numbers.
func (p *Plane) Gauge() bpf.Gauge { return p.gauges.load(0) }

// Capacity is how many connections and real servers the maps in use have room
// for.
func (p *Plane) Capacity() (connections, reals uint32) { return p.conns.len, p.reals.len }
