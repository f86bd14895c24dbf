package director

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/reset"
)

// resetEvery is how often connections of dead servers are looked for.
const resetEvery = 500 * time.Millisecond

// haunting is for how long after a real server was retired its connections are
// looked for at least: a CPU that chose it before enters a connection only then.
const haunting = time.Second

// grave is a real server some of whose connections are to be reset.
type grave struct {
	real       *real
	generation uint32
	down       bool          // all of them, by the policy
	silentFor  time.Duration // only those silent since the death, once it is so long ago; 0: all
	downAt     uint32
}

// resets tells both ends of connections whose server is dead, also those on
// which no packet comes that the datapath could answer.
func (d *Director) resets(ctx context.Context) error {
	ticker := time.NewTicker(resetEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		if graves := d.graves(); len(graves) > 0 {
			d.reset(ctx, graves, now)
		}
	}
}

// graves are the real servers whose connections may have to be reset: those
// that are down, and those that may have some of older generations.
func (d *Director) graves() map[uint32]grave {
	d.mu.Lock()
	defer d.mu.Unlock()
	graves := make(map[uint32]grave)
	for _, v := range d.vips {
		if v.conf.Protocol != config.TCP {
			continue
		}
		var records map[uint32]dataplane.Real
		for _, r := range v.reals {
			down := v.conf.OnFailure != config.Drain && r.down()
			t := d.plane.Tally(r.id)
			if !down && !r.haunted || t.Active == 0 && t.Inactive == 0 {
				continue
			}
			if records == nil {
				records = d.plane.Reals(v.id)
			}
			g := grave{real: r, generation: records[r.id].Generation, down: down, downAt: r.written.DownAt}
			if v.conf.OnFailure == config.ResetIfSilent {
				g.silentFor = v.conf.Silence
			}
			graves[r.id] = g
		}
	}
	return graves
}

func (r *real) down() bool { return r.written.State == bpf.DirectorRealStateREAL_DOWN }

// older tells whether the connection is of a generation that is over.
func (g grave) older(c *bpf.Conn) bool { return int32(c.Generation-g.generation) < 0 }

// dead tells whether a connection is one to reset.
func (g grave) dead(c *bpf.Conn, tick uint32) bool {
	if g.older(c) {
		return true
	}
	if !g.down {
		return false
	}
	silent := int32(c.ServerSeen-g.downAt) <= 0
	return g.silentFor == 0 || silent && dataplane.Duration(tick-g.downAt) >= g.silentFor
}

// still tells whether what makes the connection dead holds now: resets wait for
// their turn, and meanwhile the server may have returned.
func (d *Director) still(g grave, c *bpf.Conn) bool {
	if g.older(c) {
		return true // for ever
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return g.real.down() && g.real.written.DownAt == g.downAt
}

var resettable = map[bpf.State]bool{
	bpf.DirectorConnStateSTATE_ANSWERED:    true,
	bpf.DirectorConnStateSTATE_ESTABLISHED: true,
	bpf.DirectorConnStateSTATE_FIN_WAIT:    true,
}

// reset walks the table once, from now on. A connection's record ends first, so
// that an answer to a RST that was not exact gets one that is (RFC 5961, 3.2).
func (d *Director) reset(ctx context.Context, graves map[uint32]grave, now time.Time) {
	done, tick := 0, dataplane.Tick()
	older := make(map[uint32]bool)
	d.plane.Conns(func(_ uint32, c bpf.Conn) bool {
		g, ok := graves[c.Real]
		if !ok || c.Proto != unix.IPPROTO_TCP {
			return true
		}
		state := bpf.State(c.State)
		if g.older(&c) && (resettable[state] || state == bpf.DirectorConnStateSTATE_OPENING) {
			older[c.Real] = true
		}
		if !resettable[state] || !g.dead(&c, tick) || !d.still(g, &c) {
			return true
		}
		if ended, err := d.plane.End(dataplane.ClientTuple(c)); err != nil || !ended {
			return true
		}
		d.resetBoth(ctx, &c)
		done++
		return ctx.Err() == nil
	})
	if ctx.Err() == nil {
		d.quiet(graves, older, now)
	}
	if done > 0 {
		d.log.Info("connections of dead servers were reset", "connections", done)
	}
}

// quiet notes the servers of which a walk that began at now, long enough after
// they were retired, found no connection of an older generation.
func (d *Director) quiet(graves map[uint32]grave, older map[uint32]bool, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, g := range graves {
		if !older[id] && now.Sub(g.real.retired) >= haunting {
			g.real.haunted = false
		}
	}
}

func (d *Director) resetBoth(ctx context.Context, c *bpf.Conn) {
	conn := reset.Conn{
		Client: end(c.Client, c.Cport), VIP: end(c.Vip, c.Vport),
		Server: end(c.Server, c.Sport), Local: end(c.Local, c.Lport),
		ClientAck: c.ClientAck, ClientNext: c.ClientNext,
	}
	if err := d.sender.ResetClient(ctx, conn); err != nil && ctx.Err() == nil {
		d.log.Warn("cannot reset a connection", "client", conn.Client, "error", err)
	}
	// Whether the server gets it hardly matters: it is dead.
	_ = d.sender.ResetServer(ctx, conn)
}

// end is one end of a connection.
func end(addr [16]uint8, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(dataplane.Addr(addr), dataplane.Port(port))
}

// answerAsks does what the datapath cannot do itself.
func (d *Director) answerAsks(ctx context.Context) error {
	err := d.plane.Asks(ctx, func(a bpf.Ask) {
		if bpf.DirectorAskKind(a.Kind) != bpf.DirectorAskKindASK_TOO_BIG {
			return
		}
		head := a.Head[:min(int(a.Len), len(a.Head))]
		// What must not be told, or is told too often, is dropped in silence.
		_ = d.sender.TooBig(reset.Oversize{Head: head, MTU: int(a.Mtu), Ifindex: int(a.Ifindex)})
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
