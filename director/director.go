package director

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ballast-lb/ballast/director/address"
	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/reset"
	"github.com/ballast-lb/ballast/director/route"
	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/control"
)

// Options say what to run.
type Options struct {
	Config  *config.Config
	Version string
	Log     *slog.Logger
	// Reload is received from when the configuration's file is to be read
	// again; nil for never.
	Reload <-chan os.Signal
	// Ready, if not nil, is called once everything is set up and before the
	// first packet is waited for: privileges may be dropped in it.
	Ready func() error
}

// Director is a running director.
type Director struct {
	log     *slog.Logger
	version string
	started time.Time
	plane   *dataplane.Plane
	routes  *route.Table
	sender  *reset.Sender
	owner   *address.Owner
	kick    chan struct{} // a verdict may be due
	changes chan struct{} // routes, links or addresses changed
	owning  chan struct{} // an address is to be taken

	requests gate
	file     stateFile
	tending  sync.Mutex // held by whoever uses owner; before mu

	mu            sync.Mutex // guards what follows
	cfg           *config.Config
	loaded        time.Time
	failed        time.Time // when the last reload failed; zero if it did not
	failure       error
	consul        *consul.Client // nil if the configuration has none
	consulChanged bool           // in the reload that goes on
	vips          map[string]*vip
	retired       map[uint32]*retired // services that are configured no more, by id
	entitled      time.Time           // when the keys were looked at last
	ways          map[netip.Addr]route.Way
	lost          map[netip.Addr]time.Time // neighbours that stopped answering
	links         map[string]linkState
	orders        []control.DrainOrder
	claims        map[netip.Addr]*claim
	pairing       *pairing // nil before the first
	boots         map[bootKey]bootID
	unsaved       bool // there is something for the state file
}

// Run owns the VIPs of the configuration until ctx ends. The datapath stays
// where it is and forwards on.
func Run(ctx context.Context, o Options) error {
	d := newDirector(o)
	if err := d.open(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	err := d.start(ctx, g, o)
	if err != nil {
		cancel()
	}
	err = errors.Join(err, g.Wait())
	d.end()
	return errors.Join(err, d.shut())
}

// start begins all that goes on until ctx ends. On an error what was begun is
// left to the caller to end.
func (d *Director) start(ctx context.Context, g *errgroup.Group, o Options) error {
	if err := d.listen(ctx, g); err != nil {
		return err
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	if o.Ready != nil {
		if err := o.Ready(); err != nil {
			return err
		}
	}
	g.Go(func() error { return d.loop(ctx, o.Reload) })
	g.Go(func() error { return d.keepAddresses(ctx) })
	g.Go(func() error { return d.resets(ctx) })
	g.Go(func() error { return d.answerAsks(ctx) })
	g.Go(func() error { return d.routes.Watch(ctx, d.routesChanged, d.neighbourLost) })
	return nil
}

func newDirector(o Options) *Director {
	return &Director{
		log: o.Log, version: o.Version, started: time.Now(), cfg: o.Config,
		kick: make(chan struct{}, 1), changes: make(chan struct{}, 1),
		vips: make(map[string]*vip), ways: make(map[netip.Addr]route.Way), lost: make(map[netip.Addr]time.Time),
		links: make(map[string]linkState), retired: make(map[uint32]*retired),
		owning: make(chan struct{}, 1), claims: make(map[netip.Addr]*claim),
		boots: make(map[bootKey]bootID), file: stateFile{path: besides(o.Config.Control)},
	}
}

// open opens what the director works with.
func (d *Director) open() error {
	t := d.cfg.Timeouts
	plane, err := dataplane.Open(dataplane.Options{
		Dir: d.cfg.State, Connections: d.cfg.Connections, Logger: d.log,
		Timeouts: dataplane.Timeouts{
			Opening: t.Opening, Established: t.Established, Closing: t.Closing, Reset: t.Reset, UDP: t.UDP,
		},
	})
	if err != nil {
		return err
	}
	d.plane = plane
	if d.routes, err = route.Open(); err == nil {
		d.sender, err = reset.Open(reset.Options{})
	}
	if err == nil {
		d.owner, err = address.Open(address.Options{Probe: conflictProbe})
	}
	if err != nil {
		return errors.Join(err, d.shut())
	}
	return nil
}

// shut closes all that open opened. Requests that are under way end first.
func (d *Director) shut() error {
	d.requests.shut()
	if d.owner != nil {
		d.owner.Close()
	}
	if d.sender != nil {
		d.sender.Close()
	}
	if d.routes != nil {
		d.routes.Close()
	}
	return d.plane.Close()
}

// begin takes the configuration into use for the first time.
func (d *Director) begin(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loaded = time.Now()
	d.restoreState()
	d.attach()
	if err := d.dialConsul(d.cfg); err != nil {
		return err
	}
	for _, conf := range d.cfg.VIPs {
		v, err := d.openVIP(ctx, conf, nil)
		if err != nil {
			return err
		}
		d.vips[conf.Name] = v
	}
	d.pair(ctx, nil, false, nil)
	d.log.Info("serving", "config", d.cfg.File, "vips", len(d.vips), "interfaces", d.cfg.Interfaces)
	return nil
}

// end stops what begin and reloads have started.
func (d *Director) end() {
	d.save()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pairing.end(nil)
	d.pairing.wait()
	for _, v := range d.vips {
		v.close()
	}
	if d.consul != nil {
		d.consul.Close()
	}
}

// dialConsul makes the client that a configuration asks for.
func (d *Director) dialConsul(cfg *config.Config) error {
	if cfg.Consul == nil {
		return nil
	}
	c := *cfg.Consul
	c.Log = d.log
	client, err := consul.New(c)
	if err != nil {
		return fmt.Errorf("consul: %w", err)
	}
	d.consul = client
	return nil
}

// changed says that a source has a new pool.
func (d *Director) changed() { wake(d.kick) }

// wake sends without waiting: one message stands for all.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
