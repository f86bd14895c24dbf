package bpf_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/bpf/bpftest"
	"github.com/ballast-lb/ballast/director/schedule"
	"github.com/cilium/ebpf"
)

// A pool for the schedulers, in the datapath and for the reference alike.
type poolTest struct {
	testing.TB
	*bpftest.Datapath
	family
	table   schedule.Table
	weights map[uint32]uint32
	out     map[uint32]bool // not eligible
	byAddr  map[netip.Addr]uint32
	round   uint16
}

const (
	poolService = 2
	firstReal   = 100
	poolSeed    = 0x9e3779b97f4a7c15
	largest     = 1024
)

func loadPools(t *testing.T) *bpftest.Datapath {
	return bpftest.Load(t, func(spec *ebpf.CollectionSpec) {
		for _, name := range []string{bpf.DirectorMapReals, bpf.DirectorMapTallies, bpf.DirectorMapTraffic} {
			spec.Maps[name].MaxEntries = 2048
		}
	})
}

// newPool writes a service with n servers of random weights, some of them 0.
func newPool(t *testing.T, d *bpftest.Datapath, f family, kind schedule.Kind, n int, random *rand.Rand) *poolTest {
	d.Reset(t)
	p := &poolTest{TB: t, Datapath: d, family: f, weights: map[uint32]uint32{}, out: map[uint32]bool{}, byAddr: map[netip.Addr]uint32{}}
	var members []schedule.Member
	base := f.servers[0].As16()
	for i := range n {
		id, addr := uint32(firstReal+i), base
		addr[14], addr[15] = byte(1+i>>8), byte(i)
		weight := schedule.One * random.Uint32N(4)
		if i == 0 {
			weight = schedule.One
		}
		p.weights[id], p.byAddr[netip.AddrFrom16(addr).Unmap()] = weight, id
		members = append(members, schedule.Member{Key: fmt.Sprint("server ", i), Real: id, Weight: weight})
		bpftest.Put(t, d.Reals, id, bpf.Real{Addr: addr, Ifindex: 1, Weight: weight, Service: poolService,
			Port: bpftest.Port(8080), State: uint8(bpf.DirectorRealStateREAL_UP)})
	}
	p.table = schedule.Build(kind, members, poolSeed)
	d.AddService(t, poolService, bpf.Service{Scheduler: uint8(kind), Seed: poolSeed, Tries: 8, Retry: retry},
		p.table.Members, p.table.Slots, bpftest.VIP(netip.AddrPortFrom(f.vip, 80), bpftest.TCP))
	return p
}

// exclude takes servers out of the choice, by state, without a new table.
func (p *poolTest) exclude(ids ...uint32) {
	p.Helper()
	for _, id := range ids {
		p.out[id] = true
		bpftest.Edit(p.TB, p.Reals, id, func(r *bpf.Real) { r.State = ejected })
	}
}

// busy writes present numbers of connections.
func (p *poolTest) busy(random *rand.Rand) {
	p.Helper()
	for id := range p.weights {
		bpftest.Put(p.TB, p.Tallies, id, bpf.Tally{Active: random.Uint32N(20), Inactive: random.Uint32N(2000)})
	}
}

func (p *poolTest) tally(id uint32) bpf.Tally { return bpftest.Get[bpf.Tally](p.TB, p.Tallies, id) }

// reference is what director/schedule chooses in the datapath's present state.
func (p *poolTest) reference(kind schedule.Kind, client netip.AddrPort) (uint32, bool) {
	p.Helper()
	port := client.Port()
	if kind == schedule.KindSH {
		port = 0
	}
	return schedule.Pick(kind, p.table, schedule.Input{
		Hash:     schedule.Hash(client.Addr().As16(), port, poolSeed),
		Cursor:   bpftest.Get[uint32](p.TB, p.Cursors, uint32(poolService)),
		Active:   func(id uint32) uint32 { return p.tally(id).Active },
		Weight:   func(id uint32) uint32 { return p.weights[id] },
		Eligible: func(id uint32) bool { return !p.out[id] },
	})
}

// chosen sends a SYN and tells the server that it went to, or false.
func (p *poolTest) chosen(client netip.AddrPort) (uint32, bool) {
	p.Helper()
	frame := bpftest.Segment(client, netip.AddrPortFrom(p.vip, 80), syn, 1, 0, "").Bytes()
	out, verdict, err := p.Forwarded(frame, &bpftest.Context{}, 0)
	if err != nil || verdict != bpftest.Redirect {
		p.Fatalf("verdict %d: %v", verdict, err)
	}
	parsed, err := bpftest.Parse(out)
	if err != nil {
		p.Fatal(err)
	}
	id, ok := p.byAddr[parsed.Dst.Addr()]
	return id, ok
}

// clients gives n different clients, the same ones each time.
func (p *poolTest) clients(n int) []netip.AddrPort {
	random := rand.New(rand.NewPCG(7, 7))
	seen := map[netip.AddrPort]bool{}
	var all []netip.AddrPort
	for len(all) < n {
		addr := p.client.As16()
		addr[14], addr[15] = byte(random.Uint32()), byte(random.Uint32())
		c := netip.AddrPortFrom(netip.AddrFrom16(addr).Unmap(), uint16(1024+random.IntN(60000)))
		if !seen[c] {
			seen[c] = true
			all = append(all, c)
		}
	}
	return all
}

// The datapath chooses as director/schedule does, for every scheduler, in pools
// small and large, with servers of no weight and with some that are out.
func TestSchedulersAreTheReference(t *testing.T) {
	d := loadPools(t)
	for i, name := range schedule.Kinds() {
		kind := schedule.Kind(i)
		for _, n := range []int{1, 2, 3, 7, 32, 200, largest} {
			if kind.Counting() && n > schedule.ExactMembers {
				continue // drawn at random: see below
			}
			for _, f := range families() {
				t.Run(fmt.Sprintf("%s/%d servers/%s", name, n, f.name), func(t *testing.T) {
					random := rand.New(rand.NewPCG(1, uint64(n)))
					p := newPool(t, d, f, kind, n, random)
					p.agree(kind, 60)
					p.exclude(p.table.Members[:n/2]...)
					p.agree(kind, 40)
					if kind.Counting() {
						p.busy(random)
						p.agree(kind, 40)
					}
					// All but one out: the walk through the table ends, and the
					// members have their turn.
					heaviest := slices.MaxFunc(p.table.Members, func(a, b uint32) int { return int(p.weights[a]) - int(p.weights[b]) })
					p.exclude(p.table.Members...)
					delete(p.out, heaviest)
					bpftest.Edit(t, p.Reals, heaviest, func(r *bpf.Real) { r.State = uint8(bpf.DirectorRealStateREAL_UP) })
					p.agree(kind, 5)
					p.exclude(heaviest)
					p.agree(kind, 1)
				})
			}
		}
	}
}

// agree compares the choices for n clients that come one after the other.
func (p *poolTest) agree(kind schedule.Kind, n int) {
	p.Helper()
	p.round++ // so that no client comes twice
	for i, client := range p.clients(n) {
		client = netip.AddrPortFrom(client.Addr(), client.Port()^p.round)
		want, some := p.reference(kind, client)
		got, ok := p.chosen(client)
		if got != want || ok != some {
			p.Fatalf("client %d, %v: server %d (%v), the reference takes %d (%v)", i, client, got, ok, want, some)
		}
	}
}

// Of a large pool some are drawn by weight, and the least loaded of them is
// taken: an idle server among busy ones gets far more than its share, and no
// server without a weight, or out, gets anything.
func TestLeastConnectionsOfALargePool(t *testing.T) {
	d := loadPools(t)
	for _, kind := range []schedule.Kind{schedule.KindLC, schedule.KindWLC, schedule.KindLoad} {
		t.Run(kind.String(), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 1))
			p := newPool(t, d, families()[1], kind, 64, random)
			idle := p.table.Slots[0]
			for id := range p.weights {
				bpftest.Put(t, p.Tallies, id, bpf.Tally{Active: 1000})
			}
			out := slices.DeleteFunc(slices.Clone(p.table.Members), func(id uint32) bool { return id == idle })[:20]
			p.exclude(out...)
			hits, n := 0, 400
			for _, client := range p.clients(n) {
				bpftest.Put(t, p.Tallies, idle, bpf.Tally{})
				id, ok := p.chosen(client)
				if !ok || p.weights[id] == 0 || p.out[id] {
					t.Fatalf("server %d (%v) of weight %d, out: %v", id, ok, p.weights[id], p.out[id])
				}
				if id == idle {
					hits++
				}
			}
			share := 0.0
			for _, id := range p.table.Slots {
				if id == idle {
					share++
				}
			}
			share /= float64(len(p.table.Slots))
			if float64(hits) < 5*share*float64(n) {
				t.Errorf("the idle server got %d of %d, though its share of the draws is %.3f each of %d", hits, n, share, schedule.Draws)
			}
		})
	}
}
