package ballast

import (
	"slices"
	"sync"

	"github.com/ballast-lb/ballast/internal/pool"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
)

// planMetrics are made of the present plans when somebody asks for them: kept as
// series they would take more memory than all else for many servers.
type planMetrics struct {
	ttl, weight, health, answers *prometheus.Desc

	mu   sync.Mutex
	hubs []*hub // that run, the newest last
}

// plans is registered as all metrics of the plugin are, once for the process.
// CoreDNS knows the instances too, but locks their list while it shuts down, and
// a scrape that waited for it would delay the end.
var plans = newPlanMetrics()

func init() { prometheus.MustRegister(plans) }

func newPlanMetrics() *planMetrics {
	desc := func(metric, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, name, metric), help, labels, nil)
	}
	return &planMetrics{
		ttl:     desc("ttl_seconds", "TTL of answers given now.", "zone", "name"),
		weight:  desc("server_weight", "The weight that selection uses.", "zone", "name", "real_server"),
		answers: desc("answers_total", "Counter of answers that a real server was put into.", "zone", "name", "real_server"),
		health:  desc("server_health", "Health of a real server: 1 passing, 0.5 warning, 0 critical, -1 drained.", "zone", "name", "real_server"),
	}
}

func (g *planMetrics) add(h *hub) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hubs = append(g.hubs, h)
}

func (g *planMetrics) remove(h *hub) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hubs = slices.DeleteFunc(g.hubs, func(other *hub) bool { return other == h })
}

func (g *planMetrics) running() []*hub {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.hubs)
}

// healthValues are the values of server_health.
var healthValues = map[pool.Health]float64{pool.Passing: 1, pool.Unknown: 1, pool.Warning: 0.5, pool.Critical: 0, pool.Drained: -1}

// Describe implements prometheus.Collector.
func (g *planMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- g.ttl
	out <- g.weight
	out <- g.health
	out <- g.answers
}

// Collect implements prometheus.Collector. Of a name that several instances or
// views have, the newest counts.
func (g *planMetrics) Collect(out chan<- prometheus.Metric) {
	type place struct{ zone, name string }
	seen := map[place]bool{}
	for _, h := range slices.Backward(g.running()) {
		for _, z := range h.allZones() {
			for owner, s := range z.data.Load().steers {
				if at := (place{z.origin, owner}); !seen[at] {
					seen[at] = true
					g.collect(out, z.origin, owner, s.served.Load())
				}
			}
		}
	}
}

func (g *planMetrics) collect(out chan<- prometheus.Metric, zone, owner string, sv *served) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		if m, err := prometheus.NewConstMetric(d, kind, v, labels...); err == nil {
			out <- m
		}
	}
	send(g.ttl, prometheus.GaugeValue, sv.plan.TTL.Seconds(), zone, owner)
	for i := range sv.plan.Members {
		m := &sv.plan.Members[i]
		send(g.weight, prometheus.GaugeValue, m.Weight, zone, owner, m.Server.ID)
		send(g.health, prometheus.GaugeValue, healthValues[m.Server.Health], zone, owner, m.Server.ID)
		send(g.answers, prometheus.CounterValue, float64(sv.members[i].given.Load()), zone, owner, m.Server.ID)
	}
}
