package oracle

import (
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// viewKey is all that a view depends on. Spans never change but for their ends,
// so that their numbers are enough.
type viewKey struct {
	lb                            *LB
	states, loads, before, drains window
	hasBefore                     bool
	steady, unknown, forgotten    bool
}

// memo keeps the latest views: most answers are judged by the same.
type memo struct {
	mu    sync.Mutex
	views map[viewKey]*view
}

const memoLimit = 1024

func (m *memo) get(key viewKey, build func() *view) *view {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.views[key]; v != nil {
		return v
	}
	if m.views == nil || len(m.views) >= memoLimit {
		m.views = map[viewKey]*view{}
	}
	v := build()
	m.views[key] = v
	return v
}

// look finds what an LB name of a zone may be answered with. The caller holds mu.
func (m *Model) look(z *Zone, lb *LB, a Asked) *view {
	src := m.sources[lb.Source]
	oldest, newest := src.sight.oldest(a.Sent), src.sight.newest(a.Received)
	loads := oldest - m.limits.Load
	if m.startedSince(oldest, a.Received) {
		loads -= m.limits.Ages
	}
	key := viewKey{
		lb:     lb,
		states: src.pools.during(oldest, newest),
		loads:  src.pools.during(loads, newest),
		drains: m.drains.during(a.Sent-m.limits.Operator, a.Received),
		steady: !src.sight.troubled(a.Sent-m.limits.Load, a.Received),
	}
	key.unknown = src.probed && m.bornSince(lb, oldest, a.Received)
	key.before, key.hasBefore = src.before(lb, key.states)
	if key.hasBefore {
		kept := src.pools.in(key.before)
		since := kept[len(kept)-1].from
		key.forgotten = m.startedSince(since, a.Received) || m.bornSince(lb, since, a.Received)
	}
	return m.memo.get(key, func() *view {
		c := circumstances{
			states: src.pools.in(key.states), loads: src.pools.in(key.loads), drains: m.drains.in(key.drains),
			steady: key.steady, unknown: key.unknown, forgotten: key.forgotten, fallback: z.addresses(lb.Empty),
		}
		if key.hasBefore {
			c.before = src.pools.in(key.before)
		}
		return newView(lb, c)
	})
}

// before is the stretch of a source that may be remembered as the last in which
// its pool was not empty, or had somebody live, before that came to be otherwise.
func (s *source) before(lb *LB, w window) (window, bool) {
	i := w.first - s.pools.dropped
	for i >= 0 && !worthKeeping(lb, s.pools.spans[i].value) {
		i--
	}
	if i < 0 {
		return window{}, false
	}
	from := s.pools.spans[i].from
	if i+1 < len(s.pools.spans) {
		from = s.pools.spans[i+1].from
	}
	return s.pools.during(s.sight.oldest(from), s.pools.spans[i].to), true
}

func worthKeeping(lb *LB, p Pool) bool {
	if lb.Empty != "last" {
		return len(p) > 0
	}
	for _, s := range p {
		if s.alive() {
			return true
		}
	}
	return false
}

// bornSince tells whether some zone between the two did not have the LB name, or
// had it with another source, so that nothing is known of what was before.
func (m *Model) bornSince(lb *LB, from, to time.Duration) bool {
	spans := m.zones.in(m.zones.during(m.file.oldest(from), to))
	for i := range spans {
		n := spans[i].value.Names[lb.Owner]
		if n == nil || n.LB == nil || n.LB.Source != lb.Source {
			return true
		}
	}
	return false
}

// named tells whether a source was named by each zone between the two, so that what
// it says is known whatever name it is for.
func (m *Model) named(source string, from, to time.Duration) bool {
	spans := m.zones.in(m.zones.during(m.file.oldest(from), to))
	for i := range spans {
		if !spans[i].value.names(source) {
			return false
		}
	}
	return true
}

func (z *Zone) names(source string) bool {
	for _, n := range z.Names {
		if n.LB != nil && n.LB.Source == source {
			return true
		}
	}
	return false
}

// addresses are the static IPv4 and IPv6 addresses of a name.
func (z *Zone) addresses(owner string) (addrs []netip.Addr) {
	n := z.Names[owner]
	if n == nil {
		return nil
	}
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		for _, text := range n.Sets[qtype] {
			addrs = append(addrs, netip.MustParseAddr(text))
		}
	}
	return addrs
}
