package consul

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/hashicorp/consul/api"
)

// entry is one instance in an answer of /v1/health/service. The API's own
// type lacks a check's interval, and decoding it costs more.
type entry struct {
	Node struct {
		Node            string
		Address         string
		TaggedAddresses map[string]string
	}
	Service struct {
		ID              string
		Address         string
		TaggedAddresses map[string]api.ServiceAddress
		Meta            map[string]string
		Port            int
		Weights         struct{ Passing, Warning int }
	}
	Checks []check
}

type check struct {
	CheckID string
	Name    string
	Status  string
	Notes   string
	Output  string
}

// view is what an answer is read with.
type view struct {
	service string
	wan     bool       // another datacenter's: prefer wan addresses
	prev    *pool.Pool // the last pool; may be nil
	now     time.Time
	at      time.Time // when the answer was true
}

// pool turns an answer into a pool. Instances that cannot be used are left
// out, broken reports are replaced by the last good one; each such flaw is
// told.
func (v view) pool(entries []entry) (*pool.Pool, []string) {
	p := &pool.Pool{Service: v.service, Servers: make([]pool.Server, 0, len(entries)), At: v.at}
	var flaws []string
	for i := range entries {
		server, err := v.server(&entries[i])
		if err != nil {
			flaws = append(flaws, fmt.Sprintf("%s: %v", server.ID, err))
		}
		if len(server.Addrs) > 0 {
			p.Servers = append(p.Servers, server)
		}
	}
	slices.SortStableFunc(p.Servers, func(a, b pool.Server) int { return cmp.Compare(a.ID, b.ID) })
	p.Servers = slices.CompactFunc(p.Servers, func(a, b pool.Server) bool { return a.ID == b.ID })
	return p, flaws
}

// server turns an instance into a server. With an error it may still be
// usable: then it has addresses.
func (v view) server(e *entry) (pool.Server, error) {
	s := pool.Server{ID: e.Node.Node + "/" + e.Service.ID, Node: e.Node.Node}
	if e.Service.Port < 0 || e.Service.Port > math.MaxUint16 {
		return s, fmt.Errorf("port %d is not within 0 and 65535", e.Service.Port)
	}
	s.Port = uint16(e.Service.Port)
	addrs, err := e.addrs(v.wan)
	if len(addrs) == 0 {
		return s, cmp.Or(err, fmt.Errorf("no address"))
	}
	s.Addrs = addrs
	s.Capacity, s.WarningFactor = e.weights()
	s.Health, s.Reason = health(e.Checks)
	prev := v.prev.Find(s.ID)
	s.Since = v.since(s, prev)
	load, loadErr := v.load(e, s.Health, prev)
	s.Load = load
	return s, cmp.Or(loadErr, err)
}

// weights reads Consul's. A passing weight of 0 cannot be registered: it
// means that none was given. A warning weight of 0 is what Consul stores when
// only the passing one was given, so it leaves the choice to the policy.
func (e *entry) weights() (capacity, warning float64) {
	w := e.Service.Weights
	if w.Passing <= 0 {
		return 1, 0
	}
	if w.Warning > 0 && w.Warning < w.Passing {
		warning = float64(w.Warning) / float64(w.Passing)
	}
	return float64(w.Passing), warning
}

// since is when the server's health changed last.
func (v view) since(s pool.Server, prev *pool.Server) time.Time {
	switch {
	case prev == nil:
		return time.Time{}
	case prev.Health == s.Health:
		return prev.Since
	}
	return v.now
}

// load reads the agent's report. An agent writes on each change that matters
// and its TTL check proves that it lives, so a report holds at the time of
// the answer, unless the checks are critical: then it is as old as it was.
func (v view) load(e *entry, h pool.Health, prev *pool.Server) (pool.Load, error) {
	load, err := pool.LoadFromMeta(e.Service.Meta, v.at)
	var last pool.Load
	if prev != nil {
		last = prev.Load
	}
	if err != nil {
		return last, err
	}
	if h == pool.Critical && load.Known() {
		if !last.Known() {
			return pool.Load{}, nil
		}
		load.At = last.At
	}
	return load, nil
}

// health is the worst of the checks, with maintenance above all, and why.
func health(checks []check) (pool.Health, string) {
	worst, reason := pool.Passing, ""
	for _, c := range checks {
		h := c.health()
		if rank(h) > rank(worst) {
			worst, reason = h, c.reason(h)
		}
	}
	return worst, reason
}

func (c check) health() pool.Health {
	if c.CheckID == api.NodeMaint || strings.HasPrefix(c.CheckID, api.ServiceMaintPrefix) {
		return pool.Drained
	}
	switch c.Status {
	case api.HealthPassing:
		return pool.Passing
	case api.HealthWarning:
		return pool.Warning
	case api.HealthCritical:
		return pool.Critical
	}
	return pool.Unknown
}

// rank orders states from best to worst.
func rank(h pool.Health) int {
	return slices.Index([]pool.Health{pool.Passing, pool.Unknown, pool.Warning, pool.Critical, pool.Drained}, h)
}

func (c check) reason(h pool.Health) string {
	text := firstLine(c.Output)
	if h == pool.Drained {
		// Where Consul puts the reason given for maintenance.
		text = firstLine(cmp.Or(c.Notes, c.Output))
	}
	if text == "" {
		return clip(cmp.Or(c.Name, c.CheckID))
	}
	return clip(cmp.Or(c.Name, c.CheckID) + ": " + text)
}

// serfHealth is the check of the node that Consul makes itself.
const serfHealth = "serfHealth"

// maxReason bounds what is shown of a check's output, in bytes.
const maxReason = 200

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return clip(strings.TrimSpace(line))
}

// clip makes text from elsewhere fit to be shown: bounded, valid, printable.
func clip(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason]
	}
	s = strings.ToValidUTF8(s, "")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
