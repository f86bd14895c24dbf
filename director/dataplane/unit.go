package dataplane

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

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
	config   array[bpf.Settings]
	// shadow is the status word of each connection when it was copied, 0 if it
	// was over or never was.
	shadow []uint32
	frozen bool // the old program runs no more
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
	mapInto(&errs, to, "config", &u.config)
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, u.close())
	}
	return u, nil
}

func (u *unit) close() error {
	return closeAll(&u.old, &u.new, &u.oldGauge, &u.gauge, &u.tallies, &u.config)
}

// fresh is one more than the highest id that the old program may have used.
func (u *unit) fresh() uint32 { return min(atomic.LoadUint32(&u.oldGauge.at(0).Fresh), u.old.len) }

// first copies all connections. It goes over what changed meanwhile until that
// is little.
func (u *unit) first() error {
	u.shadow = make([]uint32, u.old.len)
	if err := u.all(); err != nil {
		return err
	}
	if err := copyArray(u.from.maps["openings"], u.to.maps["openings"]); err != nil {
		return err
	}
	const rounds, little = 10, 16
	for range rounds {
		if n, err := u.pass(u.changed); err != nil || n <= little {
			return err
		}
	}
	return nil
}

// all copies each connection, and tells of it now and then if that takes long.
func (u *unit) all() error {
	const every = 2 * time.Second
	fresh, told := min(u.fresh(), u.new.len), time.Now()
	for id := uint32(0); id < fresh; id += adoptions {
		if time.Since(told) >= every {
			told = time.Now()
			u.log.Info("connections are being taken over", "done", id, "of", fresh)
		}
		if err := u.copy(id, min(id+adoptions, fresh)); err != nil {
			return err
		}
	}
	return nil
}

// copy copies connections while the old program goes on: one whose tuple still
// belongs to an earlier one is left to a later pass.
func (u *unit) copy(from, to uint32) error {
	ids := make([]uint32, 0, to-from)
	for id := from; id < to; id++ {
		c := load(u.old, id)
		if u.shadow[id] = liveStatus(&c); u.shadow[id] != 0 {
			save(u.new, id, c)
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	refused, err := u.to.enlist(ids...)
	for _, id := range refused {
		u.shadow[id] = 0
		atomic.StoreUint32(word(u.new, id), 0)
	}
	return err
}

// early takes over the connections that the old program has made since first, as
// soon as the new one runs: their packets come now.
func (u *unit) early() error {
	_, err := u.pass(u.changed)
	return err
}

// second takes over all else that the old program, which runs no more, did.
func (u *unit) second() error {
	u.frozen = true
	if _, err := u.pass(u.differs); err != nil {
		return err
	}
	if u.lost > 0 {
		u.log.Warn("connections opened during the upgrade were lost", "connections", u.lost)
	}
	return u.sweepOpenings()
}

// changed tells whether the status of a connection is another than when it was
// copied. The old program may still run.
func (u *unit) changed(id uint32) bool {
	if id >= u.new.len {
		return false // differs sees to it
	}
	w := atomic.LoadUint32(word(u.old, id))
	if !live(uint8(w)) {
		w = 0
	}
	return w != u.shadow[id]
}

// differs tells the same of all but time stamps and sequence numbers, which it
// brings up to date.
func (u *unit) differs(id uint32) bool {
	o := load(u.old, id)
	if liveStatus(&o) != u.shadow[id] {
		return true
	}
	if u.shadow[id] == 0 {
		return false
	}
	n := load(u.new, id)
	if ClientTuple(o) != ClientTuple(n) || ServerTuple(o) != ServerTuple(n) {
		return true
	}
	u.refresh(id, o, n)
	return false
}

// pass takes over the connections of which differs tells that they changed, and
// gives their number. All entries that are over go before the first is added:
// one connection's may be the next one's.
func (u *unit) pass(differs func(id uint32) bool) (n int, err error) {
	var ids []uint32
	for id := range u.fresh() {
		if differs(id) {
			ids = append(ids, id)
		}
	}
	for _, step := range []func(uint32) error{u.leave, u.merge} {
		for _, id := range ids {
			if err := step(id); err != nil {
				return 0, err
			}
		}
	}
	return len(ids), nil
}

// snapshot copies a connection of the old program; false while that changes it.
func (u *unit) snapshot(id uint32) (c bpf.Conn, ok bool) {
	before := atomic.LoadUint64(&u.old.words(id)[stateWord])
	c = load(u.old, id)
	return c, u.frozen || atomic.LoadUint64(&u.old.words(id)[stateWord]) == before && atomic.LoadUint32(lockAt(u.old, id)) == 0
}
