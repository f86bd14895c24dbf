package metrics

import "github.com/ballast-lb/ballast/internal/control"

// directorMetrics are what concerns the whole director.
func directorMetrics() []metric[control.DirectorStatus] {
	type status = control.DirectorStatus
	return []metric[status]{
		gauge(nil, "config_reload_failed", "Whether the last reload failed, so that the last good configuration is in use.",
			func(s status) float64 { return number(s.ConfigError != "") }),
		optional(nil, "config_loaded_timestamp_seconds", "When the configuration that is in use was read.",
			func(s status) (float64, bool) {
				return float64(s.ConfigLoaded.UnixMilli()) / 1000, !s.ConfigLoaded.IsZero()
			}),
		gauge(nil, "table_connections", "Connections in the table.",
			func(s status) float64 { return float64(s.Table.Connections) }),
		gauge(nil, "table_capacity", "Connections that the table can hold.",
			func(s status) float64 { return float64(s.Table.Capacity) }),
		gauge(nil, "table_half_open", "Connections that no server has answered yet.",
			func(s status) float64 { return float64(s.Table.HalfOpen) }),
		counter(nil, "table_displaced_total", "Half-open connections given up for newer ones.",
			func(s status) uint64 { return s.Table.Displaced }),
		counter(nil, "table_expired_total", "Idle connections forgotten.",
			func(s status) uint64 { return s.Table.Expired }),
		gauge(nil, "drains", "Orders of operators to drain servers.",
			func(s status) float64 { return float64(len(s.Drains)) }),
	}
}

func buildMetrics() []metric[control.DirectorStatus] {
	return []metric[control.DirectorStatus]{
		gauge(labels{"version"}, "build_info", "The director's version, always 1.",
			func(control.DirectorStatus) float64 { return 1 }),
	}
}

func interfaceMetrics() []metric[control.InterfaceStatus] {
	return []metric[control.InterfaceStatus]{
		gauge(labels{"interface"}, "interface_attached", "Whether the datapath is attached to the interface.",
			func(i control.InterfaceStatus) float64 { return number(i.Attached) }),
	}
}

// sourceMetrics are of where servers come from.
func sourceMetrics() []metric[control.SourceStatus] {
	type source = control.SourceStatus
	l := labels{"source"}
	return []metric[source]{
		optional(l, "source_age_seconds", "Time since the source last vouched for its servers; absent if it never did.",
			func(s source) (float64, bool) { return s.Age.Duration().Seconds(), !s.Confirmed.IsZero() }),
		gauge(l, "source_servers", "Servers that the source knows.",
			func(s source) float64 { return float64(s.Servers) }),
		gauge(l, "source_failed", "Whether the source is in trouble.",
			func(s source) float64 { return number(s.Err != "") }),
	}
}

func reasonMetrics() []metric[uint64] {
	return []metric[uint64]{
		counter(labels{"vip", "reason"}, "reasons_total", "Packets by how they left the datapath; those of no VIP have an empty vip.",
			func(n uint64) uint64 { return n }),
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
