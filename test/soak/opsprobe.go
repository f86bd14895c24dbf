package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// probedSource is a source of probed servers, which stand in this process.
type probedSource struct {
	name     string // as the model has it
	tcp      bool   // only whether they take connections counts
	backends map[string]*backend
}

// probedSources are two pools of five servers each, of which the last two only
// answer if the first three are down.
func (s *stage) startProbed() error {
	for i, records := range []string{"_api._tcp", "_tcpd._tcp"} {
		src := &probedSource{name: "srv " + records + "." + origin, tcp: i == 1, backends: map[string]*backend{}}
		pool := oracle.Pool{}
		for n := range 5 {
			addr := netip.AddrFrom4([4]byte{127, 77, byte(i), byte(n + 1)})
			host := fmt.Sprintf("p%d-%d.%s", i, n, origin)
			b, err := newBackend(netip.AddrPortFrom(addr, s.probePort).String())
			if err != nil {
				return err
			}
			id := host[:len(host)-1] + ":" + strconv.Itoa(int(s.probePort))
			src.backends[id] = b
			pool[id] = oracle.Server{
				ID: id, Addrs: []netip.Addr{addr}, Host: host, Port: s.probePort,
				Tier: uint16(10 + n/3*10), Weight: 1 + n,
			}
		}
		s.probed = append(s.probed, src)
		s.draft.targets[src.name] = pool
	}
	return nil
}

// probeLane changes the moods of probed servers.
func (s *stage) probeLane() lane {
	change := func(draw func(*rand.Rand) mood, many bool) func(context.Context, *rand.Rand, func(string, ...any) func()) error {
		return func(_ context.Context, r *rand.Rand, note func(string, ...any) func()) error {
			src := s.probed[r.IntN(len(s.probed))]
			pool := s.model.Pool(src.name)
			moods := map[string]mood{}
			if many {
				for id := range pool {
					moods[id] = well
				}
				for range len(pool) - 1 + r.IntN(2) {
					moods[pick(r, pool).ID] = src.possible(draw(r))
				}
			} else {
				moods[pick(r, pool).ID] = src.possible(draw(r))
			}
			defer note("%s: %v", src.name, moods)()
			return s.setMoods(src, moods)
		}
	}
	bad := func(r *rand.Rand) mood { return []mood{refuses, hangs, fails}[r.IntN(3)] }
	return lane{name: "probes", every: s.pace(time.Second), ops: []op{
		{name: "server well", share: 5, do: change(func(*rand.Rand) mood { return well }, false)},
		{name: "server refuses, hangs or fails", share: 5, fault: true, do: change(bad, false)},
		{name: "many servers refuse, hang or fail", share: 1, fault: true, do: change(bad, true)},
		{name: "all servers well", share: 1, do: change(func(*rand.Rand) mood { return well }, true)},
	}}
}

// possible is the mood, or one that its check can tell from being well.
func (p *probedSource) possible(m mood) mood {
	if p.tcp && m != well {
		return refuses
	}
	return m
}

func (s *stage) setMoods(src *probedSource, moods map[string]mood) error {
	pool := s.model.Pool(src.name)
	next := pool
	for id, m := range moods {
		server := pool[id]
		if server.Health = oracle.Critical; m == well {
			server.Health = oracle.Passing
		}
		next = next.With(server)
	}
	s.model.BeginPool(s.clock.now(), src.name, next)
	for id, m := range moods {
		if err := src.backends[id].set(m); err != nil {
			return err
		}
	}
	s.model.DonePool(s.clock.now(), src.name)
	return nil
}
