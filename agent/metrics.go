package agent

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ballast-lb/ballast/agent/load"
	"github.com/ballast-lb/ballast/internal/pool"
)

// metrics are the agent's own, in a registry of their own.
type metrics struct {
	registry    *prometheus.Registry
	load        prometheus.Gauge
	overloaded  prometheus.Gauge
	connections prometheus.Gauge
	signal      *prometheus.GaugeVec
	health      *prometheus.GaugeVec
	samples     prometheus.Counter
	failures    *prometheus.CounterVec
	calls       *prometheus.CounterVec
	consulUp    prometheus.Gauge
}

const namespace = "ballast_agent"

func newMetrics(cfg Config) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	}
	gauges := func(name, help, label string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, []string{label})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	m := &metrics{
		registry:    prometheus.NewRegistry(),
		load:        gauge("load_ratio", "Smoothed load as reported, 1 is full."),
		overloaded:  gauge("overloaded", "Whether the alarm is on."),
		connections: gauge("connections", "Established connections of the service's port."),
		signal:      gauges("signal_ratio", "Measurements behind the load; what cannot be measured is absent.", "signal"),
		health:      gauges("health", "1 for the state that the server is in.", "health"),
		samples: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "samples_total", Help: "Samples taken.",
		}),
		failures: counters("sample_errors_total", "Measurements that failed, by signal.", "signal"),
		calls:    counters("consul_requests_total", "Calls to Consul, by kind and result.", "call", "result"),
		consulUp: gauge("consul_up", "Whether Consul took what the agent said last."),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "The agent's version and service, always 1.",
		ConstLabels: prometheus.Labels{"version": cfg.Version, "service": cfg.Service.ID},
	})
	info.Set(1)
	m.registry.MustRegister(m.load, m.overloaded, m.connections, m.signal, m.health, m.samples, m.failures, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.Registry != nil {
		m.registry.MustRegister(m.calls, m.consulUp)
	}
	for _, name := range load.Signals() {
		m.failures.WithLabelValues(name)
	}
	return m
}

// observe shows a new state.
func (m *metrics) observe(s *state) {
	m.load.Set(s.report.Load)
	m.overloaded.Set(number(s.alarm.On))
	m.connections.Set(float64(s.report.Connections))
	for h := pool.Unknown; h <= pool.Drained; h++ {
		m.health.WithLabelValues(h.String()).Set(number(h == s.report.Health))
	}
	for name, v := range map[string]*float64{
		"run_queue": s.report.Samples.RunQueue, "cpu": s.report.Samples.CPU, "psi": s.report.Samples.PSI,
		"connections": s.report.Samples.Connections, "application": s.report.Samples.Application,
	} {
		if v == nil {
			m.signal.DeleteLabelValues(name)
			continue
		}
		m.signal.WithLabelValues(name).Set(*v)
	}
}

// sampled counts a sample and what failed in it.
func (m *metrics) sampled(troubles load.Troubles) {
	m.samples.Inc()
	for name := range troubles {
		m.failures.WithLabelValues(name).Inc()
	}
}

// called counts a call to Consul.
func (m *metrics) called(call string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.calls.WithLabelValues(call, result).Inc()
}

func (m *metrics) contact(up bool) { m.consulUp.Set(number(up)) }

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
