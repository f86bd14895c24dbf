package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// kind is a policy by name.
type kind struct {
	build func(Options) Policy
	load  use // what load does to weights
	// keyed: it looks at the resolver key and the time of a query.
	keyed bool
	// learns: it knows keys one by one.
	learns bool
	// adapts: it gives TTLs of its own to keys.
	adapts bool
}

// use is what a policy makes of loads, as far as weights are concerned.
type use uint8

const (
	// gradual: the more loaded, the lighter.
	gradual use = iota
	// oneBit: a server that warns or is overloaded is out unless all are, the
	// alarm of the literature. Others are not made lighter by their load.
	oneBit
	// ownUse: reported loads are none of the plan's business.
	ownUse
)

var kinds = map[string]kind{
	"weighted": {build: func(Options) Policy { return weighted{} }},
	"hash":     {build: func(Options) Policy { return hash{} }, keyed: true},
	"headroom": {build: newHeadroom, load: ownUse, keyed: true, learns: true, adapts: true},

	"rr":         {build: rotation{}.policy, load: oneBit},
	"rr2":        {build: rotation{tiers: true}.policy, load: oneBit, keyed: true, learns: true},
	"prr2-ttl1":  {build: rotation{tiers: true, chance: true, ttl: &stretch{}}.policy, load: oneBit, keyed: true, learns: true, adapts: true},
	"prr2-ttl2":  {build: rotation{tiers: true, chance: true, ttl: &stretch{shape: byTier}}.policy, load: oneBit, keyed: true, learns: true, adapts: true},
	"prr2-ttlk":  {build: rotation{tiers: true, chance: true, ttl: &stretch{shape: byKey}}.policy, load: oneBit, keyed: true, learns: true, adapts: true},
	"drr2-ttls1": {build: rotation{tiers: true, ttl: &stretch{server: true}}.policy, load: oneBit, keyed: true, learns: true, adapts: true},
	"drr2-ttls2": {build: rotation{tiers: true, ttl: &stretch{server: true, shape: byTier}}.policy, load: oneBit, keyed: true, learns: true, adapts: true},
	"drr2-ttlsk": {build: rotation{tiers: true, ttl: &stretch{server: true, shape: byKey}}.policy, load: oneBit, keyed: true, learns: true, adapts: true},
	"dal":        {build: newDAL, load: oneBit, keyed: true},
	"mrl":        {build: newMRL, load: oneBit, keyed: true},
	"least-load": {build: newLeastLoad, load: oneBit},
}

// New makes the policy of that name, or the one that goes by the plan's where
// name is empty. The error lists the names there are.
func New(name string, o Options) (Policy, error) {
	if err := Known(name); err != nil {
		return nil, err
	}
	if name == "" {
		return newByReports(o), nil
	}
	return kinds[name].build(o), nil
}

// Known tells whether there is a policy of that name, or that it is empty. The
// error lists the names.
func Known(name string) error {
	if _, ok := kinds[name]; !ok && name != "" {
		return fmt.Errorf("unknown policy %q: it is one of %s", name, strings.Join(Names(), ", "))
	}
	return nil
}

// Keyed tells whether the policy looks at the resolver key and the time.
func Keyed(name string) bool { return kinds[name].keyed }

// Learns tells whether the policy knows resolver keys one by one.
func Learns(name string) bool { return kinds[name].learns }

// Adapts tells whether the policy gives keys TTLs of their own.
func Adapts(name string) bool { return kinds[name].adapts }

// Names lists the policies, sorted.
func Names() []string { return slices.Sorted(maps.Keys(kinds)) }
