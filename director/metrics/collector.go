package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ballast-lb/ballast/internal/control"
)

const namespace = "ballast_director"

// metric is one metric of a T, such as a server. A value that is absent has no
// series.
type metric[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) (value float64, ok bool)
	extra []string // values of labels of this metric alone
}

// labels are what a T is called.
type labels []string

func gauge[T any](l labels, name, help string, value func(T) float64) metric[T] {
	return metric[T]{describe(l, name, help), prometheus.GaugeValue, always(value), nil}
}

func counter[T any](l labels, name, help string, value func(T) uint64) metric[T] {
	return metric[T]{describe(l, name, help), prometheus.CounterValue, always(func(v T) float64 { return float64(value(v)) }), nil}
}

func optional[T any](l labels, name, help string, value func(T) (float64, bool)) metric[T] {
	return metric[T]{describe(l, name, help), prometheus.GaugeValue, value, nil}
}

// family is a metric with a series for each of several values of one more
// label.
func family[T any](kind prometheus.ValueType, l labels, name, help, label string, values map[string]func(T) float64) (all []metric[T]) {
	desc := describe(append(append(labels{}, l...), label), name, help)
	for v, value := range values {
		all = append(all, metric[T]{desc, kind, always(value), []string{v}})
	}
	return all
}

func describe(l labels, name, help string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, l, nil)
}

func always[T any](value func(T) float64) func(T) (float64, bool) {
	return func(v T) (float64, bool) { return value(v), true }
}

// send emits the metrics of one T.
func send[T any](out chan<- prometheus.Metric, all []metric[T], v T, names ...string) {
	for i, name := range names {
		names[i] = strings.ToValidUTF8(name, "\uFFFD") // of a source outside
	}
	for _, m := range all {
		if value, ok := m.value(v); ok {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, value, append(append([]string{}, names...), m.extra...)...)
		}
	}
}

// collector makes metrics of a status when it is asked for them.
type collector struct {
	snapshot   func() control.DirectorStatus
	director   []metric[control.DirectorStatus]
	interfaces []metric[control.InterfaceStatus]
	sources    []metric[control.SourceStatus]
	vips       []metric[control.VIPStatus]
	servers    []metric[server]
	reasons    []metric[uint64]
	build      []metric[control.DirectorStatus]
}

// New returns a collector of what snapshot tells. The snapshot is called once
// for each collection, from several goroutines if there are several at a time.
func New(snapshot func() control.DirectorStatus) prometheus.Collector {
	return &collector{
		snapshot:   snapshot,
		director:   directorMetrics(),
		interfaces: interfaceMetrics(),
		sources:    sourceMetrics(),
		vips:       vipMetrics(),
		servers:    serverMetrics(),
		reasons:    reasonMetrics(),
		build:      buildMetrics(),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	seen := map[*prometheus.Desc]bool{}
	sendDescs(out, seen, c.director)
	sendDescs(out, seen, c.interfaces)
	sendDescs(out, seen, c.sources)
	sendDescs(out, seen, c.vips)
	sendDescs(out, seen, c.servers)
	sendDescs(out, seen, c.reasons)
	sendDescs(out, seen, c.build)
}

func sendDescs[T any](out chan<- *prometheus.Desc, seen map[*prometheus.Desc]bool, all []metric[T]) {
	for _, m := range all {
		if !seen[m.desc] {
			seen[m.desc] = true
			out <- m.desc
		}
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.snapshot()
	send(out, c.build, s, s.Version)
	send(out, c.director, s)
	for i := range unique(s.Interfaces, func(i control.InterfaceStatus) string { return i.Name }) {
		send(out, c.interfaces, i, i.Name)
	}
	for src := range unique(s.Sources, func(s control.SourceStatus) string { return s.Source }) {
		send(out, c.sources, src, src.Source)
	}
	c.collectReasons(out, "", s.Reasons)
	for v := range unique(s.VIPs, func(v control.VIPStatus) string { return v.Name }) {
		send(out, c.vips, v, v.Name)
		c.collectReasons(out, v.Name, v.Reasons)
		for r := range unique(v.Servers, func(r control.RealStatus) string { return r.ID }) {
			send(out, c.servers, server{r}, v.Name, r.ID)
		}
	}
}

func (c *collector) collectReasons(out chan<- prometheus.Metric, vip string, reasons map[string]uint64) {
	for reason, n := range reasons {
		send(out, c.reasons, n, vip, reason)
	}
}
