package ballast

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/zones"

	"github.com/coredns/coredns/plugin/transfer"

	"github.com/miekg/dns"
)

// zone is one zone that is served.
type zone struct {
	origin   string
	nth      int // of the zones with this origin, which views may serve beside each other
	cfg      *config
	client   *consul.Client // nil without Consul
	hub      *hub
	data     atomic.Pointer[zoneData] // never nil
	transfer atomic.Pointer[transfer.Transfer]

	edition  atomic.Pointer[edition] // for secondaries; nil before the first one
	notifier notifier

	mu     sync.Mutex // guards what follows
	stamps stamps     // of the files that were read last, used or not
	failed time.Time  // since when the file cannot be used; zero if it can
	err    string

	draft     draft     // of the next edition
	numbering numbering // of the last
	changed   time.Time // since when the draft differs from it; zero if it does not
	edited    time.Time // when the last one was made, but for the first
	greet     time.Time // when to tell secondaries of the first; zero if they were
	quiet     bool      // the first one is no news: it goes on from before a reload
}

// zoneData is a zone as its file says, with its LB names at run time. It is
// immutable but for what the steers serve.
type zoneData struct {
	file   *zones.Zone       // as it was read
	parsed *zones.Zone       // the same, under the serial that is served
	steers map[string]*steer // by the owner of the LB record
	hasLB  bool
	soa    *dns.SOA // for negative answers
	loaded time.Time
}

// newZone loads a zone for the first time: every mistake is an error.
func newZone(h *hub, cfg *config, client *consul.Client, origin string) (*zone, error) {
	z := &zone{origin: origin, nth: h.countZones(origin), cfg: cfg, client: client, hub: h}
	return z, z.load()
}

// load reads the zone file and serves it. On an error nothing changes.
func (z *zone) load() error {
	settings := z.cfg.settings()
	z.stamps = stamps{}
	settings.Open = z.stamps.open
	parsed, problems := zones.Load(z.cfg.file, z.origin, settings)
	for _, p := range problems {
		if p.Severity == zones.Warning {
			log.Warning(p.Error())
		}
	}
	if err := zones.Join(problems); err != nil {
		return err
	}
	data, err := z.build(parsed)
	if err != nil {
		return err
	}
	old := z.data.Swap(data)
	z.hub.loads.Add(1)
	z.release(old, data)
	return nil
}

// build makes the zone's data. LB names that are as before keep their steers.
func (z *zone) build(parsed *zones.Zone) (*zoneData, error) {
	numbered := z.renumbered(parsed)
	data := &zoneData{
		file:   parsed,
		parsed: numbered,
		steers: make(map[string]*steer, len(parsed.LBs)),
		hasLB:  len(parsed.LBs) > 0,
		soa:    numbered.NegativeSOA(),
		loaded: time.Now(),
	}
	for i := range parsed.LBs {
		rec := &parsed.LBs[i]
		s, err := z.steer(parsed, rec)
		if err != nil {
			z.release(data, z.data.Load())
			return nil, fmt.Errorf("%s:%d: %w", rec.File, rec.Line, err)
		}
		data.steers[rec.Name] = s
	}
	return data, nil
}

// before is the same zone in the hub before the reload, or nil.
func (z *zone) before() *zone {
	z.hub.mu.Lock()
	old := z.hub.old
	z.hub.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.same(z)
}

// same is the hub's zone in the place of another hub's.
func (h *hub) same(z *zone) *zone {
	for _, own := range h.allZones() {
		if own.origin == z.origin && own.nth == z.nth {
			return own
		}
	}
	return nil
}

// steer returns the steer for an LB record: the present one if nothing about
// it changed, or a new one that remembers what the present one does.
func (z *zone) steer(parsed *zones.Zone, rec *zones.LBRecord) (*steer, error) {
	spec, err := z.feedSpec(parsed, rec)
	if err != nil {
		return nil, err
	}
	id := identity(rec, spec.key)
	var old *steer
	if data := z.data.Load(); data != nil {
		old = data.steers[rec.Name]
	} else if before := z.before(); before != nil {
		old = before.data.Load().steers[rec.Name]
	}
	if old != nil && old.hub == z.hub && old.id == id {
		return old, nil
	}
	return newSteer(z, id, *rec, spec, old)
}

// release closes the steers of data that kept does not use.
func (z *zone) release(data, kept *zoneData) {
	if data == nil {
		return
	}
	for owner, s := range data.steers {
		var next *steer
		if kept != nil {
			next = kept.steers[owner]
		}
		if next != s {
			s.close(next)
		}
	}
}

// negative is the authority section of a negative answer that may be cached
// for ttl seconds, if the zone allows that long.
func (d *zoneData) negative(ttl uint32) []dns.RR {
	if ttl >= d.soa.Hdr.Ttl {
		return []dns.RR{d.soa}
	}
	soa := *d.soa
	soa.Hdr.Ttl = ttl
	return []dns.RR{&soa}
}
