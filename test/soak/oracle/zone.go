package oracle

import (
	"strings"

	"github.com/miekg/dns"
)

// Zone is what a zone file says. One that was handed to a Model must not change.
type Zone struct {
	Origin   string
	Serial   uint32
	Negative uint32 // TTL of negative answers
	Names    map[string]*Name
}

// Name is what a zone has at a name; a wildcard's begins with "*.".
type Name struct {
	TTL   uint32
	Alias string              // where a CNAME leads
	Sets  map[uint16][]string // data as a zone file has it, by type
	LB    *LB
}

// LB is a steered name.
type LB struct {
	Owner    string
	Source   string // as it was told to the Model
	Service  string // label that SRV queries below the name may use, with its underscore
	Policy   string
	Answers  int
	TTL, Min uint32
	Empty    string // all, last, none, or a name of the zone
	UpThresh float64
}

// place is where a name leads in a zone.
type place struct {
	aliases  []alias
	owner    string // the last name, as asked or as aliases say
	name     *Name  // nil: nothing of its own
	wildcard bool
	exists   bool   // else NXDOMAIN
	below    *LB    // a service name below this LB name
	host     string // a label below an LB name with a pool from Consul
	parent   *LB    // of host
	under    *LB    // whose pool decides whether the name exists
}

type alias struct {
	owner, target string
	ttl           uint32
}

// find follows a name in lower case through a zone.
func (z *Zone) find(qname string) place {
	var p place
	for range 8 {
		p.owner = qname
		p.name, p.wildcard, p.exists = z.at(qname)
		if p.name == nil || p.name.Alias == "" {
			break
		}
		p.aliases = append(p.aliases, alias{qname, p.name.Alias, p.name.TTL})
		qname = p.name.Alias
	}
	if !p.exists || p.name == nil {
		p.lookBelow(z)
	}
	return p
}

// at finds a name, or the wildcard at its closest encloser (RFC 4592).
func (z *Zone) at(qname string) (name *Name, wildcard, exists bool) {
	if n := z.Names[qname]; n != nil {
		return n, false, true
	}
	if z.encloses(qname) {
		return nil, false, true
	}
	for parent := up(qname); dns.IsSubDomain(z.Origin, parent); parent = up(parent) {
		if z.Names[parent] == nil && !z.encloses(parent) {
			continue
		}
		n := z.Names["*."+parent]
		return n, n != nil, n != nil
	}
	return nil, false, false
}

// encloses tells that there are names below one, which makes it exist.
func (z *Zone) encloses(qname string) bool {
	for owner := range z.Names {
		if len(owner) > len(qname) && strings.HasSuffix(owner, "."+qname) {
			return true
		}
	}
	return false
}

// lookBelow finds the names that exist because of an LB name above them.
func (p *place) lookBelow(z *Zone) {
	label, parent, _ := strings.Cut(p.owner, ".")
	if n := z.Names[parent]; n != nil && n.LB != nil {
		switch {
		case label == "_tcp":
			p.exists, p.name = true, nil
		case strings.HasPrefix(n.LB.Source, "consul "):
			p.host, p.parent = label, n.LB
		}
		return
	}
	proto, owner, _ := strings.Cut(parent, ".")
	if n := z.Names[owner]; n != nil && n.LB != nil {
		if p.under = n.LB; proto == "_tcp" && label == n.LB.Service {
			p.exists, p.name, p.below = true, nil, n.LB
		}
	}
}

func up(name string) string {
	off, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[off:]
}
