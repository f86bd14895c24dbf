// Package director owns VIPs: it follows the servers behind each, judges them,
// tells the datapath, and answers for what it does.
//
// The datapath (director/bpf, loaded by director/dataplane) forwards packets
// and moves connections by itself; it goes on while this program is not
// running. What it needs from here is written as differences: which servers
// there are, how to reach them, whether they take connections and by what
// weight. Everything that decides is pure and elsewhere: director/verdict
// (who serves), director/schedule (tables).
//
// # What to know of the datapath
//
// A packet that is larger than the way to its receiver and must not be
// fragmented is answered with ICMP "fragmentation needed" or ICMPv6 "packet too
// big" (RFC 1191, RFC 8201). One that might be fragmented, an IPv4 packet
// without DF, is dropped and answered in the same way: the datapath does not
// fragment, and senders of TCP set DF.
//
// In mode nat a real server must not connect to a VIP whose servers are in its
// own subnet: the server that is chosen answers it directly, past the director,
// from an address that it did not ask. Use mode fullnat, in which answers
// always come back here.
//
// The director's host is no client of its own VIPs: the datapath sees packets
// that come in at an interface, and what the host sends to an address of its
// own does not leave it. It is refused, or answered by what listens there.
//
// # What outlives the program
//
// Connections, servers and VIPs are pinned with the datapath. Drains, boot ids
// of servers and the addresses that were taken are in a file beside the control
// socket, director.json for director.sock. It may be removed: then drains are
// forgotten, and a server that was booted meanwhile keeps the connections of
// its boot before until they time out.
package director
