package ballast

import (
	"cmp"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/ballast-lb/ballast/internal/probe"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

func opts(metric, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: plugin.Namespace, Subsystem: name, Name: metric, Help: help}
}

func counter(metric, help string, labels ...string) *prometheus.CounterVec {
	return promauto.NewCounterVec(prometheus.CounterOpts(opts(metric, help)), labels)
}

func gauge(metric, help string, labels ...string) *prometheus.GaugeVec {
	return promauto.NewGaugeVec(prometheus.GaugeOpts(opts(metric, help)), labels)
}

// CoreDNS's registry lives as long as the process, and so do these. Their
// labels are bounded by the zone files and by what the sources hold now:
// whatever goes takes its series along.
var (
	zoneReloads      = counter("zone_reloads_total", "Counter of changed zone files that were read.", "zone", "result")
	zoneReloadFailed = gauge("zone_reload_failed", "1 while the zone file on disk cannot be used.", "zone")
	notifyFailing    = gauge("zone_notify_failing", "1 while not all secondaries are told of changes.", "zone")
	probes           = counter("probes_total", "Counter of probes of SRV targets, by result.", "source", "result")
)

// steerMetrics are the series of one LB name, looked up beforehand.
type steerMetrics struct {
	zone, name string
	adapting   atomic.Pointer[adapting]

	mu       sync.Mutex
	believed map[string]bool // IDs of servers of which series tell what is believed
	learning bool            // there are series of what the policy knows
	gone     bool            // nothing is shown any more
}

func newSteerMetrics(zone, owner string) *steerMetrics {
	return &steerMetrics{zone: zone, name: owner, believed: map[string]bool{}}
}

// keep drops the series of servers that are not in a plan any more.
func (m *steerMetrics) keep(plan *policy.Plan) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.believed) == 0 {
		return
	}
	present := serverIDs(plan)
	m.forgetBeliefs(func(id string) bool { return !present[id] })
}

func serverIDs(plan *policy.Plan) map[string]bool {
	ids := make(map[string]bool, len(plan.Members))
	for i := range plan.Members {
		ids[plan.Members[i].Server.ID] = true
	}
	return ids
}

// forget drops all series of the name.
func (m *steerMetrics) forget() {
	// By their exact labels: a match would look at the series of all names.
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = true
	m.forgetBeliefs(all)
	m.forgetKeys()
}

func showNotify(origin string, failing bool) {
	value := 0.0
	if failing {
		value = 1
	}
	notifyFailing.WithLabelValues(origin).Set(value)
}

// prober is a source that probes its servers itself.
type prober interface{ Stats() probe.Stats }

// showProbes adds what was probed since the last time. A count that stands
// still tells that nobody watches the servers any more.
func (f *feed) showProbes() {
	p, ok := f.source.(prober)
	if !ok {
		return
	}
	now, last := p.Stats(), f.probed
	f.probed = now
	probes.WithLabelValues(f.name, "ok").Add(float64(passed(now) - passed(last)))
	probes.WithLabelValues(f.name, "fail").Add(float64(now.Failed - last.Failed))
	probes.WithLabelValues(f.name, "unable").Add(float64(now.Unable - last.Unable))
	probes.WithLabelValues(f.name, "late").Add(float64(now.Late - last.Late))
}

func passed(s probe.Stats) uint64 { return s.Runs - s.Failed - s.Unable }

func forgetProbes(source string) {
	for _, result := range []string{"ok", "fail", "unable", "late"} {
		probes.DeleteLabelValues(source, result)
	}
}

// handOver drops the series of servers that the name's next steer does not have.
func (m *steerMetrics) handOver(next *steerMetrics) {
	next.mu.Lock()
	kept := maps.Clone(next.believed)
	next.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgetBeliefs(func(id string) bool { return !kept[id] })
}

// forgetMetrics drops the series of what the hub that goes on does not have:
// the next one, or after a failed reload the one before.
func (h *hub) forgetMetrics() {
	steers, sources, origins := map[string]*steer{}, map[string]bool{}, map[string]bool{}
	h.mu.Lock()
	other := cmp.Or(h.successor, h.old)
	h.mu.Unlock()
	if other != nil {
		for _, z := range other.allZones() {
			origins[z.origin] = true
			for owner, s := range z.data.Load().steers {
				steers[z.place(owner)] = s
			}
		}
		for _, f := range other.allFeeds() {
			sources[f.name] = true
		}
	}
	for _, z := range h.allZones() {
		for owner, s := range z.data.Load().steers {
			s.handOver(steers[z.place(owner)])
		}
		if !origins[z.origin] {
			zoneReloads.DeletePartialMatch(prometheus.Labels{"zone": z.origin})
			zoneReloadFailed.DeleteLabelValues(z.origin)
			notifyFailing.DeleteLabelValues(z.origin)
		}
	}
	for _, f := range h.allFeeds() {
		if !sources[f.name] {
			forgetProbes(f.name)
		}
	}
}

// place tells names apart, also those of one zone in several views.
func (z *zone) place(owner string) string { return placeOf(z.origin, z.nth) + owner }

func placeOf(origin string, nth int) string { return fmt.Sprintf("%s %d ", origin, nth) }

// handOver lets go of what next does not have, which steers the name from now on
// if it is not nil: series, and what the policy has learned.
func (s *steer) handOver(next *steer) {
	if s.learner != nil && (next == nil || next.policy != s.policy) {
		s.learner.Close()
	}
	if next == nil {
		s.metrics.forget()
		return
	}
	s.metrics.handOver(next.metrics)
}
