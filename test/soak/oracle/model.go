package oracle

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Model is everything that answers depend on, over time. Its methods are safe for
// concurrent use.
type Model struct {
	limits Limits

	mu      sync.RWMutex
	zones   line[*Zone]
	file    *sight // of the zone file
	sources map[string]*source
	consul  *sight
	drains  line[Drains]
	starts  []start
	gaps    []gap

	memo memo
}

// Drains are the IDs of servers that operators set aside.
type Drains map[string]bool

// source is a pool over time.
type source struct {
	pools  line[Pool]
	sight  *sight
	probed bool
}

// New is a model of a name server that serves a zone and has not started yet.
func New(l Limits, z *Zone) *Model {
	m := &Model{limits: l, sources: map[string]*source{}, consul: &sight{delay: l.Consul}, file: &sight{delay: l.Zone}}
	m.zones.begin(0, z)
	m.drains.begin(0, Drains{})
	m.gaps = []gap{{0, forever}}
	return m
}

// Source adds a pool: "consul NAME", or "srv OWNER" if its servers are probed.
func (m *Model) Source(name string, probed bool, p Pool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &source{sight: m.consul, probed: probed}
	if probed {
		s.sight = &sight{delay: m.limits.Probe}
	}
	s.pools.begin(0, p)
	m.sources[name] = s
}

// Pool is the latest of a source.
func (m *Model) Pool(name string) Pool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.sources[name].pools.latest()
}

// BeginPool says that a source's pool is about to be another.
func (m *Model) BeginPool(at time.Duration, name string, p Pool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sources[name].pools.begin(at, p)
}

// DonePool says that the latest pool of a source holds.
func (m *Model) DonePool(at time.Duration, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sources[name].pools.done(at)
}

// BeginZone says that the zone file is about to be another.
func (m *Model) BeginZone(at time.Duration, z *Zone) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.zones.begin(at, z)
}

// DoneZone says that the latest zone is in the file.
func (m *Model) DoneZone(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.zones.done(at)
}

// BeginBroken says that the zone file is about to be of no use.
func (m *Model) BeginBroken(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.file.begin(at)
}

// EndBroken says that the zone file is whole again.
func (m *Model) EndBroken(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.file.end(at, m.limits.Zone)
}

// Zone is the latest zone.
func (m *Model) Zone() *Zone {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.zones.latest()
}

// BeginDrains says that operators are about to have set these servers aside.
func (m *Model) BeginDrains(at time.Duration, d Drains) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drains.begin(at, d)
}

// DoneDrains says that the latest drains hold.
func (m *Model) DoneDrains(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drains.done(at)
}

// Drained are the latest drains.
func (m *Model) Drained() Drains {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.drains.latest()
}

// DrainsSince are all that held at some time since then.
func (m *Model) DrainsSince(at time.Duration) (all []Drains) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, s := range m.drains.in(m.drains.during(at, forever)) {
		if !slices.ContainsFunc(all, func(d Drains) bool { return maps.Equal(d, s.value) }) {
			all = append(all, s.value)
		}
	}
	return all
}

// BeginTrouble says that Consul is about to be out of reach, or not to be
// believed.
func (m *Model) BeginTrouble(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.consul.begin(at)
}

// BeginBlind says that in the trouble with Consul nothing of it is seen from now
// on, and how soon the process must know that.
func (m *Model) BeginBlind(at, notice time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	tr := m.consul.open()
	tr.blind, tr.notice = gap{at, forever}, notice
}

// EndBlind says that some of Consul may be seen again.
func (m *Model) EndBlind(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.consul.open().blind.to = at
}

// EndTrouble says that Consul answers well again, and for how long that may not
// be noticed.
func (m *Model) EndTrouble(at, recovery time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.consul.end(at, recovery)
}

// Troubled is until when Consul was out of reach the last time.
func (m *Model) Troubled() time.Duration {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.consul.ended()
}

// Confirmed says that the process has heard of all services what is true at a time,
// so that no trouble of before hides anything any more.
func (m *Model) Confirmed(at time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.consul.confirmed(at)
}

// Forget drops what no view can be of any more: what ended before a time from
// which on Consul was in reach. Zones are few, and stay.
func (m *Model) Forget(before time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before = m.consul.oldest(before)
	for _, s := range m.sources {
		s.pools.forget(before)
		s.sight.forget(before)
	}
	m.drains.forget(before)
	m.file.forget(before)
}
