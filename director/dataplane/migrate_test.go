package dataplane

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// specWith is the committed object with maps changed, and with programs that do
// nothing, but those that the index needs: they load at once, and cannot mind
// the change.
func specWith(t *testing.T, edit func(maps map[string]*ebpf.MapSpec)) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := bpf.LoadDirector()
	if err != nil {
		t.Fatal(err)
	}
	for name, prog := range spec.Programs {
		if name == adopt || name == disown {
			continue // short, and needed
		}
		prog.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}
	}
	edit(spec.Maps)
	return spec
}

// grown has longer values in a map, as a build with one more field has.
func grown(names ...string) func(map[string]*ebpf.MapSpec) {
	return func(maps map[string]*ebpf.MapSpec) {
		for _, name := range names {
			maps[name].ValueSize += 16
			maps[name].Value = nil // else it must be of that size
		}
	}
}

func unchanged(map[string]*ebpf.MapSpec) {}

func mustOpenSpec(t *testing.T, o Options, spec *ebpf.CollectionSpec) *Plane {
	t.Helper()
	p, err := open(o, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, p) })
	return p
}

// connection makes the nth connection of a test, to real server 0.
func connection(n int) bpf.Conn {
	return bpf.Conn{
		Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}).As16(), Vip: ip("198.51.100.1").As16(),
		Server: ip("203.0.113.1").As16(), Local: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}).As16(),
		Cport: Port(uint16(1024 + n)), Vport: Port(80), Sport: Port(8080), Lport: Port(uint16(1024 + n)),
		Proto: 6, Family: 4, State: uint8(bpf.DirectorConnStateSTATE_ESTABLISHED), Seen: Tick(), ServerSeen: Tick(),
	}
}

// enter puts a connection in the maps as the datapath does.
func enter(t *testing.T, s *set, id uint32, c bpf.Conn) {
	t.Helper()
	conns, err := mapArray[bpf.Conn](s.maps["conns"])
	if err != nil {
		t.Fatal(err)
	}
	defer conns.close()
	gauges, err := mapArray[bpf.Gauge](s.maps["gauges"])
	if err != nil {
		t.Fatal(err)
	}
	defer gauges.close()
	tallies, err := mapArray[bpf.Tally](s.maps["tallies"])
	if err != nil {
		t.Fatal(err)
	}
	defer tallies.close()
	conns.store(id, c, stateWord*8)
	list(t, s, id, c)
	g := gauges.at(0)
	g.Fresh = max(g.Fresh, id+1)
	g.Used++
	tallies.at(c.Real).Active++
}

// list adds a connection's entries to the index, as if it were the only writer.
func list(t *testing.T, s *set, id uint32, c bpf.Conn) {
	t.Helper()
	config, err := mapArray[bpf.Settings](s.maps["config"])
	if err != nil {
		t.Fatal(err)
	}
	defer config.close()
	v := config.load(0)
	for h, tuple := range tuplesOf(id, c) {
		home := bpf.Locate(v.Seed, v.Buckets, tuple)
		b := bucketOf(t, s, home.First)
		free := slices.Index(b.Entries[:], 0)
		if free < 0 {
			t.Fatalf("bucket %d is full", home.First)
		}
		b.Entries[free] = home.Entry(h)
		if err := s.maps["buckets"].Put(home.First, bytesOf(&b)); err != nil {
			t.Fatal(err)
		}
	}
}

func bucketOf(t *testing.T, s *set, i uint32) (b bpf.Bucket) {
	t.Helper()
	if err := s.maps["buckets"].Lookup(i, bytesOf(&b)); err != nil {
		t.Fatal(err)
	}
	return b
}

// tuplesOf are a connection's entries in the index.
func tuplesOf(id uint32, c bpf.Conn) map[bpf.Handle]bpf.Tuple {
	tuples := map[bpf.Handle]bpf.Tuple{bpf.HandleOf(id, true): ServerTuple(c)}
	if c.State != uint8(bpf.DirectorConnStateSTATE_MOVED) {
		tuples[bpf.HandleOf(id, false)] = ClientTuple(c)
	}
	return tuples
}

// entries counts what is in the index.
func entries(t *testing.T, s *set) (n int) {
	t.Helper()
	for i := range s.maps["buckets"].MaxEntries() {
		b := bucketOf(t, s, i)
		n += b.Used()
	}
	return n
}

func wantConn(t *testing.T, p *Plane, id uint32, want bpf.Conn) {
	t.Helper()
	got, ok := p.Conn(id)
	want.Seen, want.ServerSeen = got.Seen, got.ServerSeen
	if !ok || got != want {
		t.Errorf("connection %d: %v\n got %+v\nwant %+v", id, ok, got, want)
	}
	for _, tuple := range []struct {
		bpf.Tuple
		server bool
	}{{ClientTuple(want), false}, {ServerTuple(want), true}} {
		if at, server, ok, err := p.Lookup(tuple.Tuple); err != nil || !ok || at != id || server != tuple.server {
			t.Errorf("connection %d: its tuple leads to %d %v %v %v", id, at, server, ok, err)
		}
	}
}

func TestMapsAreReplaced(t *testing.T) {
	unit := []string{"conns", "openings"}
	all := []string{"conns", "openings", "services", "reals", "tallies", "traffic", "config", "gauges", "sticky"}
	for _, c := range []struct {
		name          string
		before, after func(map[string]*ebpf.MapSpec)
		size, resized int
	}{
		{"more connections", unchanged, unchanged, 1024, 4096},
		{"fewer connections", unchanged, unchanged, 4096, 512},
		{"connections gain a field", unchanged, grown(unit...), 1024, 1024},
		{"connections lose a field", grown(unit...), unchanged, 1024, 1024},
		{"services and numbers gain a field", unchanged, grown("services", "reals", "tallies", "traffic", "gauges", "config"), 1024, 1024},
		{"all gain a field and grow", unchanged, grown(all...), 1024, 2048},
	} {
		t.Run(c.name, func(t *testing.T) { replaceMaps(t, specWith(t, c.before), specWith(t, c.after), c.size, c.resized) })
	}
}

func replaceMaps(t *testing.T, before, after *ebpf.CollectionSpec, size, resized int) {
	const n = 200
	o := small(bpffs(t))
	o.Connections = size
	p := mustOpenSpec(t, o, before)
	svc := must(p.PutService(web()))(t)
	real := must(p.PutReal(backend(svc, "203.0.113.1")))(t)
	if err := p.SetTables(svc, []uint32{real}, []uint32{real, real}); err != nil {
		t.Fatal(err)
	}
	if err := p.PutVIPs(svc, []VIP{{ip("198.51.100.1"), 80, 6}}); err != nil {
		t.Fatal(err)
	}
	all := make(map[uint32]bpf.Conn)
	for id := range uint32(n) {
		all[id] = connection(int(id))
		enter(t, p.set, id, all[id])
	}
	// Ids 200 to 209 were given back.
	p.gauges.at(0).Fresh = n + 10
	for id := uint32(n); id < n+10; id++ {
		if err := p.set.maps["released"].Put(nil, id); err != nil {
			t.Fatal(err)
		}
	}
	p.tallies.at(real).Syns = 77
	seed := p.Settings().Seed
	mustClose(t, p)

	o.Connections = resized
	p = mustOpenSpec(t, o, after)
	for id, c := range all {
		wantConn(t, p, id, c)
	}
	if conns, _ := p.Capacity(); int(conns) != resized {
		t.Errorf("%d connections, want %d", conns, resized)
	}
	g := p.Gauge()
	if g.Fresh < n+10 || g.Used != n {
		t.Errorf("gauge %+v", g)
	}
	if got := int(g.Fresh) - idsGivenBack(t, p); got != n {
		t.Errorf("%d ids are neither given back nor fresh, want %d", got, n)
	}
	if tally := p.Tally(real); tally.Active != n || tally.Syns != 77 {
		t.Errorf("tally %+v", tally)
	}
	s := p.Settings()
	if s.Seed != seed || s.Conns != uint32(resized) || s.Openings != openings(uint32(resized)) || s.Buckets != buckets(uint32(resized)) || s.Merging != 0 || s.GcEvery == 0 {
		t.Errorf("settings %+v", s)
	}
	if id := must(p.PutReal(backend(svc, "203.0.113.1")))(t); id != real || len(p.VIPs(svc)) != 1 {
		t.Errorf("real server %d, VIPs %v", id, p.VIPs(svc))
	}
	if _, table, err := p.Tables(svc); err != nil || len(table) != 2 {
		t.Errorf("table %v %v", table, err)
	}
}

// idsGivenBack empties the queue of released ids and counts them, each once.
func idsGivenBack(t *testing.T, p *Plane) int {
	t.Helper()
	seen := make(map[uint32]bool)
	for {
		id, ok, err := pop(p.set.maps["released"])
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return len(seen)
		}
		if seen[id] {
			t.Errorf("id %d was given back twice", id)
		}
		seen[id] = true
	}
}

func TestShrinkBelowIdsInUseIsRefused(t *testing.T) {
	o := small(bpffs(t))
	p := mustOpenSpec(t, o, specWith(t, unchanged))
	enter(t, p.set, 700, connection(1))
	mustClose(t, p)
	o.Connections = 256
	p = mustOpenSpec(t, o, specWith(t, unchanged))
	if conns, _ := p.Capacity(); conns != 1024 || p.Settings().Conns != 1024 {
		t.Errorf("room for %d connections, want the 1024 of before", conns)
	}
	wantConn(t, p, 700, connection(1))
}

func TestOtherKeysAreRefused(t *testing.T) {
	o := small(bpffs(t))
	mustClose(t, mustOpenSpec(t, o, specWith(t, unchanged)))
	spec := specWith(t, func(maps map[string]*ebpf.MapSpec) {
		maps["sticky"].KeySize += 4
		maps["sticky"].Key = nil
	})
	if p, err := open(o, spec); err == nil {
		mustClose(t, p)
		t.Error("opened with keys of another size")
	}
	mustOpenSpec(t, o, specWith(t, unchanged)) // and nothing is broken
}

// twoSets gives sets of an old and a new build, as in the midst of an upgrade.
func twoSets(t *testing.T) (from, to *set) { return twoSetsOf(t, 1024, 1024) }

func twoSetsOf(t *testing.T, before, size int) (from, to *set) {
	t.Helper()
	o := small(bpffs(t))
	o.Connections = before
	p := mustOpenSpec(t, o, specWith(t, unchanged))
	o.Connections = size
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	spec := specWith(t, grown("conns"))
	c, err := plan(spec, p.set, o.sizes(), o.Logger)
	if err != nil {
		t.Fatal(err)
	}
	if err := copyMaps(c, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.next.close() })
	q := &Plane{set: c.next}
	if err := q.loadPrograms(spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.collect.Close(); q.end.Close() })
	return p.set, c.next
}

// TestChangesDuringAnUpgrade has the old program change connections between
// the copies, and the new one after it took over.
func TestChangesDuringAnUpgrade(t *testing.T) {
	const (
		untouched = uint32(iota)
		closing   // closed by packets while copied
		ended     // ended while copied
		reused    // ended, its id given to another
		moved     // given another server
		both      // closed in both
		created   // while copied
		rivalled  // while copied, and its client again in the new program
		rival
		returned // while copied, with the addresses of gone, which ended
		gone
		total
	)
	from, to := twoSets(t)
	u, err := newUnit(from, to, small("/").mustComplete(t).Logger)
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	for id := range created {
		enter(t, from, id, connection(int(id)))
	}
	enter(t, from, gone, connection(103))
	if err := errors.Join(u.prepare(), u.first()); err != nil {
		t.Fatal(err)
	}
	active := &u.tallies.at(0).Active
	inactive := &u.tallies.at(0).Inactive
	become := func(a array[byte], id uint32, state bpf.State) {
		c := load(a, id)
		u.account(c, -1)
		c.State = uint8(state)
		u.account(c, 1)
		save(a, id, c)
	}
	// The old program goes on.
	become(u.old, closing, bpf.DirectorConnStateSTATE_FIN_WAIT)
	become(u.old, ended, bpf.DirectorConnStateSTATE_DEAD)
	become(u.old, reused, bpf.DirectorConnStateSTATE_DEAD)
	enter(t, from, reused, connection(100))
	away := connection(int(moved))
	away.Server = ip("203.0.113.2").As16()
	save(u.old, moved, away)
	become(u.old, both, bpf.DirectorConnStateSTATE_FIN_WAIT)
	enter(t, from, created, connection(101))
	enter(t, from, rivalled, connection(102))
	become(u.old, gone, bpf.DirectorConnStateSTATE_DEAD)
	enter(t, from, returned, connection(103))
	// The new one.
	become(u.new, both, bpf.DirectorConnStateSTATE_CLOSE)
	enter(t, to, rival, connection(102))
	for _, step := range []func() error{u.early, u.second} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	p := &Plane{set: to, config: u.config, conns: array[bpf.Conn]{mem: u.new.mem, stride: u.new.stride, len: u.new.len}}
	wantConn(t, p, untouched, connection(int(untouched)))
	wantConn(t, p, reused, connection(100))
	wantConn(t, p, moved, away)
	wantConn(t, p, created, connection(101))
	wantConn(t, p, rival, connection(102))
	wantConn(t, p, returned, connection(103))
	for id, state := range map[uint32]bpf.State{
		closing: bpf.DirectorConnStateSTATE_FIN_WAIT,
		both:    bpf.DirectorConnStateSTATE_CLOSE,
	} {
		if c, _ := p.Conn(id); bpf.State(c.State) != state {
			t.Errorf("connection %d: state %d, want %d", id, c.State, state)
		}
	}
	for _, id := range []uint32{ended, rivalled, gone} {
		if c, ok := p.Conn(id); ok {
			t.Errorf("connection %d goes on: %+v", id, c)
		}
	}
	if n := entries(t, to); n != 2*int(total-3) { // but ended, rivalled and gone
		t.Errorf("%d entries of %d connections", n, total-3)
	}
	// untouched, reused, moved, created, rival and returned; closing and both.
	if a, i := atomic.LoadUint32(active), atomic.LoadUint32(inactive); a != 6 || i != 2 {
		t.Errorf("%d active and %d inactive, want 6 and 2", a, i)
	}
}

func (o Options) mustComplete(t *testing.T) Options {
	t.Helper()
	o.Dir = filepath.Join("/", "x")
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOpeningsDuringAnUpgrade(t *testing.T) {
	from, to := twoSets(t)
	u, err := newUnit(from, to, small("/").mustComplete(t).Logger)
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	opening := func(id, slot uint32) {
		c := connection(int(id))
		c.State, c.Opening = uint8(bpf.DirectorConnStateSTATE_OPENING), slot+1
		enter(t, from, id, c)
		o := bpf.Opening{Conn: id + 1, Isn: 1000 + id}
		if err := from.maps["openings"].Put(slot, bytesOf(&o)); err != nil {
			t.Fatal(err)
		}
	}
	opening(0, 5)
	opening(1, 6)
	if err := errors.Join(u.prepare(), u.first()); err != nil {
		t.Fatal(err)
	}
	opening(2, 7)
	answered := load(u.old, 1)
	answered.State, answered.Opening = uint8(bpf.DirectorConnStateSTATE_ANSWERED), 0
	save(u.old, 1, answered)
	if err := u.second(); err != nil {
		t.Fatal(err)
	}
	for slot, want := range map[uint32]uint32{5: 1, 6: 0, 7: 3} {
		value, err := to.maps["openings"].LookupBytes(slot)
		if err != nil {
			t.Fatal(err)
		}
		var o bpf.Opening
		copy(bytesOf(&o), value)
		if o.Conn != want {
			t.Errorf("opening %d is of %d, want %d", slot, o.Conn, want)
		}
	}
	for id, want := range []uint32{6, 0, 8} {
		if c := load(u.new, uint32(id)); c.Opening != want {
			t.Errorf("connection %d has opening %d, want %d", id, c.Opening, want)
		}
	}
}

// TestCrashDuringAnUpgrade stops at each step, and opens again.
func TestCrashDuringAnUpgrade(t *testing.T) {
	for stop := range 4 {
		t.Run(fmt.Sprintf("after step %d", stop), func(t *testing.T) { crash(t, stop) })
	}
}

func crash(t *testing.T, stop int) {
	ns := namespace(t)
	o := small(bpffs(t))
	p := mustOpenSpec(t, o, specWith(t, unchanged))
	if err := p.Attach(ns.veth); err != nil {
		t.Fatal(err)
	}
	enter(t, p.set, 1, connection(1))
	p.gauges.at(0).Fresh, p.gauges.at(0).Used = 9, 1
	for id := uint32(2); id < 9; id++ {
		if err := p.set.maps["released"].Put(nil, id); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, p)
	halfway(t, o, stop)

	if set := settingsAt(t, filepath.Join(o.Dir, nextDir)); stop >= 1 && set.Merging != 1 {
		t.Errorf("while tables are merged: settings %+v", set)
	}
	p = mustOpenSpec(t, o, specWith(t, grown("conns")))
	if p.Settings().Merging != 0 {
		t.Error("tables are merged, and the settings say that they are not")
	}
	if n, live := entries(t, p.set), stop/3; n != 2+2*live {
		t.Errorf("%d entries of %d connections", n, 1+live)
	}
	wantConn(t, p, 1, connection(1))
	if stop >= 3 { // as the old program's last
		wantConn(t, p, 0, connection(50))
	}
	if ids := idsGivenBack(t, p); ids != 7 {
		t.Errorf("%d ids given back, want 7", ids)
	}
	entries, err := filepath.Glob(filepath.Join(o.Dir, "*"))
	if err != nil || len(entries) != 2 {
		t.Errorf("left: %v %v", entries, err)
	}
	if all, err := p.Attached(); err != nil || len(all) != 1 {
		t.Errorf("attached: %v %v", all, err)
	}
}

func settingsAt(t *testing.T, dir string) bpf.Settings {
	t.Helper()
	s, err := openSet(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	config, err := mapArray[bpf.Settings](s.maps["config"])
	if err != nil {
		t.Fatal(err)
	}
	defer config.close()
	return config.load(0)
}

// halfway does the first steps of migrate.
func halfway(t *testing.T, o Options, stop int) {
	o, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	old, err := openSet(filepath.Join(o.Dir, currentDir))
	if err != nil {
		t.Fatal(err)
	}
	defer old.close()
	spec := specWith(t, grown("conns"))
	c, err := plan(spec, old, o.sizes(), o.Logger)
	if err != nil {
		t.Fatal(err)
	}
	p := &Plane{dir: o.Dir, log: o.Logger, set: c.next}
	defer c.next.close()
	if err := p.loadPrograms(spec); err != nil {
		t.Fatal(err)
	}
	defer p.collect.Close()
	defer p.end.Close()
	if err := p.openLinks(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		for _, l := range p.links {
			l.Close()
		}
	}()
	u, err := newUnit(old, c.next, o.Logger)
	if err != nil {
		t.Fatal(err)
	}
	defer u.close()
	late := func() error { enter(t, old, 0, connection(50)); return nil }
	steps := []func() error{
		func() error { return p.set.pin(filepath.Join(o.Dir, nextDir)) },
		func() error { return errors.Join(copyMaps(c, 0), u.prepare(), u.first()) },
		u.share,
		func() error { return errors.Join(p.swap(), late()) },
	}
	for _, step := range steps[:stop+1] {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUpgradeThatFails leaves the old maps in use, with their timeouts.
func TestUpgradeThatFails(t *testing.T) {
	o := small(bpffs(t))
	p := mustOpenSpec(t, o, specWith(t, unchanged))
	enter(t, p.set, 7, connection(7))
	settings := p.Settings()
	mustClose(t, p)
	o.Connections = 256
	spec := specWith(t, unchanged)
	// No connection can be added to the new index.
	spec.Programs[adopt].Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}
	p, err := openFailing(o, spec)
	if err == nil {
		mustClose(t, p)
		t.Fatal("opened, though a step failed")
	}
	entries, err := filepath.Glob(filepath.Join(o.Dir, nextDir, "*"))
	if err != nil || len(entries) != 0 {
		t.Errorf("left: %v %v", entries, err)
	}
	old, err := openSet(filepath.Join(o.Dir, currentDir))
	if err != nil {
		t.Fatal(err)
	}
	defer old.close()
	config, err := mapArray[bpf.Settings](old.maps["config"])
	if err != nil {
		t.Fatal(err)
	}
	defer config.close()
	if got := config.load(0).Timeouts; got != settings.Timeouts {
		t.Errorf("timeouts %v, want %v", got, settings.Timeouts)
	}
	o.Connections = 1024
	wantConn(t, mustOpenSpec(t, o, specWith(t, unchanged)), 7, connection(7))
}

// openFailing does what open does, up to a step that fails in the midst.
func openFailing(o Options, spec *ebpf.CollectionSpec) (*Plane, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	old, err := openSet(filepath.Join(o.Dir, currentDir))
	if err != nil {
		return nil, err
	}
	defer old.close()
	c, err := plan(spec, old, o.sizes(), o.Logger)
	if err != nil {
		return nil, err
	}
	defer c.next.close()
	p := &Plane{dir: o.Dir, log: o.Logger, set: c.next}
	if err := p.loadPrograms(spec); err != nil {
		return nil, err
	}
	defer p.collect.Close()
	defer p.end.Close()
	return nil, p.migrate(c)
}
