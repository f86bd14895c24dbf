package ballast

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"net/netip"

	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/zones"

	"github.com/miekg/dns"
)

// edition is a zone as secondaries get it: what stands in its file and what its
// pools gave at one moment, under one serial. A transfer is made from it and not
// from what is served meanwhile, so that a serial means the same to everybody.
type edition struct {
	file  *zones.Zone // with its own serial
	zone  *zones.Zone // with the edition's
	names []frozen
	sum   sum
}

// frozen is an LB name at the moment of an edition. Its records are made when
// they are asked for: an edition may live long.
type frozen struct {
	steer *steer
	plan  *policy.Plan
	sum   sum
}

// draft is what the next edition would hold. It is brought up to date again and
// again, at the cost of what has changed.
type draft struct {
	file   *zones.Zone
	static sum // of the file's records
	names  []frozen
	sum    sum // of all
	known  bool
}

// update takes in what is served now.
func (d *draft) update(data *zoneData) {
	changed := d.file != data.file
	if changed {
		*d = draft{file: data.file, static: sumOf(data.file), names: make([]frozen, len(data.file.LBs))}
		for i := range d.names {
			d.names[i].steer = data.steers[data.file.LBs[i].Name]
		}
	}
	d.known = true
	for i := range d.names {
		n := &d.names[i]
		plan := n.steer.served.Load().plan
		d.known = d.known && plan.Mode != policy.Waiting
		if plan == n.plan {
			continue
		}
		was := n.sum
		n.plan = plan
		n.sum = n.digest()
		changed = changed || was != n.sum
	}
	if changed {
		d.sum = d.total()
	}
}

func (d *draft) total() sum {
	h := sha256.New()
	h.Write(d.static[:])
	for i := range d.names {
		h.Write(d.names[i].sum[:])
	}
	return sumIn(h)
}

// sumOf is the sum of a zone file's records, whatever its serial is.
func sumOf(z *zones.Zone) sum {
	h := sha256.New()
	for i := range z.Records {
		rr := z.Records[i].RR
		if soa, ok := rr.(*dns.SOA); ok {
			unnumbered := *soa
			unnumbered.Serial = 0
			rr = &unnumbered
		}
		h.Write([]byte(rr.String()))
		h.Write([]byte{'\n'})
	}
	return sumIn(h)
}

// digest is the sum of all that the name's records are made of, and cheaper than
// they are. What it may fall back to has sums of its own.
func (n *frozen) digest() sum {
	h := sha256.New()
	write(h, n.steer.name, n.steer.record.LB.Name, n.steer.record.LB.Fallback)
	number(h, uint64(n.ttl()), bit(n.plan.Mode == policy.Fallback))
	for i := range n.plan.Members {
		m := &n.plan.Members[i]
		write(h, m.Server.ID, m.Server.Host)
		number(h, math.Float64bits(m.Server.Capacity), uint64(m.Server.Port), uint64(m.Server.Tier), uint64(len(m.Server.Addrs)), bit(m.In))
		for _, addr := range m.Server.Addrs {
			h.Write(addrBytes(addr))
		}
	}
	return sumIn(h)
}

func sumIn(h hash.Hash) sum { return sum(h.Sum(nil)[:len(sum{})]) }

func write(h hash.Hash, texts ...string) {
	for _, text := range texts {
		number(h, uint64(len(text)))
		h.Write([]byte(text))
	}
}

func number(h hash.Hash, numbers ...uint64) {
	var b [8]byte
	for _, n := range numbers {
		binary.BigEndian.PutUint64(b[:], n)
		h.Write(b[:])
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func addrBytes(addr netip.Addr) []byte {
	b := addr.As16()
	return b[:]
}
