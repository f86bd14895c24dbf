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

// Collect implements prometheus.Collector. Of a name that several instances, server
// blocks or views have, the plan of the newest instance's first block counts, and
// answers and queries of all.
func (g *planMetrics) Collect(out chan<- prometheus.Metric) {
	type place struct{ zone, name string }
	seen := map[place][]*steer{}
	for _, h := range running.newestFirst() {
		for _, z := range h.allZones() {
			for owner, s := range z.data.Load().steers {
				at := place{z.origin, owner}
				seen[at] = append(seen[at], s)
			}
		}
	}
	for at, steers := range seen {
		all := make([]*served, len(steers))
		for i, s := range steers {
			all[i] = s.served.Load()
		}
		g.collectPlan(out, at.zone, at.name, all[0].plan)
		g.collectAnswers(out, at.zone, at.name, all)
		g.collectQueries(out, at.zone, at.name, steers)
	}
}

func (g *planMetrics) collectPlan(out chan<- prometheus.Metric, zone, owner string, plan *policy.Plan) {
	send(out, g.ttl, prometheus.GaugeValue, plan.TTL.Seconds(), zone, owner)
	for i := range plan.Members {
		m := &plan.Members[i]
		send(out, g.weight, prometheus.GaugeValue, m.Weight, zone, owner, m.Server.ID)
		send(out, g.health, prometheus.GaugeValue, healthValues[m.Server.Health], zone, owner, m.Server.ID)
	}
}

func (g *planMetrics) collectAnswers(out chan<- prometheus.Metric, zone, owner string, all []*served) {
	counts := map[string][]*atomic.Uint64{} // by server
	for _, sv := range all {
		for i := range sv.members {
			id := sv.plan.Members[i].Server.ID
			counts[id] = append(counts[id], sv.members[i].given)
		}
	}
	for id, given := range counts {
		send(out, g.answers, prometheus.CounterValue, float64(total(given, (*atomic.Uint64).Load)), zone, owner, id)
	}
}

func (g *planMetrics) collectQueries(out chan<- prometheus.Metric, zone, owner string, steers []*steer) {
	counts := make([]*queryCounts, len(steers))
	for i, s := range steers {
		counts[i] = s.queries
	}
	for mode := range policy.Waiting + 1 {
		n := total(counts, func(c *queryCounts) uint64 { return c[mode].Load() })
		send(out, g.queries, prometheus.CounterValue, float64(n), zone, owner, mode.String())
	}
}

// total adds counters up. Those that a reload hands on belong to two instances
// while it lasts, and count once.
func total[C any](counters []*C, read func(*C) uint64) (n uint64) {
	for i, c := range counters {
		if !slices.Contains(counters[:i], c) {
			n += read(c)
		}
	}
	return n
}
