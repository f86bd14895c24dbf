// Package config reads the configuration of ballast-director: one HCL file,
// read strictly. Every mistake in it is told at once, as
//
//	FILE:LINE: error: what (value): remedy
//
// and a file with a mistake yields no configuration at all, so that whoever
// reloads keeps the last good one.
//
// The least that works:
//
//	interfaces = ["eth0", "eth1"]
//	vip "web" {
//	  address = "192.0.2.100"
//	  ports   = [80, 443]
//	  servers = ["10.0.0.11", "10.0.0.12 weight=2", "10.0.0.13"]
//	}
//
// Beyond plain HCL, a block on one line may hold several settings, separated
// by commas: persistence { timeout = "360s", prefix = 24 }. Values are written
// out: there are no variables, functions or operators. Durations are text such
// as "800ms" or "2m". Names of files are relative to the configuration's
// directory.
//
// # At the top
//
//	interfaces    names of the interfaces of clients and servers; required
//	control       unix socket for ballastctl; "/run/ballast/director.sock"
//	metrics       HOST:PORT of Prometheus metrics; "" for none; loopback only,
//	metrics_open  unless this is true; false
//	state         directory in bpffs for maps and links; "/sys/fs/bpf/ballast"
//	connections   size of the connection table, 1024 to 16777216; 262144
//	timeouts { }  idle time after which a connection is forgotten:
//	              established "15m", opening "60s", closing "2m", reset "10s", udp "5m"
//	syn { }       retry, after which a repeated SYN goes to another server, "800ms";
//	              tries, servers that one connection tries at most, 16
//	consul { }    address "127.0.0.1:8500", datacenter, token_file, ca_file, cert_file,
//	              key_file, server_name, insecure false, wait "10s", max_rate 400
//
// # In vip "NAME"
//
//	address       IPv4 or IPv6 address; required
//	ports         1 to 64 ports, which share servers and persistence; required
//	protocol      tcp or udp; tcp
//	scheduler     rr wrr lc wlc sh maglev or load (wlc by the load that agents report); wlc
//	mode          nat, servers route back through the director, or fullnat; nat
//	servers       "ADDRESS[:PORT] [weight=N] [fallback]", or instead
//	service       a service in Consul, with tag (one or a list) and datacenter
//	fallback      servers, written as above, for when there are less than
//	quorum        servers alive; 1
//	check "KIND"  tcp tls http https dns icmp exec or none: interval "1s", timeout "1s" or
//	              the interval if that is shorter, rise 2, fall 3; port; by kind: path, host,
//	              ca_file, insecure, query, program. Without it servers of tcp are checked by
//	              tcp; those of udp are not, nor those of a service, whose health Consul knows
//	reports { }   ask the servers' agents for their reports: port 9155, interval "1s",
//	              token_file
//	persistence { } a client's next connections go to the same server: timeout "360s" after
//	              the last; clients are told apart by prefix 32 (IPv4) or prefix6 64 (IPv6)
//	slow_start    time in which a server that returns gets its whole share; "30s"
//	on_failure    of established connections when their server dies: drain leaves them,
//	              reset resets them, reset-if-silent those whose server says nothing for
//	silence       this time; "3s"
//	drain_deadline time after which a drained server's connections are reset; "0s" for never
//	max_ejected   percentage of the servers that eject may take out at a time; 50
//	eject { }     consecutive failures to connect that take a server out, 5, 0 for never;
//	              base, the time for which they do, longer each time, "5s"
//	sources       fullnat: addresses that servers see; that of the interface towards them
//	source_ports  fullnat: "20000-32767", out of the way of the host's own ports
//	register      register the VIP in Consul; true with a consul block
//	announce      add the address to the interface of the clients and announce it; true
package config
