package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/ballast-lb/ballast/test/soak/oracle"
)

const origin = "example.org."

// lb is a steered name of the zone, with the options that no answer depends on.
type lb struct {
	oracle.LB
	options string
}

// longTTL and shortTTL are between what TTLs of LB names are, in seconds.
const longTTL, shortTTL = 60, 5

// steered are the LB names that are always there. Each way to answer for an empty
// pool and each kind of policy is among them.
func steered() []lb {
	consul := func(owner, service, policy string, answers int, empty, options string) lb {
		return lb{oracle.LB{
			Owner: owner + "." + origin, Source: "consul " + service, Service: "_" + service,
			Policy: policy, Answers: answers, TTL: longTTL, Min: shortTTL, Empty: empty,
		}, options}
	}
	mid := consul("mid", "mid", "weighted", 4, "all", "up-thresh=0.5")
	mid.UpThresh = 0.5
	return []lb{
		consul("www", "web", "headroom", 2, "all", ""),
		consul("web", "web", "weighted", 3, "all", ""),
		consul("tiny", "tiny", "rr", 1, "all", ""),
		consul("solo", "solo", "weighted", 2, "none", ""),
		consul("pair", "pair", "weighted", 2, "last", ""),
		consul("trio", "trio", "hash", 2, "sorry."+origin, ""),
		mid,
		consul("big", "big", "hash", 8, "all", "sticky=24/56"),
		consul("*.app", "mid", "weighted", 2, "all", ""),
		probed("api", "_api._tcp", 2, "check=http:/healthz"),
		probed("tcp", "_tcpd._tcp", 2, "check=tcp"),
	}
}

// Probes are so quick that a change is seen within a second or two.
const probePace = "every=700ms timeout=700ms rise=2 fall=2"

func probed(owner, records string, answers int, check string) lb {
	service, _, _ := strings.Cut(records, ".")
	return lb{oracle.LB{
		Owner: owner + "." + origin, Source: "srv " + records + "." + origin, Service: service,
		Policy: "weighted", Answers: answers, TTL: longTTL, Min: shortTTL, Empty: "all",
	}, check + " " + probePace}
}

// extras are LB names that come and go.
func extras() []lb {
	names := []lb{}
	for i, service := range []string{"spare", "web", "spare", "mid"} {
		names = append(names, lb{oracle.LB{
			Owner: fmt.Sprintf("extra%d.%s", i, origin), Source: "consul " + service, Service: "_" + service,
			Policy: "weighted", Answers: 2, TTL: longTTL, Min: shortTTL, Empty: "all",
		}, ""})
	}
	return names
}

// draft is a zone that is being made.
type draft struct {
	serial  uint32
	ttl     uint32 // the longest of LB names
	static  uint32 // TTL of static records
	extra   [4]bool
	targets map[string]oracle.Pool // of probed sources, for their SRV records
}

// zone makes the zone as the oracle knows it, and as it stands in the file.
func (d *draft) zone() (*oracle.Zone, string) {
	z := &oracle.Zone{Origin: origin, Serial: d.serial, Negative: 30, Names: map[string]*oracle.Name{}}
	d.addStatic(z)
	names := steered()
	for i, e := range extras() {
		if d.extra[i] {
			names = append(names, e)
		}
	}
	var text strings.Builder
	for _, l := range names {
		l.TTL = d.ttl
		z.Names[l.Owner] = &oracle.Name{TTL: l.TTL, LB: &l.LB}
		text.WriteString(l.line())
	}
	return z, d.text(z, text.String())
}

// line is the LB record.
func (l *lb) line() string {
	return fmt.Sprintf("%s %d IN LB %s policy=%s answers=%d min-ttl=%d empty=%s %s\n",
		l.Owner, l.TTL, l.Source, l.Policy, l.Answers, l.Min, l.Empty, l.options)
}

// addStatic adds what is not steered.
func (d *draft) addStatic(z *oracle.Zone) {
	add := func(owner string, qtype uint16, data ...string) {
		owner = strings.TrimSuffix(owner+"."+origin, "@."+origin)
		if owner == "" {
			owner = origin
		}
		n := z.Names[owner]
		if n == nil {
			n = &oracle.Name{TTL: d.static, Sets: map[uint16][]string{}}
			z.Names[owner] = n
		}
		slices.Sort(data)
		n.Sets[qtype] = data
	}
	add("@", dns.TypeNS, "ns1."+origin)
	add("@", dns.TypeMX, "10 mail."+origin)
	add("ns1", dns.TypeA, "127.0.0.1")
	add("mail", dns.TypeA, "192.0.2.251")
	add("static", dns.TypeA, "192.0.2.252", "192.0.2.253")
	add("static", dns.TypeAAAA, "2001:db8:ffff::1")
	add("version", dns.TypeTXT, fmt.Sprintf("%q", fmt.Sprint(d.serial)))
	add("sorry", dns.TypeA, "192.0.2.254")
	add("*.dev", dns.TypeA, "192.0.2.250")
	add("here.dev", dns.TypeTXT, `"not the wildcard"`)
	add("a.deep.ent", dns.TypeA, "192.0.2.249")
	for _, alias := range [][2]string{{"shop", "www"}, {"deep", "shop"}, {"docs", "static"}, {"mirror", "any.app"}} {
		z.Names[alias[0]+"."+origin] = &oracle.Name{TTL: d.static, Alias: alias[1] + "." + origin}
	}
	for source, pool := range d.targets {
		var records []string
		for _, s := range pool {
			records = append(records, fmt.Sprintf("%d %d %d %s", s.Tier, s.Weight, s.Port, s.Host))
			add(strings.TrimSuffix(s.Host, "."+origin), dns.TypeA, s.Addrs[0].String())
		}
		add(strings.TrimSuffix(strings.TrimPrefix(source, "srv "), "."+origin), dns.TypeSRV, records...)
	}
}

// tail ends each zone file: one that lacks its end has a mistake in it.
const tail = "tail IN TXT \"the file is whole\"\n"

// text is the zone file.
func (d *draft) text(z *oracle.Zone, steered string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL %d\n@ 3600 IN SOA ns1 hostmaster %d 7200 900 1209600 %d\n", origin, d.static, d.serial, z.Negative)
	for _, owner := range slices.Sorted(maps.Keys(z.Names)) {
		n := z.Names[owner]
		if n.Alias != "" {
			fmt.Fprintf(&b, "%s IN CNAME %s\n", owner, n.Alias)
		}
		for _, qtype := range slices.Sorted(maps.Keys(n.Sets)) {
			for _, data := range n.Sets[qtype] {
				fmt.Fprintf(&b, "%s IN %s %s\n", owner, dns.TypeToString[qtype], data)
			}
		}
	}
	return b.String() + steered + tail
}
