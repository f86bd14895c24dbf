package ballast

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/plugin/policy"

	"github.com/coredns/coredns/coremain"
)

// operator answers the control socket: it implements control.Service.
type operator struct{ hub *hub }

// Status implements control.Service.
func (o *operator) Status(context.Context) (control.Status, error) {
	now := time.Now()
	status := control.Status{
		Program:   "coredns",
		Version:   coremain.CoreVersion,
		PID:       os.Getpid(),
		Started:   o.hub.started,
		Zones:     []control.ZoneStatus{},
		Sources:   []control.SourceStatus{},
		Overrides: o.overrides(),
		State:     o.hub.stateStatus(),
		Peers:     o.hub.peerStatus(now),
	}
	for _, z := range o.hub.allZones() {
		status.Zones = append(status.Zones, z.status(now))
	}
	for _, f := range o.hub.allFeeds() {
		status.Sources = append(status.Sources, f.report(now))
	}
	slices.SortFunc(status.Sources, func(a, b control.SourceStatus) int { return cmp.Compare(a.Source, b.Source) })
	return status, nil
}

func (o *operator) overrides() []control.Override {
	words := o.hub.overrides.list()
	for i := range words {
		words[i].Matches, words[i].Served = o.matches(words[i]), o.stillServed(words[i])
	}
	return words
}

// stillServed counts the servers that are in answers although they are drained.
func (o *operator) stillServed(word control.Override) int {
	servers := map[string]bool{}
	o.eachSteer(func(s *steer) {
		p := s.feed.pool.Load()
		if !word.Drain || p == nil || !word.MatchName(s.name, p.Service) {
			return
		}
		for _, m := range s.served.Load().plan.Members {
			if m.In && word.MatchServer(m.Server) {
				servers[s.feed.key+m.Server.ID] = true
			}
		}
	})
	return len(servers)
}

// matches counts the servers that an override applies to now.
func (o *operator) matches(word control.Override) int {
	servers := map[string]bool{}
	o.eachSteer(func(s *steer) {
		p := s.feed.pool.Load()
		if p == nil || !word.MatchName(s.name, p.Service) {
			return
		}
		for i := range p.Servers {
			if word.MatchServer(&p.Servers[i]) {
				servers[s.feed.key+p.Servers[i].ID] = true
			}
		}
	})
	return len(servers)
}

func (o *operator) eachSteer(do func(*steer)) {
	for _, z := range o.hub.allZones() {
		for _, s := range z.data.Load().steers {
			do(s)
		}
	}
}

// SetOverride implements control.Service.
func (o *operator) SetOverride(_ context.Context, word control.Override) (control.Override, error) {
	now := time.Now()
	if err := word.Validate(now); err != nil {
		return control.Override{}, err
	}
	word.Set = now
	o.hub.overrides.set(word)
	o.hub.overridesChanged(now)
	word.Matches, word.Served = o.matches(word), o.stillServed(word)
	log.Infof("%s, by %s", overrideText(word), cmp.Or(word.By, "an operator"))
	return word, nil
}

func overrideText(word control.Override) string {
	text := fmt.Sprintf("%s: weight times %g", word.Server, word.Factor)
	if word.Drain {
		text = word.Server + ": drained"
	}
	if !word.Until.IsZero() {
		text += " until " + word.Until.Format(time.RFC3339)
	}
	return text
}

// ClearOverride implements control.Service.
func (o *operator) ClearOverride(_ context.Context, server, owner string) (int, error) {
	n := o.hub.overrides.clear(server, owner)
	if n == 0 {
		return 0, control.Errorf(control.ErrNotFound, "nothing is overridden for %s; see 'ballastctl override list'", server)
	}
	o.hub.overridesChanged(time.Now())
	log.Infof("override of %s cleared", server)
	return n, nil
}

func (z *zone) status(now time.Time) control.ZoneStatus {
	data := z.data.Load()
	status := control.ZoneStatus{
		Origin:  z.origin,
		File:    z.cfg.file,
		Serial:  data.parsed.SOA.Serial,
		InFile:  data.file.SOA.Serial,
		Loaded:  data.loaded,
		Records: len(data.parsed.Records),
		LBs:     len(data.steers),
		Names:   []control.NameStatus{},
	}
	z.mu.Lock()
	status.Err, status.Failed = z.err, z.failed
	z.mu.Unlock()
	for _, s := range data.steers {
		status.Names = append(status.Names, s.status(now))
	}
	slices.SortFunc(status.Names, func(a, b control.NameStatus) int { return cmp.Compare(a.Name, b.Name) })
	return status
}

func (s *steer) status(now time.Time) control.NameStatus {
	sv := s.served.Load()
	status := control.NameStatus{
		Name:    s.name,
		Source:  s.feed.name,
		Policy:  sv.plan.Config.Policy,
		Mode:    sv.plan.Mode.String(),
		Reason:  sv.plan.Reason,
		TTL:     control.Seconds(sv.plan.TTL),
		MinTTL:  control.Seconds(sv.plan.Config.MinTTL),
		MaxTTL:  control.Seconds(s.config.TTL),
		TTLWhy:  boundText(sv.plan),
		Members: []control.MemberStatus{},
	}
	for i := range sv.plan.Members {
		status.Members = append(status.Members, s.member(sv, i, now))
	}
	return status
}

func boundText(p *policy.Plan) string {
	if len(p.Bounds) == 0 {
		return ""
	}
	b := decided(p)
	text := b.Name
	if b.Why != "" {
		text += ": " + b.Why
	}
	return text
}

func (s *steer) member(sv *served, i int, now time.Time) control.MemberStatus {
	m := &sv.plan.Members[i]
	status := control.MemberStatus{
		ID: m.Server.ID, Node: m.Server.Node, Host: m.Server.Host,
		Addrs: m.Server.Addrs, Port: m.Server.Port, Tier: m.Server.Tier,
		Health: m.Server.Health, HealthWhy: m.Server.Reason,
		Connections: m.Server.Load.Connections,
		Weight:      m.Weight, Share: m.Share, In: m.In, Why: m.Why,
		Answers: sv.members[i].given.Load(),
	}
	if m.Server.Load.Known() {
		status.Load = &m.Server.Load.Value
		status.LoadAge = control.Seconds(m.Server.Load.Age(now))
	}
	return status
}

func (f *feed) report(now time.Time) control.SourceStatus {
	status := f.status()
	report := control.SourceStatus{
		Source:    f.name,
		Age:       control.Seconds(status.Age(now)),
		Err:       status.Err,
		Confirmed: status.Confirmed,
		Snapshot:  f.fromSnapshot(),
	}
	if p := f.pool.Load(); p != nil {
		report.Servers = len(p.Servers)
	}
	return report
}
