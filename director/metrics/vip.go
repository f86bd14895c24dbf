package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ballast-lb/ballast/internal/control"
)

// vipMetrics are of VIPs. Their volumes hold those of servers that have gone.
func vipMetrics() []metric[control.VIPStatus] {
	type vip = control.VIPStatus
	l := labels{"vip"}
	return slices.Concat([]metric[vip]{
		gauge(l, "vip_alive_servers", "Servers that are alive, without fallback servers.",
			func(v vip) float64 { return float64(v.Quorum.Alive) }),
		gauge(l, "vip_quorum_servers", "Servers that must be alive.",
			func(v vip) float64 { return float64(v.Quorum.Needed) }),
		gauge(l, "vip_quorum_met", "Whether enough servers are alive.",
			func(v vip) float64 { return number(v.Quorum.Met) }),
		gauge(l, "vip_fallback", "Whether the fallback servers serve.",
			func(v vip) float64 { return number(v.Fallback) }),
		gauge(l, "vip_failed", "Whether the VIP is not served as configured.",
			func(v vip) float64 { return number(v.Error != "") }),
	}, volumeMetrics(l, "vip_", "of the VIP, all servers there ever were", func(v vip) control.Volume { return v.Totals }))
}

// volumeMetrics are what went through.
func volumeMetrics[T any](l labels, prefix, of string, volume func(T) control.Volume) []metric[T] {
	value := func(field func(control.Volume) uint64) func(T) float64 {
		return func(v T) float64 { return float64(field(volume(v))) }
	}
	return slices.Concat([]metric[T]{
		counter(l, prefix+"connections_total", "Connections "+of+".", func(v T) uint64 { return volume(v).Conns }),
	}, family(prometheus.CounterValue, l, prefix+"packets_total", "Packets "+of+", by direction.", "direction", map[string]func(T) float64{
		"in":  value(func(v control.Volume) uint64 { return v.InPackets }),
		"out": value(func(v control.Volume) uint64 { return v.OutPackets }),
	}), family(prometheus.CounterValue, l, prefix+"bytes_total", "Bytes "+of+", by direction.", "direction", map[string]func(T) float64{
		"in":  value(func(v control.Volume) uint64 { return v.InBytes }),
		"out": value(func(v control.Volume) uint64 { return v.OutBytes }),
	}))
}

// server is one server of one VIP.
type server struct{ control.RealStatus }

func serverMetrics() []metric[server] {
	l := labels{"vip", "server"}
	states := map[string]func(server) float64{}
	for _, state := range control.RealStates() {
		states[string(state)] = func(s server) float64 { return number(s.State == state) }
	}
	return slices.Concat(
		volumeMetrics(l, "", "of the server", func(s server) control.Volume { return s.Totals }),
		family(prometheus.GaugeValue, l, "server_state", "1 for the state that the server is in.", "state", states),
		family(prometheus.CounterValue, l, "opening_failures_total",
			"Connections that failed to open: the server was silent, or sent a RST, or ICMP told that it is unreachable.", "kind", map[string]func(server) float64{
				"silent":      func(s server) float64 { return float64(s.Misses) },
				"reset":       func(s server) float64 { return float64(s.Resets) },
				"unreachable": func(s server) float64 { return float64(s.Unreachable) },
			}),
		levelMetrics(l))
}

// levelMetrics are what a server has and may have now.
func levelMetrics(l labels) []metric[server] {
	return []metric[server]{
		gauge(l, "active_connections", "Connections from opening to established.",
			func(s server) float64 { return float64(s.Active) }),
		gauge(l, "inactive_connections", "Connections that are closing.",
			func(s server) float64 { return float64(s.Inactive) }),
		counter(l, "syns_total", "SYNs sent to the server.", func(s server) uint64 { return s.SYNs }),
		counter(l, "synacks_total", "SYN-ACKs of the server.", func(s server) uint64 { return s.SYNACKs }),
		gauge(l, "server_weight", "What selection uses: capacity, load, ramp and order combined.",
			func(s server) float64 { return s.Weight }),
		gauge(l, "server_capacity", "What the server can take, relative to the others.",
			func(s server) float64 { return s.Capacity }),
		gauge(l, "server_ramp_ratio", "Share of its weight that the server gets during slow start.",
			func(s server) float64 { return s.Ramp }),
		optional(l, "server_load_ratio", "Load that the server's agent reports, 1 is full; absent if it does not.",
			func(s server) (float64, bool) {
				if s.Load == nil {
					return 0, false
				}
				return *s.Load, true
			}),
	}
}
