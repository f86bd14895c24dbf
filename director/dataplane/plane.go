package dataplane

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Plane is a loaded datapath. Its methods may be called from several
// goroutines; none after Close.
type Plane struct {
	dir  string
	log  *slog.Logger
	lock *os.File
	set  *set
	// collect is run once for each load; the timer that it starts holds it.
	collect *ebpf.Program
	end     *ebpf.Program // run for each connection that is ended by order

	services array[bpf.Service]
	reals    array[bpf.Real]
	tallies  array[bpf.Tally]
	conns    array[bpf.Conn]
	slots    array[uint32]
	config   array[bpf.Settings]
	gauges   array[bpf.Gauge]

	mu      sync.Mutex // for what follows and for writes to the maps
	links   map[int]link.Link
	regions *regions
	vips    map[bpf.VIP]uint32 // as the map vips
	next    uint32             // real id to try first, so that a freed one rests
	asking  bool
}

// Open loads the datapath and takes over what an earlier Open left pinned in
// opts.Dir: connections, services and attached interfaces, which go on without
// a gap. The directory is made if its parent is on a bpffs. Errors wrap
// ErrInUse when another director has the directory.
func Open(opts Options) (*Plane, error) {
	spec, err := bpf.LoadDirector()
	if err != nil {
		return nil, fmt.Errorf("read the datapath's object code: %w", err)
	}
	return open(opts, spec)
}

func open(opts Options, spec *ebpf.CollectionSpec) (_ *Plane, err error) {
	opts, err = opts.complete()
	if err != nil {
		return nil, err
	}
	if err := Probe(opts.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make bpffs directory: %w", err)
	}
	p := &Plane{dir: opts.Dir, log: opts.Logger, set: &set{}, links: make(map[int]link.Link)}
	if p.lock, err = lock(opts.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := recoverSets(p.dir, p.log); err != nil {
		return nil, err
	}
	if err := p.load(opts, spec); err != nil {
		return nil, err
	}
	return p, p.takeOver()
}

// load makes the set of maps and programs current and puts it on the links.
func (p *Plane) load(opts Options, spec *ebpf.CollectionSpec) error {
	old, err := openSet(filepath.Join(p.dir, currentDir))
	if err != nil {
		return err
	}
	defer old.close()
	change, err := plan(spec, old, opts.sizes(), p.log)
	if err != nil {
		return err
	}
	p.set = change.next
	if err := p.loadPrograms(spec); err != nil {
		return err
	}
	if err := p.openLinks(); err != nil {
		return err
	}
	if len(change.renewed) == 0 {
		err = p.swap()
		if err == nil {
			err = repin(p.set.forward, filepath.Join(p.dir, currentDir, forward))
		}
	} else {
		err = p.migrate(change)
	}
	if err != nil {
		return err
	}
	if err := p.mapMemory(); err != nil {
		return err
	}
	return p.configure(opts)
}

// loadPrograms verifies the programs against the maps of p.set.
func (p *Plane) loadPrograms(spec *ebpf.CollectionSpec) error {
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: p.set.maps})
	if err != nil {
		return fmt.Errorf("load the datapath: %w", err)
	}
	defer coll.Close()
	p.set.forward = coll.DetachProgram(forward)
	p.collect = coll.DetachProgram(collect)
	p.end = coll.DetachProgram(end)
	p.set.adopt, p.set.disown = coll.DetachProgram(adopt), coll.DetachProgram(disown)
	for name, prog := range map[string]*ebpf.Program{
		forward: p.set.forward, collect: p.collect, end: p.end, adopt: p.set.adopt, disown: p.set.disown,
	} {
		if prog == nil {
			return fmt.Errorf("load the datapath: the object code lacks %s", name)
		}
	}
	return nil
}

// swap puts the loaded program on every link; packets see the one or the other.
func (p *Plane) swap() error {
	for index, l := range p.links {
		if err := l.Update(p.set.forward); err != nil {
			return fmt.Errorf("replace the program on interface %d: %w", index, err)
		}
	}
	return nil
}

func (p *Plane) mapMemory() error {
	var errs []error
	mapInto(&errs, p.set, "services", &p.services)
	mapInto(&errs, p.set, "reals", &p.reals)
	mapInto(&errs, p.set, "tallies", &p.tallies)
	mapInto(&errs, p.set, "conns", &p.conns)
	mapInto(&errs, p.set, "slots", &p.slots)
	mapInto(&errs, p.set, "config", &p.config)
	mapInto(&errs, p.set, "gauges", &p.gauges)
	return errors.Join(errs...)
}

func mapInto[T any](errs *[]error, s *set, name string, a *array[T]) {
	mapped, err := mapArray[T](s.maps[name])
	*a = mapped
	if err != nil {
		*errs = append(*errs, err)
	}
}

// takeOver learns from the maps what is in them.
func (p *Plane) takeOver() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.regions = newRegions(p.slots.len)
	for id := range p.services.len {
		if s := p.services.load(id); s.InUse != 0 {
			for _, span := range []bpf.Span{s.Members, s.Table} {
				if !p.regions.claim(span) {
					return fmt.Errorf("service %s: slots %d+%d are outside of the map or taken by another; unload the director to start afresh",
						name(s), span.Off, span.Len)
				}
			}
		}
	}
	return p.readVIPs()
}

// Close unmaps and closes all. What is pinned stays, and traffic goes on.
func (p *Plane) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := []error{closeAll(&p.services, &p.reals, &p.tallies, &p.conns, &p.slots, &p.config, &p.gauges), p.set.close()}
	for _, l := range p.links {
		errs = append(errs, l.Close())
	}
	p.links = nil
	if p.collect != nil {
		errs = append(errs, p.collect.Close())
	}
	if p.end != nil {
		errs = append(errs, p.end.Close())
	}
	errs = append(errs, p.lock.Close())
	return errors.Join(errs...)
}

// pinnable tells a map of ours from one that the compiler made, as .bss, which
// every load has afresh.
func pinnable(name string) bool { return !strings.HasPrefix(name, ".") }
