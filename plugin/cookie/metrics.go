package cookie

import (
	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var results = promauto.NewCounterVec(prometheus.CounterOpts{
	Namespace: plugin.Namespace,
	Subsystem: Name,
	Name:      "queries_total",
	Help:      "Counter of queries with a COOKIE option, by what that was, and of those refused for want of one.",
}, []string{"result"})

// queries are the series by verdict, looked up beforehand.
var queries = [verdicts]prometheus.Counter{
	malformed: results.WithLabelValues("malformed"),
	fresh:     results.WithLabelValues("new"),
	invalid:   results.WithLabelValues("invalid"),
	valid:     results.WithLabelValues("valid"),
	aging:     results.WithLabelValues("renewed"),
}

// unproven counts queries that were sent to TCP.
var unproven = results.WithLabelValues("absent")
