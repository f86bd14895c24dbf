package director

import (
	"context"
	"iter"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/internal/control"
)

// connStates are the states of the datapath in the words of the control socket.
var connStates = map[bpf.State]control.ConnState{
	bpf.DirectorConnStateSTATE_OPENING:     control.ConnOpening,
	bpf.DirectorConnStateSTATE_ANSWERED:    control.ConnAnswered,
	bpf.DirectorConnStateSTATE_ESTABLISHED: control.ConnEstablished,
	bpf.DirectorConnStateSTATE_FIN_WAIT:    control.ConnFinWait,
	bpf.DirectorConnStateSTATE_TIME_WAIT:   control.ConnTimeWait,
	bpf.DirectorConnStateSTATE_CLOSE:       control.ConnClose,
	bpf.DirectorConnStateSTATE_UDP:         control.ConnUDP,
	bpf.DirectorConnStateSTATE_MOVED:       control.ConnMoved,
	bpf.DirectorConnStateSTATE_DEAD:        control.ConnDead,
}

// names translates the datapath's ids, of one moment.
type names struct {
	services    map[uint32]string
	servers     map[uint32]string // by real id
	generations map[uint32]uint32
	timeouts    [bpf.DirectorConnStateSTATE_MAX]uint32
	tick        uint32
}

func (d *Director) names() names {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := names{
		services: make(map[uint32]string), servers: make(map[uint32]string), generations: make(map[uint32]uint32),
		tick: dataplane.Tick(),
	}
	copy(n.timeouts[:], settingsTimeouts(d.plane.Settings()))
	for _, v := range d.vips {
		n.services[v.id] = v.conf.Name
		for id, r := range v.reals {
			n.servers[r.id] = id
		}
		for id, r := range d.plane.Reals(v.id) {
			n.generations[id] = r.Generation
		}
	}
	return n
}

func settingsTimeouts(s bpf.Settings) []uint32 { return s.Timeouts[:] }

// Connections implements control.Director. The mutex is not held while the
// table is walked.
func (d *Director) Connections(ctx context.Context, f control.ConnFilter) iter.Seq2[control.Connection, error] {
	return func(yield func(control.Connection, error) bool) {
		if err := d.requests.enter(); err != nil {
			yield(control.Connection{}, err)
			return
		}
		defer d.requests.leave()
		n, found := d.names(), 0
		d.plane.Conns(func(_ uint32, c bpf.Conn) bool {
			out := n.connection(&c)
			if out.State == control.ConnDead || !f.Match(&out) {
				return ctx.Err() == nil
			}
			found++
			return yield(out, nil) && (f.Limit == 0 || found < f.Limit)
		})
	}
}

func (n *names) connection(c *bpf.Conn) control.Connection {
	out := control.Connection{
		Protocol: "tcp", Client: end(c.Client, c.Cport), VIP: end(c.Vip, c.Vport), Service: n.services[uint32(c.Service)],
		Server: end(c.Server, c.Sport), ServerID: n.servers[c.Real], State: connStates[bpf.State(c.State)],
		Idle: since(n.tick, c.Seen), Silent: since(n.tick, c.ServerSeen), Repeats: int(c.Repeats), Flags: n.flags(c),
	}
	if c.Proto == unix.IPPROTO_UDP {
		out.Protocol = "udp"
	}
	if local := end(c.Local, c.Lport); local != out.Client {
		out.Local = local
	}
	if int(c.State) < len(n.timeouts) {
		left := int32(c.Seen + n.timeouts[c.State] - n.tick)
		out.Expires = control.Seconds(dataplane.Duration(uint32(max(0, left))))
	}
	return out
}

func (n *names) flags(c *bpf.Conn) []string {
	var out []string
	for _, f := range []struct {
		set  bool
		name string
	}{
		{c.Flags&uint8(bpf.DirectorConnFlagCONN_FIN_CLIENT) != 0, control.FlagClientClosed},
		{c.Flags&uint8(bpf.DirectorConnFlagCONN_FIN_SERVER) != 0, control.FlagServerClosed},
		{c.Generation != n.generations[c.Real], control.FlagRetired},
	} {
		if f.set {
			out = append(out, f.name)
		}
	}
	return out
}

func since(now, then uint32) control.Seconds {
	return control.Seconds(dataplane.Duration(uint32(max(0, int32(now-then)))))
}

// reasonNames names the counters that are not 0.
func reasonNames(counts []uint64) map[string]uint64 {
	out := make(map[string]uint64)
	for r, n := range counts {
		if n > 0 {
			out[bpf.ReasonName(bpf.Reason(r))] = n
		}
	}
	return out
}

// tuple is what a client's packets to a VIP have.
func tuple(client, vip netip.AddrPort, proto uint8) bpf.Tuple {
	return bpf.Tuple{
		Saddr: client.Addr().As16(), Daddr: vip.Addr().As16(),
		Sport: dataplane.Port(client.Port()), Dport: dataplane.Port(vip.Port()), Proto: proto,
	}
}
