package director

import (
	"context"
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/director/dataplane"
	"github.com/ballast-lb/ballast/director/schedule"
	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/pool"
	"golang.org/x/sys/unix"
)

// vip is one VIP with its servers. The director's mutex guards it.
type vip struct {
	conf    config.VIP
	id      uint32 // of its service in the datapath
	kind    schedule.Kind
	rules   verdict.Config
	servers *feed
	spare   *feed // the fallback servers; nil if there are none

	memory  *verdict.Memory
	verdict *verdict.Verdict // nil before the first pool
	judged  time.Time
	turn    time.Time // to be judged again if nothing happens
	gauged  time.Time // when its rates are due
	dirty   bool      // something changed since

	reals   map[string]*real   // by server ID, the removed included
	present []uint32           // ids of those in the pool
	leaving map[uint32]*leaver // by id; nil before they were looked for
	members []schedule.Member  // nil before the datapath has them
	served  bool               // the datapath answers for all its keys, and for no others

	totals  bpf.Volume // of reals that are gone
	address error      // why the address is not ours
	trouble error      // why the datapath is not as the verdict says
	told    string     // the trouble that was logged last
}

// seed of the hashes is the same wherever the VIP is the same, so that
// directors that share it choose alike.
func seed(v config.VIP) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, v.Name, v.Address)
	return h.Sum64()
}

func rules(v config.VIP, kind schedule.Kind) verdict.Config {
	r := verdict.Defaults()
	r.Address = v.Address
	r.Scheduler = kind
	r.SlowStart = v.SlowStart
	r.Quorum = v.Quorum
	r.Consecutive = v.Eject.Consecutive
	r.BaseEjection = v.Eject.Base
	r.MaxEjected = v.MaxEjected
	r.DrainDeadline = v.DrainDeadline
	return r
}

var onFailure = map[config.OnFailure]bpf.DirectorOnFailure{
	config.Drain:         bpf.DirectorOnFailureFAIL_DRAIN,
	config.Reset:         bpf.DirectorOnFailureFAIL_RESET,
	config.ResetIfSilent: bpf.DirectorOnFailureFAIL_RESET_IF_SILENT,
}

// service is the VIP as the datapath wants it.
func service(v config.VIP, kind schedule.Kind, syn config.SYN) dataplane.Service {
	s := dataplane.Service{
		Name: v.Name, Scheduler: bpf.DirectorScheduler(kind), OnFailure: onFailure[v.OnFailure], Seed: seed(v),
		Retry: syn.Retry, Tries: uint8(syn.Tries), Silence: v.Silence,
		LportMin: v.SourcePorts.First, LportMax: v.SourcePorts.Last,
	}
	if v.Mode == config.FullNAT {
		s.Mode = bpf.DirectorModeMODE_FULLNAT
	}
	if p := v.Persistence; p != nil {
		s.Sticky = p.Timeout
		s.StickyBits = uint8(p.Prefix)
		if v.Address.Is4() {
			s.StickyBits += 96
		}
	}
	return s
}

func proto(p config.Protocol) uint8 {
	if p == config.UDP {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// addresses are the VIP's keys in the datapath.
func addresses(v config.VIP) []dataplane.VIP {
	var keys []dataplane.VIP
	for _, port := range v.Ports {
		keys = append(keys, dataplane.VIP{Addr: v.Address.Unmap(), Port: port, Proto: proto(v.Protocol)})
	}
	return keys
}

// openVIP makes the VIP known to the datapath and follows its servers. old is
// the same VIP of the configuration before, or nil: what it knows is kept, and
// its sources too, if they are to be the same. Nothing is answered yet.
func (d *Director) openVIP(ctx context.Context, conf config.VIP, old *vip) (*vip, error) {
	kind, err := schedule.ParseKind(string(conf.Scheduler))
	if err != nil {
		return nil, err
	}
	v := &vip{conf: conf, kind: kind, rules: rules(conf, kind), reals: make(map[string]*real), dirty: true}
	if v.id, err = d.plane.PutService(service(conf, kind, d.cfg.SYN)); err != nil {
		return nil, fmt.Errorf("vip %s: %w", conf.Name, err)
	}
	if old != nil {
		v.memory, v.reals, v.totals, v.told = old.memory, old.reals, old.totals, old.told
		v.served = old.served && slices.Equal(addresses(old.conf), addresses(conf))
	}
	if c := d.claims[conf.Address]; c != nil && conf.Announce {
		v.address = c.err
	}
	return v, d.follow(ctx, v, old)
}

// follow starts the VIP's sources, or takes them over from old.
func (d *Director) follow(ctx context.Context, v, old *vip) error {
	var main, spare *pool.Pool
	if old != nil {
		if sameSource(&old.conf, &v.conf) && old.servers != nil && !d.consulChanged {
			v.servers, old.servers = old.servers, nil
			v.spare, old.spare = old.spare, nil
			return nil
		}
		main, spare = old.servers.last(), old.spare.last()
	}
	source, err := newSource(v.conf, d.consul, main, d.log)
	if err != nil {
		return err
	}
	v.servers = startFeed(ctx, source, main, d.changed, d.log)
	if len(v.conf.Fallback) == 0 {
		return nil
	}
	if source, err = listSource(v.conf, v.conf.Fallback, spare); err != nil {
		v.servers.end()
		return err
	}
	v.spare = startFeed(ctx, source, spare, d.changed, d.log)
	return nil
}

// sameSource tells whether two configurations follow the same servers in the
// same way.
func sameSource(a, b *config.VIP) bool {
	return reflect.DeepEqual(withoutLines(a.Servers), withoutLines(b.Servers)) &&
		reflect.DeepEqual(withoutLines(a.Fallback), withoutLines(b.Fallback)) &&
		reflect.DeepEqual(a.Service, b.Service) && reflect.DeepEqual(a.Check, b.Check) &&
		reflect.DeepEqual(a.Reports, b.Reports) && a.Ports[0] == b.Ports[0]
}

func withoutLines(list []config.Server) []config.Server {
	out := make([]config.Server, len(list))
	for i, s := range list {
		s.Line = 0
		out[i] = s
	}
	return out
}

// close ends the sources.
func (v *vip) close() {
	v.servers.end()
	v.spare.end()
}
