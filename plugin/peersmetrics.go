package ballast

import (
	"time"

	"github.com/ballast-lb/ballast/plugin/peers"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	peerAnswers  = counter("peer_answers_total", "Counter of answers that name servers tell each other, by what became of them here.", "result")
	wordsTold    = peerAnswers.WithLabelValues("told")
	wordsDropped = peerAnswers.WithLabelValues("dropped")
	wordsHeard   = peerAnswers.WithLabelValues("heard")
	wordsUnknown = peerAnswers.WithLabelValues("unknown")
	peersRefused = counter("peer_datagrams_refused_total", "Counter of datagrams from peers that do not count, by reason.", "reason")
)

func init() {
	for _, reason := range peers.Reasons {
		peersRefused.WithLabelValues(reason) // to be there from 0 on
	}
}

// peerMetrics tell how it is with peers.
type peerMetrics struct{ failing *prometheus.Desc }

func init() {
	prometheus.MustRegister(&peerMetrics{
		desc("peer_failing", "1 while a peer is not heard of, or cannot be told of answers.", "peer"),
	})
}

// Describe implements prometheus.Collector.
func (g *peerMetrics) Describe(out chan<- *prometheus.Desc) { out <- g.failing }

// Collect implements prometheus.Collector. During a reload the new hub counts.
func (g *peerMetrics) Collect(out chan<- prometheus.Metric) {
	hubs, now := running.newestFirst(), time.Now()
	if len(hubs) == 0 || hubs[0].peering == nil {
		return
	}
	for _, s := range hubs[0].peering.exchange.Peers() {
		failing := 0.0
		if troubleOf(s, now) != "" {
			failing = 1
		}
		send(out, g.failing, prometheus.GaugeValue, failing, s.Peer)
	}
}
