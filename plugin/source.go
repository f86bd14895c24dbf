package ballast

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/probe"
	"github.com/ballast-lb/ballast/zones"
)

// feedSpec says how the pool of an LB record is followed.
func (z *zone) feedSpec(parsed *zones.Zone, rec *zones.LBRecord) (feedSpec, error) {
	if rec.LB.Source == zones.Consul {
		return z.consulSpec(rec)
	}
	return z.srvSpec(parsed, rec)
}

func (z *zone) consulSpec(rec *zones.LBRecord) (feedSpec, error) {
	if z.client == nil {
		return feedSpec{}, errNoConsul
	}
	q := consulQuery(rec.LB)
	return feedSpec{
		key:     fmt.Sprintf("consul %p %+v", z.client, q),
		lasting: digest("consul", z.cfg.consul.Address, z.cfg.consul.Datacenter, q),
		name:    q.String(),
		open:    func(seed *pool.Pool) pool.Source { return z.client.Pool(q, seed) },
	}, nil
}

func consulQuery(lb *zones.LB) consul.Query {
	return consul.Query{Service: lb.Name, Tags: lb.Tags, Datacenter: lb.DC, Via: lb.Via}
}

func (z *zone) srvSpec(parsed *zones.Zone, rec *zones.LBRecord) (feedSpec, error) {
	spec := z.cfg.probeSpec(rec.LB)
	check, err := probe.New(spec)
	if err != nil {
		return feedSpec{}, err
	}
	p := rec.LB.Probe()
	servers := parsed.Members(rec)
	opts := probe.Options{Every: p.Every, Timeout: p.Timeout, Rise: p.Rise, Fall: p.Fall}
	key := digest("srv", rec.LB.Name, spec, opts, servers)
	opts.Slots = z.hub.slots
	return feedSpec{
		key:     key,
		lasting: key,
		name:    srvName(parsed, rec),
		initial: &pool.Pool{Service: rec.LB.Name, Servers: servers, At: time.Now()},
		open: func(seed *pool.Pool) pool.Source {
			return probe.NewSource(rec.LB.Name, servers, check, opts, seed)
		},
	}, nil
}

// srvName names a source: by its owner, and where the zone has it probed in
// several ways by the check as well.
func srvName(parsed *zones.Zone, rec *zones.LBRecord) string {
	name := "srv " + rec.LB.Name
	for i := range parsed.LBs {
		other := &parsed.LBs[i]
		if other.LB.Source == zones.SRV && other.LB.Name == rec.LB.Name && other.LB.Probe() != rec.LB.Probe() {
			p := rec.LB.Probe()
			return fmt.Sprintf("%s %s:%s every %s", name, p.Kind, cmp.Or(p.Path, p.Name, strconv.Itoa(int(p.Port))), p.Every)
		}
	}
	return name
}

// digest makes a key of everything that a probed pool depends on.
func digest(parts ...any) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", parts))
	return hex.EncodeToString(sum[:])
}

func (cfg *config) probeSpec(lb *zones.LB) probe.Spec {
	p := lb.Probe()
	return probe.Spec{Kind: p.Kind, Port: p.Port, Path: p.Path, Host: p.Host, Exec: p.Name, ExecDir: cfg.execDir}
}

var errNoConsul = fmt.Errorf("the Corefile names no Consul; add 'consul ADDRESS' to the ballast block")

// allow tells whether the Corefile gives an LB record what it needs.
func (cfg *config) allow(lb *zones.LB) error {
	switch {
	case lb.Source == zones.Consul && cfg.consul == nil:
		return errNoConsul
	case lb.Source == zones.Consul:
		return nil
	case lb.Check.Kind == zones.CheckExec && cfg.execDir == "":
		return fmt.Errorf("check=exec:%s is not allowed; name the directory of such programs with 'exec DIR' in the ballast block", lb.Check.Name)
	}
	_, err := probe.New(cfg.probeSpec(lb))
	return err
}
