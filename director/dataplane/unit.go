package dataplane

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"unsafe"

	"github.com/ballast-lb/ballast/director/bpf"
)

// A unit takes the connections from one set of maps to another while packets
// go on: first copies all while the old program runs; then the links get the
// new one; second takes what the old one did meanwhile. Ids stay the same.
//
// Both programs count in the same tallies and gauges, each what it does itself,
// so that second must take back what both counted of one connection.
type unit struct {
	log      *slog.Logger
	from, to *set
	old      array[byte]
	new      array[byte]
	oldGauge array[bpf.Gauge]
	gauge    array[bpf.Gauge]
	tallies  array[bpf.Tally]
	// shadow is the status word of each connection when first copied it, 0 if
	// it was over.
	shadow []uint32
	lost   int
}

func newUnit(from, to *set, log *slog.Logger) (u *unit, err error) {
	u = &unit{log: log, from: from, to: to}
	var errs []error
	u.old, err = mapBytes(from.maps["conns"])
	errs = append(errs, err)
	u.new, err = mapBytes(to.maps["conns"])
	errs = append(errs, err)
	mapInto(&errs, from, "gauges", &u.oldGauge)
	mapInto(&errs, to, "gauges", &u.gauge)
	mapInto(&errs, to, "tallies", &u.tallies)
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, u.close())
	}
	return u, nil
}

func (u *unit) close() error {
	return closeAll(&u.old, &u.new, &u.oldGauge, &u.gauge, &u.tallies)
}

// fresh is one more than the highest id that the old program may have used.
func (u *unit) fresh() uint32 { return min(atomic.LoadUint32(&u.oldGauge.at(0).Fresh), u.old.len) }

// load copies a connection, without what T does not know, the lock open.
func load(a array[byte], id uint32) (c bpf.Conn) {
	copyWords(wordsOf(&c), a.words(id))
	c.Lock = 0
	return c
}

// save writes the words of a connection that the map has, the state last.
func save(a array[byte], id uint32, c bpf.Conn) {
	dst, src := a.words(id), wordsOf(&c)
	for w := range min(len(dst), len(src)) {
		if uintptr(w) != stateWord {
			atomic.StoreUint64(&dst[w], src[w])
		}
	}
	atomic.StoreUint64(&dst[stateWord], src[stateWord])
}

// status is the word of state, flags and repeats, which change together.
func status(c *bpf.Conn) uint32 { return *statusAt(c) }

func statusAt(c *bpf.Conn) *uint32 { return (*uint32)(unsafe.Pointer(&c.State)) }

// word is the status of a connection in a map, to be changed atomically.
func word(a array[byte], id uint32) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(a.at(id)), unsafe.Offsetof(bpf.Conn{}.State)))
}

func live(state uint8) bool {
	return state != uint8(bpf.DirectorConnStateSTATE_FREE) && state != uint8(bpf.DirectorConnStateSTATE_DEAD)
}

// liveStatus is the status, 0 for what is over.
func liveStatus(c *bpf.Conn) uint32 {
	if !live(c.State) {
		return 0
	}
	return status(c)
}

// first copies all connections.
func (u *unit) first() error {
	u.shadow = make([]uint32, min(u.fresh(), u.new.len))
	for id := range uint32(len(u.shadow)) {
		c := load(u.old, id)
		if u.shadow[id] = liveStatus(&c); u.shadow[id] != 0 {
			save(u.new, id, c)
		}
	}
	// Flows come before the state that was copied, so that by now all of
	// those connections have theirs.
	settle()
	if err := eachFlow(u.from.maps["flows"], u.copyFlows); err != nil {
		return err
	}
	return copyArray(u.from.maps["openings"], u.to.maps["openings"])
}

func (u *unit) copyFlows(keys [][40]byte, values []uint32) error {
	n := 0
	for i, v := range values {
		if v>>1 < u.new.len {
			keys[n], values[n] = keys[i], v
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if _, err := u.to.maps["flows"].BatchUpdate(keys[:n], values[:n], nil); err != nil {
		return fmt.Errorf("copy flows: %w", err)
	}
	return nil
}

// second takes over what the old program, which runs no more, did since first.
func (u *unit) second() error {
	for id := range u.fresh() {
		if err := u.merge(id); err != nil {
			return err
		}
	}
	if u.lost > 0 {
		u.log.Warn("connections opened during the upgrade were lost", "connections", u.lost)
	}
	return errors.Join(u.sweepFlows(), u.sweepOpenings())
}

// rest takes over what the new maps have nothing of, when it is not known what
// was first copied: what they have is later.
func (u *unit) rest() error {
	for id := range u.fresh() {
		if id < u.new.len {
			if n := load(u.new, id); n.State != uint8(bpf.DirectorConnStateSTATE_FREE) {
				continue
			}
		}
		if err := u.merge(id); err != nil {
			return err
		}
	}
	return errors.Join(u.sweepFlows(), u.sweepOpenings())
}

func (u *unit) merge(id uint32) error {
	o := load(u.old, id)
	before, now := uint32(0), liveStatus(&o)
	if id < uint32(len(u.shadow)) {
		before = u.shadow[id]
	}
	if before == 0 {
		if now == 0 {
			return nil
		}
		return u.create(id, o)
	}
	n := load(u.new, id)
	switch {
	case now == 0:
		return u.end(id, n, before)
	case ClientTuple(o) != ClientTuple(n):
		if err := u.end(id, n, before); err != nil {
			return err
		}
		return u.create(id, o)
	case now != before || ServerTuple(o) != ServerTuple(n):
		return u.change(id, o, n, before)
	}
	u.refresh(id, o, n)
	return nil
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
	ok, err := u.addFlows(at, o)
	if err != nil || ok {
		return err
	}
	atomic.StoreUint32(word(u.new, at), 0)
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
func (u *unit) end(id uint32, n bpf.Conn, before uint32) error {
	now := atomic.SwapUint32(word(u.new, id), 0)
	u.uncount(n, now, before)
	return u.removeFlows(id, n)
}

// change takes over another state or server. If the new program has changed the
// connection too, its word counts, and what the old one counted is taken back.
func (u *unit) change(id uint32, o, n bpf.Conn, before uint32) error {
	if !atomic.CompareAndSwapUint32(word(u.new, id), before, status(&o)) {
		u.uncount(o, status(&o), before)
		return nil
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
	if err := u.removeFlows(id, n); err != nil {
		return err
	}
	save(u.new, id, o)
	_, err := u.addFlows(id, o)
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
