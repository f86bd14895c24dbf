package dataplane

import "github.com/ballast-lb/ballast/director/bpf"

// rest takes over what the new maps have nothing of, when it is not known what
// was first copied: what they have is later.
func (u *unit) rest() error {
	u.frozen = true
	if err := u.unlist(); err != nil {
		return err
	}
	for id := range u.fresh() {
		known, err := u.known(id)
		if err != nil {
			return err
		}
		if o := load(u.old, id); !known && live(o.State) {
			if err := u.create(id, o); err != nil {
				return err
			}
		}
	}
	return u.sweepOpenings()
}

// known tells whether the new maps have a connection, and adds it to the index
// if a crash has come between its record and its entries.
func (u *unit) known(id uint32) (bool, error) {
	if id >= u.new.len {
		return false, nil
	}
	n := load(u.new, id)
	if !live(n.State) {
		return n.State != uint8(bpf.DirectorConnStateSTATE_FREE), nil
	}
	if ok, err := u.listed(id, n); ok || err != nil {
		return true, err
	}
	if _, err := u.to.enlist(id); err != nil {
		return true, err
	}
	if c := load(u.new, id); !live(c.State) { // it has just ended
		return true, u.to.strikeOut(id, n)
	}
	return true, nil
}

// unlist takes entries of connections out that a crash has left without state.
// The new program enters a connection before it sets its state, so what seems to
// have none is looked at twice.
func (u *unit) unlist() error {
	left := func(id uint32) bool {
		n := load(u.new, id)
		return n.State == uint8(bpf.DirectorConnStateSTATE_FREE) && n.Proto != 0
	}
	var ids []uint32
	for id := range u.new.len {
		if left(id) {
			ids = append(ids, id)
		}
	}
	settle()
	for _, id := range ids {
		if !left(id) {
			continue
		}
		if err := u.to.strikeOut(id, load(u.new, id)); err != nil {
			return err
		}
	}
	return nil
}

// listed tells whether all entries of a connection are there.
func (u *unit) listed(id uint32, c bpf.Conn) (bool, error) {
	x := indexOf(u.to, u.config, u.new)
	for _, server := range []bool{false, true} {
		if !server && c.State == uint8(bpf.DirectorConnStateSTATE_MOVED) || server && c.Sport == 0 {
			continue
		}
		h, ok, err := x.Find(c.TupleOf(server))
		if err != nil || !ok || h != bpf.HandleOf(id, server) {
			return false, err
		}
	}
	return true, nil
}
