// Package metrics shows a director to Prometheus.
//
// All metrics begin with ballast_director_. Labels are bounded by the
// configuration: vip is the name of a VIP, server the ID of one of its servers,
// reason one of the datapath's; no label depends on clients. "In" is from
// clients to servers. Counters outlive the program, as the datapath does.
package metrics
