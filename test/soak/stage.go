package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/freeport"
	"github.com/ballast-lb/ballast/test/soak/oracle"
)

// stage is everything that runs.
type stage struct {
	settings settings
	clock    clock
	always   context.Context // of what must be brought to its end
	model    *oracle.Model
	journal  *journal
	examiner *examiner
	tally    tally

	dir      string
	consul   *consultest.Consul
	proxy    *consultest.Proxy
	registry *registry
	process  *process
	state    *stateDir
	probed   []*probedSource
	control  *control.Client
	sources  []string // of all pools

	health, metrics  string // host:port
	pprof            string // the same
	socket, zonePath string
	probePort        uint16
	draft            draft
	variant          int           // of the Corefile
	up               time.Duration // when the process answered first
	found            oracle.Memory // by the process
	outage           outage
	returns          returns

	faults   sync.Mutex   // held while something is wrong with Consul
	consulUp sync.RWMutex // held to write while Consul takes no changes
	files    sync.Mutex   // of the zone file and the Corefile
	alive    sync.RWMutex // held to write while the process is away
}

// newStage builds everything, and starts it.
func newStage(ctx context.Context, o settings, out io.Writer) (_ *stage, err error) {
	s := &stage{settings: o, clock: newClock(), always: context.WithoutCancel(ctx)}
	s.draft = draft{serial: 2026112201, ttl: longTTL, static: 300, targets: map[string]oracle.Pool{}}
	s.journal = newJournal(s.clock)
	if s.dir, err = os.MkdirTemp("", "ballast-soak"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err = s.places(); err != nil {
		return nil, err
	}
	if err = s.startProbed(); err != nil {
		return nil, err
	}
	zone, text := s.draft.zone()
	if err = os.WriteFile(s.zonePath, []byte(text), 0o644); err != nil {
		return nil, err
	}
	s.model = oracle.New(o.limits, zone)
	for _, src := range s.probed {
		s.model.Source(src.name, true, s.draft.targets[src.name])
		s.sources = append(s.sources, src.name)
	}
	s.examiner = &examiner{
		clock: s.clock, model: s.model, journal: s.journal, tally: &s.tally, stalls: newStalls(s.clock),
		patience: o.limits.Answer, margin: o.margin, out: out, told: map[oracle.Kind]int{},
	}
	if err = s.startConsul(); err != nil {
		return nil, err
	}
	if err = os.WriteFile(s.process.corefile, []byte(s.corefile()), 0o644); err != nil {
		return nil, err
	}
	return s, s.startProcess(legacy{none: true, drains: []oracle.Drains{{}}})
}

// places finds ports and makes files.
func (s *stage) places() error {
	ports, err := freeport.TakeN(5)
	if err != nil {
		return err
	}
	local := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	log, err := newLog(s.dir)
	if err != nil {
		return err
	}
	s.process = &process{
		binary: s.settings.program("coredns"), dir: s.dir,
		corefile: filepath.Join(s.dir, "Corefile"), addr: local(0), log: log,
	}
	s.health, s.metrics, s.probePort = local(1), local(2), uint16(ports[3])
	s.pprof = local(4)
	s.socket, s.zonePath = filepath.Join(s.dir, "run", "coredns.sock"), filepath.Join(s.dir, "example.org.zone")
	s.control = control.Dial(s.socket)
	s.state = newStateDir(filepath.Join(s.dir, "state"))
	return s.state.make()
}

// startConsul starts Consul with all services in it, and the proxy before it.
func (s *stage) startConsul() (err error) {
	if s.consul, err = consultest.Launch(consultest.Options{}); err != nil {
		return err
	}
	s.proxy = s.consul.NewProxy()
	s.registry = newRegistry(s.consul.Addr)
	for i := range services {
		service := &services[i]
		if err := s.registry.change(s.always, service.name, nil, service.pool()); err != nil {
			return err
		}
		s.model.Source(service.source(), false, service.pool())
		s.sources = append(s.sources, service.source())
	}
	return nil
}

// close ends all that was started.
func (s *stage) close() {
	if s.process != nil {
		s.process.remove()
	}
	if s.registry != nil {
		s.registry.close()
		s.proxy.Close()
	}
	if s.consul != nil {
		s.consul.Remove()
	}
	for _, src := range s.probed {
		for _, b := range src.backends {
			b.close()
		}
	}
	if s.settings.keep {
		return
	}
	os.RemoveAll(s.dir)
}

// within waits until something is so.
func (s *stage) within(limit time.Duration, is func() bool) bool {
	for end := s.clock.now() + limit; ; time.Sleep(5 * time.Millisecond) {
		if is() {
			return true
		}
		if s.clock.now() > end {
			return false
		}
	}
}

// pace is a time between operations, shorter in short runs.
func (s *stage) pace(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.settings.pace)
}
