package ballast

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/plugin/peers"
	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"
)

// steer is one LB name at run time: it turns its source's pools into what is
// served, whenever the pool changes or something is in motion.
type steer struct {
	id       string // what it was made from; see identity
	zone     string // origin
	place    uint64 // of the name, as peers call it
	name     string // owner of the LB record, in lower case; may be a wildcard
	wildcard bool
	record   zones.LBRecord
	config   policy.Config
	policy   policy.Policy
	learner  policy.Learner // the policy, if it remembers; else nil
	listens  bool           // the policy learns of other name servers' answers
	feed     *feed
	hub      *hub
	metrics  *steerMetrics
	queries  *queryCounts // goes on with the next steer of the name

	served atomic.Pointer[served] // never nil
	heeded atomic.Uint64          // version of the overrides that the plan knows
	before *served                // by the steer before, until there is a plan; or nil

	mu     sync.Mutex // serializes updates; never held while serving
	state  *policy.State
	closed bool // updates come too late

	surveyed time.Time // of the hub's ticker
}

// identity tells whether LB records of two versions of a zone can be served by
// the same steer.
func identity(rec *zones.LBRecord, feedKey string) string {
	return rec.RR().String() + "\n" + feedKey
}

// newSteer starts to steer a name. What old, of the same name, remembers is
// kept, so that a changed record or a reload forgets no ramp and no exclusion.
func newSteer(z *zone, id string, rec zones.LBRecord, spec feedSpec, old *steer) (*steer, error) {
	cfg := policyConfig(&rec)
	p, err := policyOf(z.hub, cfg.Policy, old)
	if err != nil {
		return nil, err
	}
	s := &steer{
		id:       id,
		zone:     z.origin,
		place:    peers.Hash(z.place(rec.Name)),
		name:     rec.Name,
		wildcard: strings.HasPrefix(rec.Name, "*."),
		record:   rec,
		config:   cfg,
		policy:   p,
		hub:      z.hub,
		metrics:  newSteerMetrics(z.origin, rec.Name),
		queries:  new(queryCounts),
	}
	s.learner, _ = p.(policy.Learner)
	_, s.listens = p.(policy.Listener)
	if old != nil {
		s.queries = old.queries
		old.mu.Lock()
		s.state, s.before = old.state, old.served.Load()
		old.mu.Unlock()
	}
	z.hub.join(s, spec)
	s.update(time.Now())
	return s, nil
}

// policyOf makes a policy, or takes the one that steered the name before if it is
// the same: what that has learned of resolvers stays true.
func policyOf(h *hub, name string, old *steer) (policy.Policy, error) {
	if old != nil && old.config.Policy == name {
		return old.policy, nil
	}
	return policy.New(name, policy.Options{Seed: rand.Uint64(), Room: h.room})
}

// close ends the steer; next is what its name is steered by now, or nil.
func (s *steer) close(next *steer) {
	s.hub.leave(s)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.handOver(next)
}

// policyConfig is what the LB record says, as the policy understands it.
func policyConfig(rec *zones.LBRecord) policy.Config {
	lb := rec.LB
	cfg := policy.Config{
		Policy:   lb.Policy,
		Answers:  lb.Answers,
		TTL:      time.Duration(rec.TTL) * time.Second,
		MinTTL:   lb.MinTTL,
		MeanTTL:  lb.MeanTTL,
		Session:  lb.Session,
		UpThresh: zones.Or(lb.UpThresh, 0),
		Empty:    emptyModes[lb.Empty],
		Ramp:     lb.Ramp,
		Sticky:   lb.Sticky, // zones.Off is off here too
	}
	return cfg.WithDefaults()
}

var emptyModes = map[string]policy.Empty{
	zones.EmptyAll:      policy.EmptyAll,
	zones.EmptyLast:     policy.EmptyLast,
	zones.EmptyNone:     policy.EmptyNone,
	zones.EmptyFallback: policy.EmptyFallback,
}

// update makes a new plan of the present pool.
func (s *steer) update(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.plan(now)
	}
}

// tick lets the policy learn, and updates what is served if that is due.
// An order may have come while the steer was being made, when nobody knew of it.
func (s *steer) tick(now time.Time, orders uint64) {
	if s.learner != nil {
		s.learner.Tick(now)
		s.survey(now)
	}
	due := s.served.Load().plan.Due
	if !due.IsZero() && !now.Before(due) || s.heeded.Load() != orders {
		s.update(now)
	}
}

// plan makes a new plan, and new records if it is served differently. The
// caller holds mu.
func (s *steer) plan(now time.Time) {
	s.heeded.Store(s.hub.overrides.current()) // before they are read
	p := s.feed.pool.Load()                   // not handed in: the latest always wins
	plan, state := policy.Next(s.config, policy.Input{
		Now:       now,
		Pool:      p,
		Status:    s.feed.status(),
		Overrides: s.hub.overrides.of(s.name, p, now),
		Seed:      uint64(now.UnixNano()),
	}, s.state)
	s.state = state
	if s.learner != nil {
		s.learner.Adopt(plan)
	}
	old := s.served.Load()
	s.served.Store(newServed(s, plan, old))
	s.before = nil
	s.metrics.keep(plan)
	if policy.Adapts(plan.Config.Policy) {
		s.metrics.adapt()
	}
	logTransition(s, old, plan)
}

// logTransition logs a change of how the pool's members are found: states, not
// samples.
func logTransition(s *steer, old *served, plan *policy.Plan) {
	if old == nil || old.plan.Mode == plan.Mode || old.plan.Mode == policy.Waiting && plan.Mode == policy.Live {
		return // as was to be expected
	}
	report := log.Warningf
	if plan.Mode == policy.Live {
		report = log.Infof
	}
	report("%s: %s is now %s: %s", s.name, s.feed.name, plan.Mode, plan.Reason)
}
