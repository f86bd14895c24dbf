// Package director owns VIPs: it follows the servers behind each, judges them,
// tells the datapath, and answers for what it does.
//
// The datapath (director/bpf, loaded by director/dataplane) forwards packets
// and moves connections by itself; it goes on while this program is not
// running. What it needs from here is written as differences: which servers
// there are, how to reach them, whether they take connections and by what
// weight. Everything that decides is pure and elsewhere: director/verdict
// (who serves), director/schedule (tables).
package director
