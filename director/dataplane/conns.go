package dataplane

import (
	"sync/atomic"
	"unsafe"

	"github.com/ballast-lb/ballast/director/bpf"
)

// Words of struct conn that tell whether it is still the same connection, in
// the same state: ports, and lock with state.
const (
	portsWord = unsafe.Offsetof(bpf.Conn{}.Cport) / 8
	stateWord = unsafe.Offsetof(bpf.Conn{}.State) / 8
)

// Conn gives a connection; false if the id is not in use or changes too fast
// to be copied.
func (p *Plane) Conn(id uint32) (bpf.Conn, bool) {
	if id >= p.conns.len {
		return bpf.Conn{}, false
	}
	const tries = 8
	words := p.conns.words(id)
	for range tries {
		ports, state := atomic.LoadUint64(&words[portsWord]), atomic.LoadUint64(&words[stateWord])
		c := p.conns.load(id)
		if !live(c.State) {
			return bpf.Conn{}, false
		}
		if atomic.LoadUint64(&words[portsWord]) == ports && atomic.LoadUint64(&words[stateWord]) == state {
			return c, true
		}
	}
	return bpf.Conn{}, false
}

// Conns calls f with each connection until it returns false. It takes no
// system call, and does not hold up the datapath: what comes and goes meanwhile
// may or may not be seen.
func (p *Plane) Conns(f func(id uint32, c bpf.Conn) bool) {
	fresh := min(atomic.LoadUint32(&p.gauges.at(0).Fresh), p.conns.len)
	for id := range fresh {
		if c, ok := p.Conn(id); ok && !f(id, c) {
			return
		}
	}
}

// Lookup finds the connection of a packet with that tuple, and whether it is a
// packet of the server.
func (p *Plane) Lookup(t bpf.Tuple) (id uint32, fromServer, ok bool, err error) {
	h, ok, err := indexOf(p.set, p.config, p.conns.raw()).Find(t)
	if err != nil || !ok {
		return 0, false, false, err
	}
	return h.ID(), h.FromServer(), true, nil
}

// ClientTuple is that of the client's packets, as they come in.
func ClientTuple(c bpf.Conn) bpf.Tuple { return c.TupleOf(false) }

// ServerTuple is that of the server's packets, as they come in.
func ServerTuple(c bpf.Conn) bpf.Tuple { return c.TupleOf(true) }
