package ballast

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sourceMetrics tell how well sources are.
type sourceMetrics struct{ age, failing *prometheus.Desc }

func init() {
	prometheus.MustRegister(&sourceMetrics{
		age:     desc("source_age_seconds", "Time since a source last vouched for its pool.", "source"),
		failing: desc("source_failing", "1 while a source is in trouble.", "source"),
	})
}

// Describe implements prometheus.Collector.
func (g *sourceMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- g.age
	out <- g.failing
}

// Collect implements prometheus.Collector. Of a source that is followed twice
// during a reload, the newer counts.
func (g *sourceMetrics) Collect(out chan<- prometheus.Metric) {
	seen, now := map[string]bool{}, time.Now()
	for _, h := range running.newestFirst() {
		for _, f := range h.allFeeds() {
			if seen[f.name] {
				continue
			}
			seen[f.name] = true
			status, failing := f.status(), 0.0
			if status.Err != "" {
				failing = 1
			}
			send(out, g.age, prometheus.GaugeValue, status.Age(now).Seconds(), f.name)
			send(out, g.failing, prometheus.GaugeValue, failing, f.name)
		}
	}
}
