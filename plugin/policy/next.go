package policy

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// maxServers is how many servers of a pool a Choice can point at.
const maxServers = math.MaxUint16 + 1

// moment is one run of Next.
type moment struct {
	cfg      Config
	in       Input
	prev     *State
	plan     *Plan
	verdicts []verdict // of plan.Members
	tier     uint16    // that answers, while the mode is Live or Quorum
	reported time.Time // when a server reported its load last; zero if none ever did
	forgets  time.Time // when the policy changes because of that; zero if it does not
}

// Next judges a moment: who answers from now on, and what to remember. It is
// pure, and leaves prev as it is; prev is nil at first. It is to be called
// whenever the pool, the overrides or the Config change, and at Plan.Due.
func Next(cfg Config, in Input, prev *State) (*Plan, *State) {
	m := &moment{cfg: cfg, in: in, prev: prev}
	m.settle()
	m.plan = &Plan{Config: m.cfg, At: in.Now, Pool: in.Pool, Status: in.Status}
	if in.Pool == nil {
		m.plan.Mode, m.plan.Reason = Waiting, "no pool yet from its source"
	} else {
		m.judgeAll()
		m.relieve()
		m.explainFactors()
		m.choose()
		m.explainVanishing()
	}
	m.plan.prepare(in.Seed)
	m.plan.Bounds, m.plan.TTL = m.limit()
	m.plan.Due = m.due()
	return m.plan, m.remember()
}

func (m *moment) judgeAll() {
	known := m.in.Pool
	gone := len(known.Servers) == 0 && m.prev.lastPool() != nil
	if gone {
		known = m.prev.lastPool()
	}
	servers := sorted(known.Servers)
	servers = servers[:min(len(servers), maxServers)]
	m.plan.Members = make([]Member, len(servers))
	m.verdicts = make([]verdict, len(servers))
	for i := range servers {
		f, v := judge(&m.cfg, &m.in, &servers[i], m.prev)
		if gone {
			v.gone, v.live, f.Health = true, false, 0
		}
		m.plan.Members[i] = Member{Server: &servers[i], Factors: f}
		m.verdicts[i] = v
	}
	m.levelZeroTiers()
}

// sorted returns the servers in ID order, which pools promise.
func sorted(servers []pool.Server) []pool.Server {
	byID := func(a, b pool.Server) int { return strings.Compare(a.ID, b.ID) }
	if slices.IsSortedFunc(servers, byID) {
		return servers
	}
	return slices.SortedStableFunc(slices.Values(servers), byID)
}

// levelZeroTiers gives capacity 1 to all servers of a tier in which none has
// any: RFC 2782 recommends weight 0 where there is nothing to choose by.
func (m *moment) levelZeroTiers() {
	some := map[uint16]bool{}
	for _, mb := range m.plan.Members {
		some[mb.Server.Tier] = some[mb.Server.Tier] || mb.Factors.Capacity > 0
	}
	for i := range m.plan.Members {
		if mb := &m.plan.Members[i]; !some[mb.Server.Tier] {
			mb.Factors.Capacity = 1
		}
	}
}

// relieve ignores the exclusion for overload if it hits every live server that
// could take something: someone has to take the clients, so all get what their
// load leaves them in proportion.
func (m *moment) relieve() {
	overloaded := false
	for i := range m.verdicts {
		v := &m.verdicts[i]
		if !v.live || m.plan.Members[i].Factors.Capacity == 0 {
			continue
		}
		if !v.overloaded && !v.alarm {
			return
		}
		overloaded = true
	}
	if !overloaded {
		return
	}
	for i := range m.verdicts {
		if v := &m.verdicts[i]; v.live && (v.overloaded || v.alarm) {
			if v.target = towards(roomFor(v.load), 1, v.faded); kinds[m.cfg.Policy].load != gradual {
				v.target = 1
			}
			v.headroom = v.target
			m.plan.Members[i].Factors.Headroom = v.headroom
		}
	}
}

func (m *moment) remember() *State {
	next := &State{live: m.prev.lastLive(), pool: m.prev.lastPool(), reported: m.reported}
	if m.in.Pool == nil {
		if m.prev != nil {
			next.servers = m.prev.servers
		}
		return next
	}
	if len(m.in.Pool.Servers) == 0 {
		return next
	}
	next.pool = m.in.Pool
	next.servers = make(map[string]memory, len(m.verdicts))
	live := map[string]bool{}
	for i := range m.verdicts {
		mb, v := &m.plan.Members[i], &m.verdicts[i]
		next.servers[mb.Server.ID] = v.memory
		if mb.In && v.live {
			live[mb.Server.ID] = true
		}
	}
	if len(live) > 0 {
		next.live = live
	}
	return next
}
