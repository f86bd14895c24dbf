package dataplane

import (
	"fmt"
	"log/slog"
	"slices"
	"unsafe"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

// A change is what a load does with the maps: next has all maps, renewed names
// those that replace ones of old.
type change struct {
	old, next *set
	renewed   []string
}

// groups are maps of one size or meaning, which change together: ids of
// connections are valid in all of the first.
var groups = [][]string{
	{"conns", "buckets", "released", "openings"},
	{"reals", "tallies", "traffic"},
}

// plan sets the sizes in spec and decides for each map: the pinned one goes on
// if its layout is the same, whatever its BTF says; else a new one is made to
// copy it to. Sizes that cannot hold what is there are not taken, with a
// warning.
func plan(spec *ebpf.CollectionSpec, old *set, sizes map[string]uint32, log *slog.Logger) (_ *change, err error) {
	for name, n := range sizes {
		spec.Maps[name].MaxEntries = n
	}
	for _, group := range groups {
		if err := shrinkable(old, group[0], spec.Maps[group[0]].MaxEntries); err != nil {
			log.Warn("the old size stays in use", "err", err)
			for _, name := range group {
				spec.Maps[name].MaxEntries = sizeBefore(old, group[0], name)
			}
		}
	}
	c := &change{old: old, next: &set{maps: make(map[string]*ebpf.Map)}}
	defer func() {
		if err != nil {
			c.next.close()
		}
	}()
	renew, err := renewals(spec, old)
	if err != nil {
		return nil, err
	}
	for name, ms := range spec.Maps {
		if !pinnable(name) {
			continue
		}
		if !renew[name] {
			c.next.maps[name], err = old.maps[name].Clone()
		} else {
			c.next.maps[name], err = ebpf.NewMap(ms)
			c.renewed = append(c.renewed, name)
		}
		if err != nil {
			delete(c.next.maps, name)
			return nil, fmt.Errorf("map %s of %d entries: %w", name, ms.MaxEntries, err)
		}
	}
	slices.Sort(c.renewed)
	return c, nil
}

// sizeBefore is the size of a map that is pinned, or what goes with the first of
// its group: builds before the index had another in its place.
func sizeBefore(old *set, first, name string) uint32 {
	if m := old.maps[name]; m != nil {
		return m.MaxEntries()
	}
	return buckets(old.maps[first].MaxEntries())
}

// renewals names the maps that have no pinned one which can go on.
func renewals(spec *ebpf.CollectionSpec, old *set) (map[string]bool, error) {
	renew := make(map[string]bool)
	for name, ms := range spec.Maps {
		if !pinnable(name) {
			continue
		}
		m := old.maps[name]
		if m == nil {
			renew[name] = true
			continue
		}
		if m.Type() != ms.Type || m.KeySize() != ms.KeySize || m.Flags() != ms.Flags {
			return nil, fmt.Errorf("map %s: pinned as %v with keys of %d bytes and flags %#x, wanted as %v, %d, %#x; unload the director to start afresh",
				name, m.Type(), m.KeySize(), m.Flags(), ms.Type, ms.KeySize, ms.Flags)
		}
		renew[name] = m.ValueSize() != ms.ValueSize || m.MaxEntries() != ms.MaxEntries
	}
	unit := groups[0]
	if slices.ContainsFunc(unit, func(name string) bool { return renew[name] }) {
		for _, name := range unit {
			renew[name] = true
		}
		renew["config"] = true // it tells the sizes, which differ while both programs run
	}
	return renew, nil
}

// shrinkable tells why a map of the array cannot be made to have n entries.
func shrinkable(old *set, name string, n uint32) error {
	m := old.maps[name]
	if m == nil || m.MaxEntries() <= n {
		return nil
	}
	used, err := highest(m, stateOffset[name])
	if err != nil {
		return err
	}
	if used > n {
		return fmt.Errorf("%s: %d entries are too few while ids up to %d are in use; %d remain", name, n, used-1, m.MaxEntries())
	}
	return nil
}

// stateOffset is where the state lies. An entry is in use if it is not 0, nor
// DEAD, which no real server is.
var stateOffset = map[string]uintptr{
	"conns": unsafe.Offsetof(bpf.Conn{}.State),
	"reals": unsafe.Offsetof(bpf.Real{}.State),
}

// highest gives one more than the highest index in use.
func highest(m *ebpf.Map, offset uintptr) (uint32, error) {
	a, err := mapBytes(m)
	if err != nil {
		return 0, err
	}
	defer a.close()
	for id := a.len; id > 0; id-- {
		if live(a.mem[uintptr(id-1)*uintptr(a.stride)+offset]) {
			return id, nil
		}
	}
	return 0, nil
}
