package ballast

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/plugin/peers"
	"github.com/ballast-lb/ballast/plugin/policy/hidden"

	"github.com/coredns/caddy"
)

// hub is what all ballast directives of one Corefile share: sources, operator
// overrides and the control socket. A reload makes a new one, which takes over
// what the old one knows while both run.
type hub struct {
	started   time.Time
	overrides *overrides    // shared with the hub before and after
	room      *hidden.Room  // for resolver keys of all names; shared likewise
	memory    *peers.Memory // of peers; shared likewise
	absent    *absent       // peers; shared likewise

	loads atomic.Uint64 // of zones so far: whether there may be other names than before

	mu             sync.Mutex
	zones          []*zone
	feeds          map[string]*feed // by key
	named          map[string]*feed // by name: the newest of those that follow the same
	slots          chan struct{}    // of probes that run
	clients        map[consul.Config]*consul.Client
	control        string
	state          string // directory; empty if nothing is kept
	peers          string // as the Corefile has it
	peering        *peering
	keeper         *keeper // from the start on, if there is a directory
	startupTimeout time.Duration
	running        bool

	old        *hub // the hub before the reload, until it ended
	successor  *hub // the hub that a reload is setting up
	restarting bool

	cancel   context.CancelFunc
	unlisten func() // closes the control socket
	wg       sync.WaitGroup
}

// maxKeys is how many resolver keys all names together keep: some 250 MB.
const maxKeys = 1_000_000

// maxChecks is how many probes run at the same time, of all sources: few enough
// for the usual limit of file descriptors.
const maxChecks = 1024

type hubKey struct{}

// hubOf returns the hub of the Corefile that is being set up.
func hubOf(c *caddy.Controller) *hub {
	if h, ok := c.Get(hubKey{}).(*hub); ok {
		return h
	}
	h := newHub()
	h.succeed(restartingHub())
	c.Set(hubKey{}, h)
	c.OnStartup(h.start)
	c.OnRestart(h.beginRestart)
	c.OnRestartFailed(h.restartFailed)
	c.OnShutdown(h.stopReplaced)
	c.OnFinalShutdown(h.stop)
	return h
}

func newHub() *hub {
	return &hub{
		started:   time.Now(),
		overrides: &overrides{},
		room:      hidden.NewRoom(maxKeys),
		memory:    peers.NewMemory(time.Now()),
		absent:    &absent{peers: map[string]bool{}},
		slots:     make(chan struct{}, maxChecks),
		unlisten:  func() {},
		feeds:     map[string]*feed{},
		named:     map[string]*feed{},
		clients:   map[consul.Config]*consul.Client{},
	}
}

// configure takes the settings that there is only one of.
func (h *hub) configure(cfg *config) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.startupTimeout = max(h.startupTimeout, cfg.startupTimeout)
	if h.peering == nil {
		h.peering = cfg.peering
	}
	return errors.Join(
		onlyOne("peers", &h.peers, cfg.peers, "there is one exchange for all"),
		onlyOne("control", &h.control, cfg.control, "there is one socket for all"),
		onlyOne("state", &h.state, cfg.state, "there is one directory for all"),
	)
}

// onlyOne sets what all directives share, and which one of them may say.
func onlyOne(property string, shared *string, value, why string) error {
	if value != "" && *shared != "" && value != *shared {
		return fmt.Errorf("%s is '%s' here and '%s' in another ballast directive; %s", property, value, *shared, why)
	}
	*shared = cmp.Or(*shared, value)
	return nil
}

func (h *hub) countZones(origin string) (n int) {
	for _, z := range h.allZones() {
		if z.origin == origin {
			n++
		}
	}
	return n
}

func (h *hub) addZone(z *zone) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.zones = append(h.zones, z)
	h.loads.Add(1)
}

// client returns the client for a Consul. There is one for all directives that
// mean the same.
func (h *hub) client(cfg consul.Config) (*consul.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c, ok := h.clients[cfg]; ok {
		return c, nil
	}
	withLog := cfg
	withLog.Log = newLogger()
	c, err := consul.New(withLog)
	if err != nil {
		return nil, err
	}
	h.clients[cfg] = c
	return c, nil
}

// join makes s a user of the feed of spec, and starts the feed if need be.
func (h *hub) join(s *steer, spec feedSpec) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[spec.key]
	if f == nil {
		f = newFeed(spec, h.seed(spec))
		h.feeds[spec.key], h.named[spec.name] = f, f
		if h.running {
			f.start()
		}
	}
	s.feed = f // before the feed knows of s: it may publish at once
	f.mu.Lock()
	f.steers[s] = struct{}{}
	f.mu.Unlock()
}

// seed is the last pool of a feed that did the same as spec, in this hub or in
// the one before. The caller holds mu.
func (h *hub) seed(spec feedSpec) seed {
	if seed := h.lastPool(spec); seed.pool != nil || h.old == nil {
		return seed
	}
	h.old.mu.Lock()
	defer h.old.mu.Unlock()
	return h.old.lastPool(spec)
}

// lastPool is the last pool of a feed that did the same as spec. The caller
// holds mu.
func (h *hub) lastPool(spec feedSpec) seed {
	for _, f := range []*feed{h.feeds[spec.key], h.named[spec.name]} {
		if f != nil && f.known() {
			return f.last()
		}
	}
	return seed{}
}

// leave ends the use of a feed, and the feed with its last user.
func (h *hub) leave(s *steer) {
	h.mu.Lock()
	f := s.feed
	f.mu.Lock()
	delete(f.steers, s)
	unused := len(f.steers) == 0
	f.mu.Unlock()
	if unused && h.feeds[f.key] == f {
		delete(h.feeds, f.key)
		if h.named[f.name] == f {
			delete(h.named, f.name)
		}
	}
	shared := h.named[f.name] != nil
	h.mu.Unlock()
	if unused {
		f.stop()
		if !shared {
			forgetProbes(f.name)
		}
	}
}

// isSucceeded tells that a reload is setting up the next hub.
func (h *hub) isSucceeded() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.successor != nil
}

func (h *hub) allZones() []*zone {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*zone(nil), h.zones...)
}

func (h *hub) allFeeds() []*feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	feeds := make([]*feed, 0, len(h.feeds))
	for _, f := range h.feeds {
		feeds = append(feeds, f)
	}
	return feeds
}
