package dataplane

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"
)

// Ids of connections that are over are in the queue released. An id that was
// taken out of it is ours alone, so it can go from one table's queue to
// another's while both programs run: no id is given twice.

// share gives the new program half of the released ids. Those that the new
// table has no room for are forgotten.
func (u *unit) share() error {
	from, to := u.from.maps["released"], u.to.maps["released"]
	g := u.oldGauge.at(0)
	n := int32(atomic.LoadUint32(&g.Fresh) - atomic.LoadUint32(&g.Used))
	for i := range max(0, n) {
		id, ok, err := pop(from)
		if err != nil || !ok {
			return err
		}
		dst := from
		if i%2 == 0 {
			dst = to
		}
		if err := u.push(dst, id); err != nil {
			return err
		}
	}
	return nil
}

// reserve takes never used ids for the new program, when it cannot share the
// counter of those because gauges has a new layout.
func (u *unit) reserve() error {
	conns := min(u.old.len, u.new.len)
	atomic.StoreUint32(&u.gauge.at(0).Fresh, conns)
	g := u.oldGauge.at(0)
	free := int32(conns - atomic.LoadUint32(&g.Fresh))
	n := uint32(min(max(0, free/2), 65536))
	end := atomic.AddUint32(&g.Fresh, n)
	for id := end - n; id < end; id++ {
		if err := u.push(u.to.maps["released"], id); err != nil {
			return err
		}
	}
	return nil
}

// resume lets the new program take never used ids again: those above what the
// old one used, as far as the new table has room.
func (u *unit) resume() error {
	fresh, g := u.fresh(), u.gauge.at(0)
	if !sameMap(u.from.maps["gauges"], u.to.maps["gauges"]) || fresh > u.new.len {
		atomic.StoreUint32(&g.Fresh, min(fresh, u.new.len))
	}
	return nil
}

// drain takes over all ids that the old program, which runs no more, had.
func (u *unit) drain() error {
	for {
		id, ok, err := pop(u.from.maps["released"])
		if err != nil || !ok {
			return err
		}
		if err := u.push(u.to.maps["released"], id); err != nil {
			return err
		}
	}
}

func (u *unit) push(m *ebpf.Map, id uint32) error {
	if id >= u.new.len {
		return nil
	}
	if err := m.Put(nil, id); err != nil {
		return fmt.Errorf("give back id %d: %w", id, err)
	}
	return nil
}

// pop takes an id out of a queue; false if it is empty.
func pop(m *ebpf.Map) (id uint32, ok bool, err error) {
	err = m.LookupAndDelete(nil, &id)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("take an id: %w", err)
	}
	return id, true, nil
}
