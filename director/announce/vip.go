package announce

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pace"
	"github.com/ballast-lb/ballast/internal/pool"
)

// VIP is what to register.
type VIP struct {
	Name    string     // for Set and messages; unique in an Announcer
	Service string     // in Consul
	Address netip.Addr // of either family
	Ports   []uint16   // the first is registered
	Tags    []string   // besides "vip"
}

// ID is the VIP's in Consul, by the director on that host.
func (v VIP) ID(host string) string {
	return fmt.Sprintf("vip-%s-%s-%d@%s", v.Service, v.Address.Unmap(), v.Ports[0], host)
}

func (v VIP) validate() error {
	switch {
	case v.Name == "":
		return errors.New("a VIP has no name")
	case v.Service == "" || strings.Contains(v.Service, "/"):
		return fmt.Errorf("vip %q: service %q is not a name that Consul takes", v.Name, v.Service)
	case !v.Address.IsValid() || v.Address.Zone() != "" || v.Address.IsUnspecified() || v.Address.IsMulticast():
		return fmt.Errorf("vip %q: clients cannot be answered with address %v", v.Name, v.Address)
	case len(v.Ports) == 0 || v.Ports[0] == 0:
		return fmt.Errorf("vip %q: no port to register", v.Name)
	}
	return nil
}

// State is how a VIP is at present.
type State struct {
	Capacity    float64 // alive behind the VIP, in the servers' own measure
	Load        float64 // of the pool: utilisation, 0..1 and above
	LoadKnown   bool
	Connections int    // open through the VIP
	Quorum      bool   // enough servers live for the VIP to be answered with
	Degraded    bool   // it works, but is to be avoided: fallback servers, say
	Reason      string // why it is without quorum or degraded, for people
}

// overloadedReason does not tell the load of the moment, which would make each
// beat a change.
func overloadedReason(l pace.Limits) string {
	return fmt.Sprintf("overloaded: load went above %.0f%% and not yet below %.0f%%", 100*l.High, 100*l.Low)
}

// health is the state as the check tells it, and why.
func (s State) health(overloaded bool, l pace.Limits) (pool.Health, string) {
	switch {
	case !s.Quorum:
		return pool.Critical, cmp.Or(s.Reason, "no quorum: too few servers live")
	case s.Degraded:
		return pool.Warning, cmp.Or(s.Reason, "degraded")
	case overloaded:
		return pool.Warning, overloadedReason(l)
	}
	return pool.Passing, cmp.Or(s.Reason, "enough servers live")
}

// maxWeight is Consul's limit: that of an SRV record (RFC 2782).
const maxWeight = math.MaxUint16

// weight is a capacity as Consul takes it.
func weight(capacity, scale float64) int {
	w := math.Round(capacity * scale)
	if !(w > 1) { // NaN too
		return 1
	}
	return int(min(w, maxWeight))
}

// fact is what the state says to Consul, before it is quantised.
func (s State) fact(o *Options, overloaded bool) pace.Fact {
	return pace.Fact{
		Load:        min(max(0, s.Load), pool.MaxLoad),
		Unknown:     !s.LoadKnown || math.IsNaN(s.Load),
		Connections: max(0, s.Connections),
		Boot:        o.Boot,
		Overloaded:  overloaded,
		Weight:      weight(s.Capacity, o.Scale),
	}
}

// registration is all that Consul is told of the VIP but its health.
func (v VIP) registration(o *Options, f pace.Fact) consul.Registration {
	return consul.Registration{
		ID: v.ID(o.Host), Name: v.Service, Address: v.Address.Unmap().String(), Port: int(v.Ports[0]),
		Tags:    append([]string{consul.ViaVIP}, slices.DeleteFunc(slices.Clone(v.Tags), func(t string) bool { return t == consul.ViaVIP })...),
		Meta:    meta(f),
		Passing: f.Weight, Warning: max(1, f.Weight/2),
		TTL: o.TTL, CheckName: "Ballast director", DeregisterAfter: o.DeregisterAfter,
	}
}

// meta is the fact as service metadata; an unknown load is left out.
func meta(f pace.Fact) map[string]string {
	m := pool.Report{Load: f.Load, Connections: f.Connections, Boot: f.Boot}.Meta()
	if f.Unknown {
		delete(m, pool.MetaLoad)
		delete(m, pool.MetaConnections)
	}
	if f.Boot == "" {
		delete(m, pool.MetaBoot)
	}
	return m
}
