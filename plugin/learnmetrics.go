package ballast

import (
	"time"

	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/plugin"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The series of policies that learn of resolvers and believe of servers.
var (
	answerTTL = promauto.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: plugin.Namespace, Subsystem: name, Name: "answer_ttl_seconds",
		Help:    "TTLs of answers by policies that adapt them to resolver keys.",
		Buckets: []float64{1, 5, 15, 30, 60, 120, 240, 480, 960, 1920, 3840},
	}, []string{"zone", "name"})
	resolverKeys  = gauge("resolver_keys", "Resolver keys whose hidden load is known one by one.", "zone", "name")
	queryBudget   = gauge("query_budget_ratio", "Queries that answers as given cause, over those of a constant mean-ttl.", "zone", "name")
	believedLoad  = gauge("server_believed_load_ratio", "Believed share of the demand that a real server has.", "zone", "name", "real_server")
	capacityShare = gauge("server_capacity_share_ratio", "Share of the capacity that a real server is given, as learned.", "zone", "name", "real_server")
	reportAge     = gauge("server_report_age_seconds", "Time since a real server's load was known to hold.", "zone", "name", "real_server")
)

// surveyEvery is how often these gauges are set.
const surveyEvery = time.Second

// survey sets what the name's policy believes, if it believes anything.
func (s *steer) survey(now time.Time) {
	if now.Sub(s.surveyed) < surveyEvery {
		return
	}
	s.surveyed = now
	if plan := s.served.Load().plan; policy.Learns(plan.Config.Policy) {
		s.metrics.survey(s.learner.Survey(now), serverIDs(plan))
	} else {
		s.metrics.unlearn()
	}
}

// unlearn drops the series of a policy that the name has no more.
func (m *steerMetrics) unlearn() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.learning {
		return
	}
	m.learning = false
	m.adapting.Store(nil)
	m.forgetKeys()
	m.forgetBeliefs(all)
}

// adapting are the series of TTLs, once the name's policy adapts them.
type adapting struct{ ttl prometheus.Observer }

// adapt makes them; most names never need them.
func (m *steerMetrics) adapt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.adapting.Load() == nil && !m.gone {
		m.learning = true
		m.adapting.Store(&adapting{answerTTL.WithLabelValues(m.zone, m.name)})
	}
}

// adapted counts the TTL of an answer.
func (m *steerMetrics) adapted(ttl time.Duration) {
	if a := m.adapting.Load(); a != nil {
		a.ttl.Observe(ttl.Seconds())
	}
}

func (m *steerMetrics) survey(v policy.Survey, present map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return
	}
	m.learning = true
	resolverKeys.WithLabelValues(m.zone, m.name).Set(float64(v.Keys))
	queryBudget.WithLabelValues(m.zone, m.name).Set(v.Queries)
	for id, b := range v.Servers {
		if !present[id] {
			continue // gone meanwhile, with its series
		}
		m.believed[id] = true
		believedLoad.WithLabelValues(m.zone, m.name, id).Set(b.Load)
		capacityShare.WithLabelValues(m.zone, m.name, id).Set(b.Share)
		if b.Age >= 0 {
			reportAge.WithLabelValues(m.zone, m.name, id).Set(b.Age.Seconds())
		} else {
			reportAge.DeleteLabelValues(m.zone, m.name, id)
		}
	}
}

// forgetBeliefs drops the series of some servers. The caller holds mu.
func (m *steerMetrics) forgetBeliefs(which func(id string) bool) {
	for id := range m.believed {
		if which(id) {
			delete(m.believed, id)
			believedLoad.DeleteLabelValues(m.zone, m.name, id)
			capacityShare.DeleteLabelValues(m.zone, m.name, id)
			reportAge.DeleteLabelValues(m.zone, m.name, id)
		}
	}
}

func all(string) bool { return true }

func (m *steerMetrics) forgetKeys() {
	answerTTL.DeleteLabelValues(m.zone, m.name)
	resolverKeys.DeleteLabelValues(m.zone, m.name)
	queryBudget.DeleteLabelValues(m.zone, m.name)
}
