package director

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/control"
)

// Status implements control.Director.
func (d *Director) Status(context.Context) (control.DirectorStatus, error) {
	if err := d.requests.enter(); err != nil {
		return control.DirectorStatus{}, err
	}
	defer d.requests.leave()
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	s := control.DirectorStatus{
		Program: "ballast-director", Version: d.version, PID: os.Getpid(), Started: d.started,
		Config: d.cfg.File, ConfigLoaded: d.loaded, ConfigFailed: d.failed,
		Interfaces: d.interfaces(), Table: d.table(), Drains: slices.Clone(d.orders),
	}
	if d.failure != nil {
		s.ConfigError = d.failure.Error()
	}
	reasons, err := d.plane.Reasons()
	if err != nil {
		return s, err
	}
	s.Reasons = reasonNames(reasons[0][:])
	for i := range s.Drains {
		d.count(&s.Drains[i])
	}
	for _, conf := range d.cfg.VIPs {
		v := d.vips[conf.Name]
		if v == nil {
			continue
		}
		status := d.vipStatus(v)
		status.Reasons = reasonNames(reasons[v.id+1][:])
		s.VIPs = append(s.VIPs, status)
		s.Sources = append(s.Sources, sourceStatus(v, now)...)
	}
	return s, nil
}

func (d *Director) interfaces() []control.InterfaceStatus {
	var out []control.InterfaceStatus
	for _, name := range d.cfg.Interfaces {
		l := d.links[name]
		s := control.InterfaceStatus{Name: name, Index: l.index, Attached: l.attached}
		if l.err != nil {
			s.Error = l.err.Error()
		}
		out = append(out, s)
	}
	return out
}

func (d *Director) table() control.TableStatus {
	g := d.plane.Gauge()
	capacity, _ := d.plane.Capacity()
	return control.TableStatus{
		Connections: uint64(g.Used), Capacity: uint64(capacity), HalfOpen: uint64(g.Opening),
		Displaced: g.Displaced, Expired: g.Expired,
	}
}

func sourceStatus(v *vip, now time.Time) []control.SourceStatus {
	var out []control.SourceStatus
	for _, f := range []*feed{v.servers, v.spare} {
		if f == nil {
			continue
		}
		st := f.source.Status()
		s := control.SourceStatus{
			Source: v.sourceName(f), Age: control.Seconds(st.Age(now)), Err: st.Err, Confirmed: st.Confirmed,
		}
		if p := f.last(); p != nil {
			s.Servers = len(p.Servers)
		}
		out = append(out, s)
	}
	return out
}

// sourceName says where a feed's servers come from.
func (v *vip) sourceName(f *feed) string {
	switch {
	case f == v.spare:
		return "list " + v.conf.Name + " fallback"
	case v.conf.Service == nil:
		return "list " + v.conf.Name
	}
	return f.source.Status().Source
}

// reason says why a server's state and weight are what they are; empty of one
// that is well.
func reason(s verdict.Server, way error) string {
	switch {
	case way != nil:
		return way.Error()
	case s.State == verdict.Up && s.Reason == s.Health.String():
		return ""
	}
	return s.Reason
}

func (d *Director) vipStatus(v *vip) control.VIPStatus {
	s := control.VIPStatus{
		Name: v.conf.Name, Address: v.conf.Address, Ports: v.conf.Ports, Protocol: string(v.conf.Protocol),
		Scheduler: string(v.conf.Scheduler), Mode: string(v.conf.Mode), OnFailure: string(v.conf.OnFailure),
		Source: "list", Quorum: control.QuorumStatus{Needed: v.conf.Quorum}, Totals: volume(v.totals),
	}
	if v.conf.Service != nil {
		s.Source = "consul " + v.conf.Service.Service
	}
	if p := v.conf.Persistence; p != nil {
		s.Persistence = &control.PersistenceStatus{Timeout: control.Seconds(p.Timeout), Prefix: p.Prefix}
	}
	s.Error = v.errorText(d.untold(v))
	if v.verdict == nil {
		return s
	}
	s.Quorum.Met, s.Fallback = v.verdict.Quorum, v.verdict.Fallback
	for _, judged := range v.verdict.Servers {
		r := v.reals[judged.ID]
		if r == nil {
			continue
		}
		real := d.realStatus(v, r, judged)
		if !judged.Fallback && (judged.State == verdict.Up || judged.State == verdict.Standby) && r.way.Err == nil {
			s.Quorum.Alive++
		}
		addRates(&s.Rates, real.Rates)
		addTotals(&s.Totals, real.Totals)
		s.Servers = append(s.Servers, real)
	}
	return s
}

// errorText is why the VIP is not served as configured; untold is the part of
// Consul in that.
func (v *vip) errorText(untold string) string {
	var errs []string
	for _, err := range []error{v.address, v.trouble} {
		if err != nil {
			errs = append(errs, err.Error())
		}
	}
	switch {
	case v.verdict == nil:
		errs = append(errs, "waiting for its servers to be known")
	case len(v.verdict.Servers) == 0:
		errs = append(errs, "it has no servers")
	case !v.verdict.Quorum:
		errs = append(errs, v.verdict.Reason)
	}
	if untold != "" {
		errs = append(errs, untold)
	}
	return strings.Join(errs, "; ")
}

func addTotals(to *control.Volume, v control.Volume) {
	to.Conns += v.Conns
	to.InPackets += v.InPackets
	to.OutPackets += v.OutPackets
	to.InBytes += v.InBytes
	to.OutBytes += v.OutBytes
}

var realStates = map[bpf.DirectorRealState]control.RealState{
	bpf.DirectorRealStateREAL_UP:       control.RealUp,
	bpf.DirectorRealStateREAL_DRAINING: control.RealDraining,
	bpf.DirectorRealStateREAL_EJECTED:  control.RealEjected,
	bpf.DirectorRealStateREAL_DOWN:     control.RealDown,
}

func (d *Director) realStatus(v *vip, r *real, s verdict.Server) control.RealStatus {
	t := d.plane.Tally(r.id)
	traffic, _ := d.plane.Traffic(r.id) // of the same maps as all else here
	out := control.RealStatus{
		ID: s.ID, Address: netip.AddrPortFrom(s.Addr, s.Port), State: realStates[r.written.State],
		Reason: reason(s, r.way.Err), Since: r.since, Weight: float64(r.written.Weight) / 256,
		Capacity: s.Factors.Capacity, Ramp: s.Factors.Ramp,
		Active: uint64(t.Active), Inactive: uint64(t.Inactive), Totals: volume(traffic), Rates: r.rates,
		SYNs: t.Syns, SYNACKs: t.Synacks, Misses: t.Misses, Resets: t.Resets, Unreachable: t.Unreachable,
		Generation: s.Generation, DrainDeadline: s.DrainDeadline, Fallback: s.Fallback,
		Interface: r.way.Interface, Nexthop: r.way.Nexthop,
	}
	if s.LoadKnown {
		out.Load, out.LoadAge = &s.Load, v.loadAge(s.ID, time.Now())
	}
	return out
}

// loadAge is how old a server's load report is.
func (v *vip) loadAge(id string, now time.Time) control.Seconds {
	for _, f := range []*feed{v.servers, v.spare} {
		if p := f.last(); p != nil {
			if s := p.Find(id); s != nil && s.Load.Known() {
				return control.Seconds(s.Load.Age(now))
			}
		}
	}
	return 0
}
