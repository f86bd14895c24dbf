package oracle

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// view is what a pool may be answered with in a stretch of time.
type view struct {
	use     usage
	servers map[string]*facts
	addrs   map[netip.Addr]string // that may be answered, with their servers
	hosts   map[string]*facts     // of SRV targets that may be answered
	known   map[string]*facts     // whose names below the LB name may exist
	sure    [2]int                // servers that must be in, with an IPv4 and an IPv6 address
	all     int                   // servers that must be in
	empty   bool                  // nobody may be right too
	noSRV   bool                  // the same for SRV: the fallback has none
}

// circumstances are what a view is made of.
type circumstances struct {
	states, loads []span[Pool]
	before        []span[Pool] // where the pool was last not empty, or had somebody live
	drains        []span[Drains]
	fallback      []netip.Addr
	steady        bool // loads were heard all the time
	unknown       bool // health may not be known yet
	forgotten     bool // what was before may not be known
}

func newView(lb *LB, c circumstances) *view {
	v := &view{
		use: usages[lb.Policy], addrs: map[netip.Addr]string{},
		hosts: map[string]*facts{}, known: map[string]*facts{},
	}
	v.servers = gather(c.states, c.loads, c.drains, v.use, c.steady)
	for id, f := range v.servers {
		f.mayLive = f.mayLive || c.unknown
		v.known[hostLabel(id)] = f
	}
	for _, f := range v.servers {
		if f.mayLive && !v.beaten(f) || v.quorum(lb) && !f.aside {
			v.allow(f)
		}
		v.count(f)
	}
	if !v.somebodyLive() {
		v.nobody(lb, c)
	}
	return v
}

func (v *view) allow(f *facts) {
	for _, a := range f.addrs {
		v.addrs[a] = f.server.ID
	}
	host := f.server.Host
	if host == "" {
		host = hostLabel(f.server.ID)
	}
	v.hosts[host] = f
}

// beaten tells that somebody must be in whom the server stands back for: in a
// lower tier, or in its own while it is overloaded.
func (v *view) beaten(f *facts) bool {
	for _, other := range v.servers {
		if other == f || !other.strong(v.use) {
			continue
		}
		if other.server.Tier < f.server.Tier || other.server.Tier == f.server.Tier && f.out(v.use) {
			return true
		}
	}
	return false
}

// quorum tells that so few may be live that all are served.
func (v *view) quorum(lb *LB) bool {
	var live, all float64
	for _, f := range v.servers {
		if f.live {
			live += f.least
		}
		if !f.aside {
			all += f.most
		}
	}
	return live < lb.UpThresh*all
}

// count counts a server if it must be in.
func (v *view) count(f *facts) {
	if !f.strong(v.use) {
		return
	}
	for _, other := range v.servers {
		if other.server.Tier < f.server.Tier && other.mayLive {
			return
		}
	}
	v.all++
	for i, is := range []func(netip.Addr) bool{netip.Addr.Is4, netip.Addr.Is6} {
		if slices.ContainsFunc(f.addrs, is) {
			v.sure[i]++
		}
	}
}

func (v *view) somebodyLive() bool {
	for _, f := range v.servers {
		if f.live {
			return true
		}
	}
	return false
}

// nobody adds what may be answered because nobody may be live.
func (v *view) nobody(lb *LB, c circumstances) {
	mayBeGone := slices.ContainsFunc(c.states, func(s span[Pool]) bool { return len(s.value) == 0 })
	v.empty = lb.Empty == "none" || mayBeGone && (c.forgotten || len(c.before) == 0)
	pool := maps.Clone(v.servers)
	if mayBeGone {
		for id, f := range gather(c.before, nil, c.drains, v.use, false) {
			if pool[id] == nil {
				f.there = f.there && !c.forgotten
				pool[id], v.known[hostLabel(id)] = f, f
			}
		}
	}
	switch lb.Empty {
	case "none":
	case "all", "last":
		v.allowDown(lb, c, pool)
	default:
		for _, a := range c.fallback {
			v.addrs[a] = lb.Empty
		}
		v.noSRV = true
	}
}

// allowDown allows servers that are served although nobody is live: those that
// were live last, if the zone says so and there are any, else all that are not
// set aside, else all.
func (v *view) allowDown(lb *LB, c circumstances, pool map[string]*facts) {
	if lb.Empty == "last" && !c.forgotten {
		last := wereLive(c.before)
		served := false
		for id, f := range pool {
			if last[id] && !f.aside {
				v.allow(f)
				served = served || !f.mayBeAside && f.there
			}
		}
		if served {
			return
		}
	}
	all := !slices.ContainsFunc(slices.Collect(maps.Values(pool)), func(f *facts) bool { return f.there && !f.mayBeAside })
	for _, f := range pool {
		if !f.aside || all {
			v.allow(f)
		}
	}
}

func wereLive(states []span[Pool]) map[string]bool {
	ids := map[string]bool{}
	for i := range states {
		for id, s := range states[i].value {
			ids[id] = ids[id] || s.alive()
		}
	}
	return ids
}

// least is how many addresses of a family an answer must have.
func (v *view) least(lb *LB, family int) int { return min(lb.Answers, v.sure[family]) }

// hostLabel is the label that the name server makes of a server's ID for the
// target of an SRV record.
func hostLabel(id string) string {
	return strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(id))
}
