package dataplane

import (
	"errors"
	"fmt"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

// flowsOf are a connection's entries in flows.
func flowsOf(id uint32, c bpf.Conn) map[[40]byte]uint32 {
	flows := map[[40]byte]uint32{tupleBytes(ServerTuple(c)): id<<1 | 1}
	if c.State != uint8(bpf.DirectorConnStateSTATE_MOVED) {
		flows[tupleBytes(ClientTuple(c))] = id << 1
	}
	return flows
}

// addFlows adds a connection's flows; false, and none, if one belongs to
// another connection.
func (u *unit) addFlows(id uint32, c bpf.Conn) (ok bool, err error) {
	m := u.to.maps["flows"]
	for key, value := range flowsOf(id, c) {
		err := m.Update(key, value, ebpf.UpdateNoExist)
		if errors.Is(err, ebpf.ErrKeyExist) {
			var there uint32
			if err = m.Lookup(key, &there); err == nil && there != value {
				return false, u.removeFlows(id, c)
			}
		}
		if err != nil {
			return false, fmt.Errorf("copy flow: %w", err)
		}
	}
	return true, nil
}

func (u *unit) removeFlows(id uint32, c bpf.Conn) error {
	m := u.to.maps["flows"]
	for key, value := range flowsOf(id, c) {
		var there uint32
		err := m.Lookup(key, &there)
		if err == nil && there == value {
			err = m.Delete(key)
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("remove flow: %w", err)
		}
	}
	return nil
}

// sweepFlows removes entries that lead to no connection: of ones that came and
// went while first copied. The new program enters flows before it sets the
// state, so what seems to be none is looked at twice.
func (u *unit) sweepFlows() error {
	stale := make(map[[40]byte]uint32)
	err := eachFlow(u.to.maps["flows"], func(keys [][40]byte, values []uint32) error {
		for i, key := range keys {
			if !u.leads(key, values[i]) {
				stale[key] = values[i]
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	settle()
	for key, value := range stale {
		var there uint32
		err := u.to.maps["flows"].Lookup(key, &there)
		if err == nil && there == value && !u.leads(key, value) {
			err = u.to.maps["flows"].Delete(key)
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("remove flow: %w", err)
		}
	}
	return nil
}

func (u *unit) leads(key [40]byte, value uint32) bool {
	id := value >> 1
	if id >= u.new.len {
		return false
	}
	c := load(u.new, id)
	if !live(c.State) {
		return false
	}
	if value&1 != 0 {
		return key == tupleBytes(ServerTuple(c))
	}
	return key == tupleBytes(ClientTuple(c))
}

// sweepOpenings gives back places that no opening connection has, for the same
// reason, and in the same way.
func (u *unit) sweepOpenings() error {
	m := u.to.maps["openings"]
	var stale []uint32
	for slot := range m.MaxEntries() {
		if used, err := u.opens(slot); err != nil {
			return err
		} else if !used {
			stale = append(stale, slot)
		}
	}
	settle()
	for _, slot := range stale {
		used, err := u.opens(slot)
		if err == nil && !used {
			err = m.Put(slot, make([]byte, m.ValueSize()))
		}
		if err != nil {
			return fmt.Errorf("give back opening: %w", err)
		}
	}
	return nil
}

// opens tells whether a place is free or has the connection that says so too.
func (u *unit) opens(slot uint32) (bool, error) {
	value, err := u.to.maps["openings"].LookupBytes(slot)
	if err != nil {
		return false, fmt.Errorf("read opening: %w", err)
	}
	var o bpf.Opening
	copy(bytesOf(&o), value)
	if o.Conn == 0 {
		return true, nil
	}
	if o.Conn > u.new.len {
		return false, nil
	}
	c := load(u.new, o.Conn-1)
	return live(c.State) && c.Opening == slot+1, nil
}
