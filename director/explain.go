package director

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/schedule"
	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/control"
)

// Explain implements control.Director. The mutex is not held while the table of
// connections is walked.
func (d *Director) Explain(_ context.Context, r control.ConnExplainRequest) (control.ConnExplain, error) {
	if err := d.requests.enter(); err != nil {
		return control.ConnExplain{}, err
	}
	defer d.requests.leave()
	n := d.names()
	v, members, conn, err := d.subject(r)
	if err != nil {
		return control.ConnExplain{}, err
	}
	next := d.next(v, members, r.Client)
	var tombs []string
	if conn != nil {
		tombs = d.tombs(conn)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	out := control.ConnExplain{Client: r.Client, Service: v.conf.Name, Found: conn != nil}
	if conn != nil {
		c := n.connection(conn)
		out.Connection = &c
		out.Sentences = append(out.Sentences, v.history(&c, tombs)...)
	}
	out.Sentences = append(out.Sentences, v.prospect(next))
	out.Candidates = d.candidates(v, next)
	return out, nil
}

// subject is the VIP that is asked about, whom its connections may go to, and
// the client's connection, or nil.
func (d *Director) subject(r control.ConnExplainRequest) (*vip, []schedule.Member, *bpf.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	v, conn, err := d.find(r)
	if err != nil {
		return nil, nil, nil, err
	}
	return v, v.members, conn, nil
}

// find is the VIP that is asked about, and the client's connection to it.
func (d *Director) find(r control.ConnExplainRequest) (*vip, *bpf.Conn, error) {
	var named, connected []*vip
	var conn *bpf.Conn
	for _, conf := range d.cfg.VIPs {
		v := d.vips[conf.Name]
		if v == nil || !v.named(r.VIP) {
			continue
		}
		named = append(named, v)
		c, err := d.connection(v, r)
		if err != nil {
			return nil, nil, err
		}
		if c != nil {
			connected, conn = append(connected, v), c
		}
	}
	switch {
	case len(connected) == 1:
		return connected[0], conn, nil
	case len(named) == 0:
		return nil, nil, control.Errorf(control.ErrNotFound, "there is no VIP %s", r.VIP)
	case len(named) > 1 || len(connected) > 1:
		return nil, nil, control.Errorf(control.ErrConflict, "which VIP is meant? Choose one of %s", list(named))
	}
	return named[0], nil, nil
}

func list(vips []*vip) string {
	var out []string
	for _, v := range vips {
		out = append(out, v.conf.Name)
	}
	return strings.Join(out, ", ")
}

// named tells whether a request for a name, address or address:port means v.
func (v *vip) named(name string) bool {
	if name == "" || name == v.conf.Name || name == v.conf.Address.String() {
		return true
	}
	for _, port := range v.conf.Ports {
		if name == netip.AddrPortFrom(v.conf.Address, port).String() {
			return true
		}
	}
	return false
}

// connection is the client's connection to any port of the VIP, or nil.
func (d *Director) connection(v *vip, r control.ConnExplainRequest) (*bpf.Conn, error) {
	for _, port := range v.conf.Ports {
		to := netip.AddrPortFrom(v.conf.Address, port)
		if strings.Contains(r.VIP, ":") && r.VIP != v.conf.Address.String() && r.VIP != to.String() {
			continue
		}
		id, _, ok, err := d.plane.Lookup(tuple(r.Client, to, proto(v.conf.Protocol)))
		if err != nil {
			return nil, err
		}
		if c, there := d.plane.Conn(id); ok && there {
			return &c, nil
		}
	}
	return nil, nil
}

// history tells how the connection came to its server, and how it is.
func (v *vip) history(conn *control.Connection, tombs []string) []string {
	out := []string{fmt.Sprintf("It is %s with %s, by scheduler %s.", conn.State, conn.ServerID, v.conf.Scheduler)}
	if v.conf.Persistence != nil {
		out[0] = fmt.Sprintf("It is %s with %s, by scheduler %s, or by persistence of its prefix /%d.",
			conn.State, conn.ServerID, v.conf.Scheduler, v.conf.Persistence.Prefix)
	}
	for _, tomb := range tombs {
		out = append(out, fmt.Sprintf("%s was tried before, and did not open it.", tomb))
	}
	if conn.Repeats > 0 {
		out = append(out, fmt.Sprintf("The client has sent %d segments again without a word of the server.", conn.Repeats))
	}
	r := v.reals[conn.ServerID]
	if r == nil || r.server.State != verdict.Down {
		return out
	}
	return append(out, fmt.Sprintf("Its server is down (%s): on_failure is %s.", r.server.Reason, v.conf.OnFailure))
}

// tombs are the servers that a connection was moved off while opening, as far
// as the table still knows.
func (d *Director) tombs(c *bpf.Conn) []string {
	var out []string
	d.plane.Conns(func(_ uint32, t bpf.Conn) bool {
		moved := bpf.State(t.State) == bpf.DirectorConnStateSTATE_MOVED
		if moved && t.Client == c.Client && t.Cport == c.Cport && t.Vip == c.Vip && t.Vport == c.Vport {
			out = append(out, end(t.Server, t.Sport).String())
		}
		return true
	})
	return out
}

// prospect is what would become of a connection that is opened now.
type prospect uint8

const (
	refused prospect = iota // no server may take it
	open                    // any may be next: a cursor moves with each connection
	certain
)

// outlook is a prospect, with the server where that is certain.
type outlook struct {
	prospect
	real uint32
}

// next is the server that a new connection of the client would get, as far as
// can be told.
func (d *Director) next(v *vip, members []schedule.Member, client netip.AddrPort) outlook {
	if !slices.ContainsFunc(members, func(m schedule.Member) bool { return m.Weight > 0 }) {
		return outlook{prospect: refused}
	}
	in := d.schedulerInput(members)
	switch {
	case v.kind == schedule.KindSH:
		in.Hash = schedule.Hash(client.Addr().As16(), 0, seed(v.conf))
	case v.kind == schedule.KindMaglev:
		in.Hash = schedule.Hash(client.Addr().As16(), client.Port(), seed(v.conf))
	case !v.kind.Counting() || len(members) > schedule.ExactMembers:
		return outlook{prospect: open}
	}
	real, ok := schedule.Pick(v.kind, schedule.Build(v.kind, members, seed(v.conf)), in)
	if !ok {
		return outlook{prospect: refused}
	}
	return outlook{certain, real}
}

// prospect says it in words.
func (v *vip) prospect(o outlook) string {
	switch {
	case o.prospect == refused:
		return "A connection opened now would be refused: no server may take it."
	case o.prospect == open:
		return fmt.Sprintf("Scheduler %s decides by what comes before; any eligible server may be next.", v.kind)
	case v.conf.Persistence != nil:
		return fmt.Sprintf("By scheduler %s a client that persistence does not know would get %s.", v.kind, v.serverName(o.real))
	}
	return fmt.Sprintf("By scheduler %s a connection opened now would go to %s.", v.kind, v.serverName(o.real))
}

func (d *Director) schedulerInput(members []schedule.Member) schedule.Input {
	weights := make(map[uint32]uint32)
	for _, m := range members {
		weights[m.Real] = m.Weight
	}
	return schedule.Input{
		Active:   func(r uint32) uint32 { return d.plane.Tally(r).Active },
		Weight:   func(r uint32) uint32 { return weights[r] },
		Eligible: func(uint32) bool { return true },
	}
}

func (v *vip) serverName(real uint32) string {
	for id, r := range v.reals {
		if r.id == real {
			return id
		}
	}
	return "a server that has left"
}

// candidates are all servers of the VIP.
func (d *Director) candidates(v *vip, next outlook) []control.Candidate {
	out := []control.Candidate{}
	if v.verdict == nil {
		return out
	}
	for _, s := range v.verdict.Servers {
		r := v.reals[s.ID]
		if r == nil {
			continue
		}
		c := control.Candidate{
			Server: s.ID, Address: netip.AddrPortFrom(s.Addr, s.Port), State: realStates[r.written.State],
			Eligible: s.Eligible() && r.way.Err == nil, Why: reason(s, r.way.Err), Next: next == outlook{certain, r.id},
			Active: uint64(d.plane.Tally(r.id).Active), Weight: float64(r.written.Weight) / schedule.One,
		}
		out = append(out, c)
	}
	return out
}

var _ control.Director = (*Director)(nil)
