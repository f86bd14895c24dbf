package dataplane

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

func stub(t *testing.T) *Plane {
	t.Helper()
	return mustOpenSpec(t, small(bpffs(t)), specWith(t, unchanged))
}

func TestServices(t *testing.T) {
	p := stub(t)
	a := must(p.PutService(web()))(t)
	b := must(p.PutService(Service{Name: "other", Tries: 1, Sticky: 360 * time.Second, StickyBits: 120}))(t)
	if a == b {
		t.Fatalf("both have id %d", a)
	}
	v := p.Services()[b]
	if ServiceName(v) != "other" || v.StickyBits != 120 || Duration(v.Sticky).Round(time.Second) != 360*time.Second || v.InUse != 1 {
		t.Errorf("service %+v", v)
	}
	real := must(p.PutReal(backend(a, "192.0.2.1")))(t)
	if err := p.SetTables(a, []uint32{real}, nil); err != nil {
		t.Fatal(err)
	}
	changed := web()
	changed.Scheduler = bpf.DirectorSchedulerSCHED_MAGLEV
	if id := must(p.PutService(changed))(t); id != a || p.Services()[a].Scheduler != uint8(bpf.DirectorSchedulerSCHED_MAGLEV) {
		t.Errorf("changed service %d: %+v", id, p.Services()[id])
	}
	if members, _, err := p.Tables(a); err != nil || !slices.Equal(members, []uint32{real}) {
		t.Errorf("a change lost the members: %v %v", members, err)
	}
	if err := p.RemoveService(a); err == nil {
		t.Error("removed with a real server")
	}
	for _, err := range []error{p.SetTables(a, nil, nil), p.RemoveReal(real), p.RemoveService(a)} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := p.RemoveService(a); err == nil {
		t.Error("removed twice")
	}
	if id := must(p.PutService(Service{Name: "third", Tries: 1}))(t); id != a {
		t.Errorf("third has id %d, want %d", id, a)
	}
}

func TestServicesThatCannotBe(t *testing.T) {
	p := stub(t)
	for name, edit := range map[string]func(*Service){
		"no name":        func(s *Service) { s.Name = "" },
		"a long name":    func(s *Service) { s.Name = strings.Repeat("x", 32) },
		"a long prefix":  func(s *Service) { s.StickyBits = 129 },
		"no try":         func(s *Service) { s.Tries = 0 },
		"too many tries": func(s *Service) { s.Tries = 17 },
		"ports reversed": func(s *Service) { s.LportMin, s.LportMax = 2, 1 },
	} {
		s := web()
		edit(&s)
		if _, err := p.PutService(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if n := len(p.Services()); n != 0 {
		t.Errorf("%d services", n)
	}
}

func TestVIPs(t *testing.T) {
	p := stub(t)
	a := must(p.PutService(web()))(t)
	b := must(p.PutService(Service{Name: "b", Tries: 1}))(t)
	one, two := ip("198.51.100.1"), ip("2001:db8::1")
	owner := func(addr netip.Addr, port uint16, proto uint8) int {
		var id uint32
		k := VIP{addr, port, proto}.key()
		err := p.set.maps["vips"].Lookup(vipBytes(k), &id)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return -1
		}
		if err != nil {
			t.Fatal(err)
		}
		return int(id)
	}
	put := func(service uint32, vips ...VIP) {
		t.Helper()
		if err := p.PutVIPs(service, vips); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string, want map[VIP]int) {
		t.Helper()
		for v, id := range want {
			if got := owner(v.Addr, v.Port, v.Proto); got != id {
				t.Errorf("%s: %v belongs to %d, want %d", when, v, got, id)
			}
		}
	}
	put(a, VIP{one, 80, 6}, VIP{one, 443, 6}, VIP{two, 80, 6})
	put(b, VIP{one, 53, 17})
	check("two services at one address", map[VIP]int{{one, 80, 6}: int(a), {one, 53, 17}: int(b), {one, 0, 0}: int(a), {two, 0, 0}: int(a)})
	if err := p.PutVIPs(b, []VIP{{one, 53, 17}, {two, 80, 6}, {two, 81, 6}}); err == nil {
		t.Error("took the VIP of another service")
	}
	check("after an error", map[VIP]int{{two, 80, 6}: int(a), {two, 81, 6}: -1})
	put(a, VIP{two, 80, 6})
	check("the other keeps the address", map[VIP]int{{one, 80, 6}: -1, {one, 443, 6}: -1, {one, 0, 0}: int(b), {two, 0, 0}: int(a)})
	if err := p.RemoveService(b); err != nil {
		t.Fatal(err)
	}
	check("nobody has the address", map[VIP]int{{one, 53, 17}: -1, {one, 0, 0}: -1, {two, 80, 6}: int(a)})
	for _, v := range []VIP{{one, 0, 6}, {one, 80, 0}, {netip.Addr{}, 80, 6}, {ip("fe80::1%lo"), 80, 6}} {
		if err := p.PutVIPs(a, []VIP{v}); err == nil {
			t.Errorf("%v: no error", v)
		}
	}
}

func TestReals(t *testing.T) {
	p := stub(t)
	svc := must(p.PutService(web()))(t)
	r := backend(svc, "2001:db8::5")
	r.Nexthop, r.Source, r.Ifindex, r.MTU = ip("192.0.2.254"), ip("2001:db8::100"), 3, 1500
	id := must(p.PutReal(r))(t)
	r.Generation = p.Reals(svc)[id].Generation
	if r.Generation == 0 || p.Reals(svc)[id] != r {
		t.Errorf("got %+v, want %+v", p.Reals(svc)[id], r)
	}
	r.State, r.DownAt = bpf.DirectorRealStateREAL_DOWN, Tick()
	if err := p.SetReal(id, r); err != nil || p.Reals(svc)[id] != r {
		t.Errorf("got %+v %v, want %+v", p.Reals(svc)[id], err, r)
	}
	other := r
	other.Port++
	if err := p.SetReal(id, other); err == nil {
		t.Error("a real server became another")
	}
	for name, edit := range map[string]func(*Real){
		"no address":            func(r *Real) { r.Addr = netip.Addr{} },
		"an address with zone":  func(r *Real) { r.Addr = ip("fe80::1%lo") },
		"a next hop with zone":  func(r *Real) { r.Nexthop = ip("fe80::1%lo") },
		"absent":                func(r *Real) { r.State = bpf.DirectorRealStateREAL_ABSENT },
		"a state of the future": func(r *Real) { r.State = 9 },
		"a service that is not": func(r *Real) { r.Service = 200 },
	} {
		bad := r
		edit(&bad)
		if _, err := p.PutReal(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRemoveReal(t *testing.T) {
	p := stub(t)
	svc := must(p.PutService(web()))(t)
	id := must(p.PutReal(backend(svc, "192.0.2.1")))(t)
	generation := p.Reals(svc)[id].Generation
	if err := p.SetTables(svc, []uint32{id}, []uint32{id}); err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveReal(id); !errors.Is(err, ErrBusy) {
		t.Errorf("while a member: %v", err)
	}
	if err := p.SetTables(svc, nil, nil); err != nil {
		t.Fatal(err)
	}
	p.tallies.at(id).Inactive = 1
	if err := p.RemoveReal(id); !errors.Is(err, ErrBusy) {
		t.Errorf("with a connection: %v", err)
	}
	p.tallies.at(id).Inactive = 0
	p.tallies.at(id).Syns = 9
	if err := p.RemoveReal(id); err != nil {
		t.Fatal(err)
	}
	if err := p.RemoveReal(id); err == nil {
		t.Error("removed twice")
	}
	// Ids rest; the first comes again when all others are taken.
	for n := range 63 {
		if other := must(p.PutReal(backend(svc, netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}).String())))(t); other == id {
			t.Fatalf("id %d was given again at once", id)
		}
	}
	if again := must(p.PutReal(backend(svc, "192.0.2.2")))(t); again != id || p.Tally(id).Syns != 0 || p.Reals(svc)[id].Generation == generation {
		t.Errorf("id %d, want %d: tally %+v, generation %d", again, id, p.Tally(id), p.Reals(svc)[id].Generation)
	}
	if _, err := p.PutReal(backend(svc, "192.0.2.3")); err == nil {
		t.Error("more real servers than there is room for")
	}
}

func TestSetTables(t *testing.T) {
	p := stub(t)
	svc := must(p.PutService(web()))(t)
	other := must(p.PutService(Service{Name: "other", Tries: 1}))(t)
	a := must(p.PutReal(backend(svc, "192.0.2.1")))(t)
	b := must(p.PutReal(backend(svc, "192.0.2.2")))(t)
	far := must(p.PutReal(backend(other, "192.0.2.1")))(t)
	for name, tables := range map[string][2][]uint32{
		"another service's":          {{a, far}, nil},
		"unknown":                    {{a, 63}, nil},
		"twice":                      {{a, a}, nil},
		"in the table, not a member": {{a}, {a, b}},
		"too many":                   {make([]uint32, bpf.MaxMembers+1), nil},
	} {
		if err := p.SetTables(svc, tables[0], tables[1]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	ids := []uint32{a, b}
	big := make([]uint32, bpf.Slots/3)
	for i := range big {
		big[i] = ids[rng.IntN(2)]
	}
	for range 4 { // needs what was replaced last: waits for it
		if err := p.SetTables(svc, ids, big); err != nil {
			t.Fatal(err)
		}
	}
	members, table, err := p.Tables(svc)
	if err != nil || !slices.Equal(members, ids) || !slices.Equal(table, big) {
		t.Errorf("tables differ: %v %d %v", members, len(table), err)
	}
	if err := p.SetTables(svc, ids, slices.Repeat(ids, bpf.Slots/2)); err == nil {
		t.Error("more slots than there are")
	}
	if err := p.SetTables(svc, ids, ids); err != nil {
		t.Errorf("after one that failed: %v", err)
	}
}

// TestMemoryIsWhatCallsRead compares what is read through memory with what the
// system call gives.
func TestMemoryIsWhatCallsRead(t *testing.T) {
	p := stub(t)
	svc := must(p.PutService(web()))(t)
	id := must(p.PutReal(backend(svc, "192.0.2.1")))(t)
	enter(t, p.set, 3, connection(3))
	for name, v := range map[string][2][]byte{
		"services": {call(t, p, "services", svc), bytesOf(p.services.at(svc))},
		"reals":    {call(t, p, "reals", id), bytesOf(p.reals.at(id))},
		"tallies":  {call(t, p, "tallies", 0), bytesOf(p.tallies.at(0))},
		"conns":    {call(t, p, "conns", 3), bytesOf(p.conns.at(3))},
		"config":   {call(t, p, "config", 0), bytesOf(p.config.at(0))},
		"gauges":   {call(t, p, "gauges", 0), bytesOf(p.gauges.at(0))},
		"the last": {call(t, p, "slots", bpf.Slots-1), bytesOf(p.slots.at(bpf.Slots - 1))},
	} {
		if zero(v[0]) && name != "the last" || !slices.Equal(v[0], v[1]) {
			t.Errorf("%s: %x by the call, %x in memory", name, v[0], v[1])
		}
	}
}

func call(t *testing.T, p *Plane, name string, key uint32) []byte {
	t.Helper()
	b, err := p.set.maps[name].LookupBytes(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNumbers(t *testing.T) {
	p := stub(t)
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		t.Fatal(err)
	}
	volumes, ones := make([][5]uint64, cpus), make([]uint64, cpus)
	for cpu := range cpus {
		volumes[cpu], ones[cpu] = [5]uint64{1, 2, 3, 4, 5}, 1
	}
	svc := must(p.PutService(web()))(t)
	id := must(p.PutReal(backend(svc, "192.0.2.1")))(t)
	if err := p.set.maps["traffic"].Put(id, volumes); err != nil {
		t.Fatal(err)
	}
	n := uint64(cpus)
	if v, err := p.Traffic(id); err != nil || v != (bpf.Volume{Conns: n, InPackets: 2 * n, InBytes: 3 * n, OutPackets: 4 * n, OutBytes: 5 * n}) {
		t.Errorf("traffic %+v %v", v, err)
	}
	last := p.set.maps["reasons"].MaxEntries() - 1
	for _, at := range []uint32{0, (svc+1)*uint32(reasonMax) + 5, last} {
		if err := p.set.maps["reasons"].Put(at, ones); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := p.Reasons()
	if err != nil || len(rows) != bpf.MaxServices+1 || rows[0][0] != n || rows[svc+1][5] != n || rows[bpf.MaxServices][reasonMax-1] != n {
		t.Errorf("reasons: %d rows, %v", len(rows), err)
	}
	if err := errors.Join(p.RemoveReal(id), p.RemoveService(svc)); err != nil {
		t.Fatal(err)
	}
	must(p.PutService(Service{Name: "next", Tries: 1}))(t)
	if rows, err := p.Reasons(); err != nil || rows[svc+1][5] != 0 || rows[0][0] != n {
		t.Errorf("the next service starts with another's counts: %v", err)
	}
}

func TestConns(t *testing.T) {
	p := stub(t)
	enter(t, p.set, 2, connection(2))
	enter(t, p.set, 5, connection(5))
	over := connection(7)
	over.State = uint8(bpf.DirectorConnStateSTATE_DEAD)
	enter(t, p.set, 7, over)
	var ids []uint32
	p.Conns(func(id uint32, c bpf.Conn) bool {
		if Addr(c.Client) != Addr(connection(int(id)).Client) {
			t.Errorf("connection %d of %v", id, Addr(c.Client))
		}
		ids = append(ids, id)
		return true
	})
	if !slices.Equal(ids, []uint32{2, 5}) {
		t.Errorf("connections %v", ids)
	}
	p.Conns(func(id uint32, _ bpf.Conn) bool { ids = append(ids, id); return false })
	if len(ids) != 3 {
		t.Errorf("went on after false: %v", ids)
	}
	if _, _, ok, err := p.Lookup(ClientTuple(connection(9))); ok || err != nil {
		t.Errorf("found what is not there: %v", err)
	}
	for _, id := range []uint32{7, 8, 1 << 30} {
		if c, ok := p.Conn(id); ok {
			t.Errorf("connection %d: %+v", id, c)
		}
	}
}

func TestAsksEndWithTheirContext(t *testing.T) {
	p := stub(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	started := make(chan struct{})
	go func() {
		close(started)
		ended <- p.Asks(ctx, func(bpf.Ask) {})
	}()
	<-started
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAskOf(t *testing.T) {
	full := bpf.Ask{Kind: uint32(bpf.DirectorAskKindASK_TOO_BIG), Mtu: 1400, Len: 60}
	long := full
	long.Len = 129
	for name, c := range map[string]struct {
		raw []byte
		ok  bool
	}{
		"whole":                      {bytesOf(&full), true},
		"padded to 8 bytes":          {append(slices.Clone(bytesOf(&full)), 0, 0, 0, 0), true},
		"cut":                        {bytesOf(&full)[:143], false},
		"of a length that cannot be": {bytesOf(&long), false},
		"empty":                      {nil, false},
	} {
		if a, ok := askOf(c.raw); ok != c.ok || ok && a != full {
			t.Errorf("%s: %+v %v", name, a, ok)
		}
	}
}

// maxVerified bounds what the verifier goes through, of the million that it
// may: a change that doubles it wants a thought.
const maxVerified = 100_000

func TestProgramIsVerifiedInSteps(t *testing.T) {
	p := mustOpen(t, small(bpffs(t)))
	s := must(p.ProgramStats())(t)
	t.Logf("verified %d instructions, %d bytes translated, %d of machine code", s.Verified, s.Translated, s.Jited)
	if s.Verified == 0 || s.Verified > maxVerified || s.Translated == 0 {
		t.Errorf("%+v, want at most %d", s, maxVerified)
	}
}

func TestTicks(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		-time.Second: 0, 0: 0, 1: 1, 1 << 20: 1, 1<<20 + 1: 2, time.Second: 954, 1 << 62: 1<<31 - 1,
	} {
		if got := Ticks(d); got != want {
			t.Errorf("%v is %d ticks, want %d", d, got, want)
		}
	}
	before := Tick()
	if now := Tick(); int32(now-before) < 0 {
		t.Errorf("tick went back from %d to %d", before, now)
	}
}

func TestOptions(t *testing.T) {
	for name, c := range map[string]struct {
		Options
		ok bool
	}{
		"defaults":             {Options{Dir: "/sys/fs/bpf/ballast"}, true},
		"relative directory":   {Options{Dir: "ballast"}, false},
		"a dot in the name":    {Options{Dir: "/sys/fs/bpf/ballast.1"}, false},
		"too few connections":  {Options{Dir: "/sys/fs/bpf/b", Connections: 255}, false},
		"the most connections": {Options{Dir: "/sys/fs/bpf/b", Connections: MaxConnections}, true},
		"too many":             {Options{Dir: "/sys/fs/bpf/b", Connections: MaxConnections + 1}, false},
		"too many reals":       {Options{Dir: "/sys/fs/bpf/b", Reals: bpf.MaxReals + 1}, false},
	} {
		if _, err := c.complete(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	for conns, want := range map[uint32]uint32{256: 64, 262144: 65536, 262143: 32768, 1000: 128, 1 << 24: 1 << 22} {
		if got := openings(conns); got != want {
			t.Errorf("%d openings for %d connections, want %d", got, conns, want)
		}
	}
	ticks := Timeouts{Closing: time.Second}.ticks()
	if ticks[bpf.DirectorConnStateSTATE_TIME_WAIT] != Ticks(time.Second) || ticks[bpf.DirectorConnStateSTATE_ANSWERED] != Ticks(time.Minute) ||
		ticks[bpf.DirectorConnStateSTATE_CLOSE] != Ticks(10*time.Second) || ticks[bpf.DirectorConnStateSTATE_FREE] != 0 {
		t.Errorf("timeouts %v", ticks)
	}
}
