package ballast

import (
	"slices"
	"sync/atomic"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
)

// queryCounts are the queries of one LB name by policy.Mode. The name's next
// steer goes on with them.
type queryCounts [policy.Waiting + 1]atomic.Uint64

// planMetrics tell what LB names are answered with.
type planMetrics struct{ ttl, weight, health, answers, queries *prometheus.Desc }

func init() {
	prometheus.MustRegister(&planMetrics{
		ttl:     desc("ttl_seconds", "TTL of answers given now.", "zone", "name"),
		weight:  desc("server_weight", "The weight that selection uses.", "zone", "name", "real_server"),
		answers: desc("answers_total", "Counter of answers that a real server was put into.", "zone", "name", "real_server"),
		health:  desc("server_health", "Health of a real server: 1 passing, 0.5 warning, 0 critical, -1 drained.", "zone", "name", "real_server"),
		queries: desc("queries_total", "Counter of queries at LB names, by what the answer was made of.", "zone", "name", "reason"),
	})
}

func desc(metric, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, name, metric), help, labels, nil)
}

// send adds a value to a scrape. What Prometheus refuses, such as a name that is
// not UTF-8, is left out rather than all else.
func send(out chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
	if m, err := prometheus.NewConstMetric(d, kind, v, labels...); err == nil {
		out <- m
	}
}

// healthValues are the values of server_health.
var healthValues = map[pool.Health]float64{pool.Passing: 1, pool.Unknown: 1, pool.Warning: 0.5, pool.Critical: 0, pool.Drained: -1}

// Describe implements prometheus.Collector.
func (g *planMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.ttl, g.weight, g.health, g.answers, g.queries} {
		out <- d
	}
}

// Collect implements prometheus.Collector. Of a name that several instances or
// views have, the newest plan counts, and queries of all of them.
func (g *planMetrics) Collect(out chan<- prometheus.Metric) {
	type place struct{ zone, name string }
	seen := map[place][]*queryCounts{}
	for _, h := range running.newestFirst() {
		for _, z := range h.allZones() {
			for owner, s := range z.data.Load().steers {
				at := place{z.origin, owner}
				if len(seen[at]) == 0 {
					g.collect(out, z.origin, owner, s.served.Load())
				}
				if !slices.Contains(seen[at], s.queries) {
					seen[at] = append(seen[at], s.queries)
				}
			}
		}
	}
	for at, counts := range seen {
		g.collectQueries(out, at.zone, at.name, counts)
	}
}

func (g *planMetrics) collect(out chan<- prometheus.Metric, zone, owner string, sv *served) {
	send(out, g.ttl, prometheus.GaugeValue, sv.plan.TTL.Seconds(), zone, owner)
	for i := range sv.plan.Members {
		m := &sv.plan.Members[i]
		send(out, g.weight, prometheus.GaugeValue, m.Weight, zone, owner, m.Server.ID)
		send(out, g.health, prometheus.GaugeValue, healthValues[m.Server.Health], zone, owner, m.Server.ID)
		send(out, g.answers, prometheus.CounterValue, float64(sv.members[i].given.Load()), zone, owner, m.Server.ID)
	}
}

func (g *planMetrics) collectQueries(out chan<- prometheus.Metric, zone, owner string, counts []*queryCounts) {
	for mode := range policy.Waiting + 1 {
		var sum uint64
		for _, c := range counts {
			sum += c[mode].Load()
		}
		send(out, g.queries, prometheus.CounterValue, float64(sum), zone, owner, mode.String())
	}
}
