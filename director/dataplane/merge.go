package dataplane

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/ballast-lb/ballast/director/bpf"
)

// leave removes what a connection has in the new maps and not in the old.
func (u *unit) leave(id uint32) error {
	o, ok := u.snapshot(id)
	if !ok || id >= u.new.len || u.shadow[id] == 0 {
		return nil
	}
	n := load(u.new, id)
	if liveStatus(&o) == 0 || ClientTuple(o) != ClientTuple(n) {
		return u.end(id, n)
	}
	if ServerTuple(o) != ServerTuple(n) {
		return u.to.strikeOut(id, n)
	}
	return nil
}

// merge brings one connection up to date.
func (u *unit) merge(id uint32) error {
	o, ok := u.snapshot(id)
	if !ok {
		return nil // the next pass finds it
	}
	now := liveStatus(&o)
	if u.shadow[id] == 0 {
		if now == 0 {
			return nil
		}
		u.shadow[id] = now
		return u.create(id, o)
	}
	n := load(u.new, id)
	if now != 0 && ClientTuple(o) == ClientTuple(n) {
		return u.change(id, o, n)
	}
	if err := u.end(id, n); err != nil || now == 0 {
		return err
	}
	u.shadow[id] = now
	return u.create(id, o)
}

// refresh takes the time stamps and sequence numbers if they are later.
func (u *unit) refresh(id uint32, o, n bpf.Conn) {
	if int32(o.Seen-n.Seen) <= 0 {
		return
	}
	dst, src := u.new.words(id), wordsOf(&o)
	for w := stateWord + 1; int(w) < min(len(dst), len(src)); w++ {
		atomic.StoreUint64(&dst[w], src[w])
	}
}

// create adds a connection that only the old program knows. One whose client
// has meanwhile been given another by the new program is dropped.
func (u *unit) create(id uint32, o bpf.Conn) error {
	at := id
	if id >= u.new.len { // the new table is smaller
		if u.to.maps["released"].LookupAndDelete(nil, &at) != nil {
			u.drop(o)
			return nil
		}
	}
	if err := u.keepOpening(&o, at); err != nil {
		return err
	}
	save(u.new, at, o)
	refused, err := u.to.enlist(at)
	if err != nil || len(refused) == 0 {
		return err
	}
	atomic.StoreUint32(word(u.new, at), 0)
	if !u.frozen { // the other may be about to end
		u.shadow[id] = 0
		return nil
	}
	u.drop(o)
	return u.to.maps["released"].Put(nil, at)
}

// drop counts a connection off that does not go on.
func (u *unit) drop(o bpf.Conn) {
	u.lost++
	u.account(o, -1)
	atomic.AddUint32(&u.gauge.at(0).Used, ^uint32(0))
}

// keepOpening copies the SYN that is kept of a connection; if the new program
// has used its place, the connection goes on without.
func (u *unit) keepOpening(o *bpf.Conn, id uint32) error {
	if o.Opening == 0 {
		return nil
	}
	from, to := u.from.maps["openings"], u.to.maps["openings"]
	slot := o.Opening - 1
	o.Opening = 0
	if slot >= to.MaxEntries() {
		return nil
	}
	value, err := from.LookupBytes(slot)
	if err != nil {
		return fmt.Errorf("copy opening: %w", err)
	}
	there, err := to.LookupBytes(slot)
	if err != nil {
		return fmt.Errorf("copy opening: %w", err)
	}
	var kept, taken bpf.Opening
	copy(bytesOf(&kept), value)
	copy(bytesOf(&taken), there)
	if taken.Conn != 0 && taken.Conn != kept.Conn {
		return nil
	}
	kept.Conn = id + 1
	if err := to.Put(slot, resized(bytesOf(&kept), to.ValueSize())); err != nil {
		return fmt.Errorf("copy opening: %w", err)
	}
	o.Opening = slot + 1
	return nil
}

// end ends a connection that the old program has ended and counted off.
func (u *unit) end(id uint32, n bpf.Conn) error {
	now := atomic.SwapUint32(word(u.new, id), 0)
	u.uncount(n, now, u.shadow[id])
	u.shadow[id] = 0
	return u.to.strikeOut(id, load(u.new, id)) // the new program may have moved it
}

// change takes over another state or server. If the new program has changed the
// connection too, its word counts, and what the old one counted is taken back.
func (u *unit) change(id uint32, o, n bpf.Conn) error {
	before := u.shadow[id]
	u.shadow[id] = status(&o)
	if !atomic.CompareAndSwapUint32(word(u.new, id), before, status(&o)) {
		u.uncount(o, status(&o), before)
		_, err := u.to.enlist(id)
		return err
	}
	if ServerTuple(o) == ServerTuple(n) {
		if o.Opening == 0 { // sweepOpenings gives its place back
			atomic.StoreUint32((*uint32)(unsafe.Add(unsafe.Pointer(u.new.at(id)), unsafe.Offsetof(o.Opening))), 0)
		}
		u.refresh(id, o, n)
		return nil
	}
	if err := u.keepOpening(&o, id); err != nil {
		return err
	}
	if err := u.to.strikeOut(id, n); err != nil {
		return err
	}
	save(u.new, id, o)
	_, err := u.to.enlist(id)
	return err
}

// uncount takes back what a change of a connection from one status to another
// has counted.
func (u *unit) uncount(c bpf.Conn, now, before uint32) {
	*statusAt(&c) = now
	u.account(c, -1)
	*statusAt(&c) = before
	u.account(c, 1)
}

// account counts as class_of and become in table.h do.
func (u *unit) account(c bpf.Conn, delta int32) {
	if c.State == uint8(bpf.DirectorConnStateSTATE_OPENING) {
		atomic.AddUint32(&u.gauge.at(0).Opening, uint32(delta))
	}
	if c.Real >= u.tallies.len {
		return
	}
	switch bpf.State(c.State) {
	case bpf.DirectorConnStateSTATE_OPENING, bpf.DirectorConnStateSTATE_ANSWERED, bpf.DirectorConnStateSTATE_ESTABLISHED, bpf.DirectorConnStateSTATE_UDP:
		atomic.AddUint32(&u.tallies.at(c.Real).Active, uint32(delta))
	case bpf.DirectorConnStateSTATE_FIN_WAIT, bpf.DirectorConnStateSTATE_TIME_WAIT, bpf.DirectorConnStateSTATE_CLOSE:
		atomic.AddUint32(&u.tallies.at(c.Real).Inactive, uint32(delta))
	}
}
