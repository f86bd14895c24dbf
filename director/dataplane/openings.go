package dataplane

import (
	"fmt"

	"github.com/ballast-lb/ballast/director/bpf"
)

// sweepOpenings gives back places that no opening connection has: of ones that
// came and went while first copied. The new program takes a place before it sets
// the state, so what seems to be none's is looked at twice.
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
