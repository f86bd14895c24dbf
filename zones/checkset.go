package zones

import (
	"reflect"
	"strings"

	"github.com/miekg/dns"
)

// settleSets removes duplicates and gives the records of a set one TTL, the
// lowest (RFC 2181 sections 5 and 5.2). It tells whether records were removed.
func (c *checker) settleSets() bool {
	drop := map[*Record]bool{}
	for _, name := range c.names {
		n := c.nodes[name]
		for _, set := range n.sets() {
			c.duplicates(set, drop)
			c.settleTTL(name, set)
		}
	}
	if len(drop) == 0 {
		return false
	}
	kept := make([]Record, 0, len(c.zone.Records)-len(drop))
	for i := range c.zone.Records {
		if r := &c.zone.Records[i]; !drop[r] {
			kept = append(kept, *r)
		}
	}
	c.zone.Records = kept
	return true
}

// sets are the record sets with more than one record, in the file's order.
// RRSIGs go by what they cover and have its TTL (RFC 4034 section 3): they are
// left alone.
func (n *node) sets() [][]*Record {
	if len(n.records) < 2 {
		return nil
	}
	byType := map[uint16][]*Record{}
	var types []uint16
	for _, r := range n.records {
		t := r.RR.Header().Rrtype
		if t == dns.TypeRRSIG {
			continue
		}
		if len(byType[t]) == 0 {
			types = append(types, t)
		}
		byType[t] = append(byType[t], r)
	}
	var sets [][]*Record
	for _, t := range types {
		if len(byType[t]) > 1 {
			sets = append(sets, byType[t])
		}
	}
	return sets
}

func (c *checker) duplicates(set []*Record, drop map[*Record]bool) {
	seen := map[string]*Record{}
	for _, r := range set {
		key := dataKey(r.RR)
		if first, ok := seen[key]; ok && r.RR.Header().Rrtype != dns.TypeSOA {
			drop[r] = true
			c.on(r, Warning, "remove one of them", "%s at %s is there already, on %s",
				typeName(r.RR.Header().Rrtype), r.RR.Header().Name, where(r.File, first))
			continue
		}
		seen[key] = r
	}
}

// dataKey is equal for records with equal data: names in it are compared
// without regard to case (RFC 4343).
func dataKey(rr dns.RR) string {
	rr = dns.Copy(rr)
	lowerNames(reflect.ValueOf(rr).Elem())
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// lowerNames finds the names in a record's data by the tags that miekg/dns
// packs them by.
func lowerNames(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		switch field := v.Type().Field(i); {
		case field.Type.Kind() == reflect.String && strings.HasSuffix(field.Tag.Get("dns"), "domain-name"):
			v.Field(i).SetString(canonical(v.Field(i).String()))
		case field.Anonymous && field.Type.Kind() == reflect.Struct: // HTTPS is a SVCB
			lowerNames(v.Field(i))
		}
	}
}

func (c *checker) settleTTL(name string, set []*Record) {
	first := set[0]
	lowest := first.RR.Header().Ttl
	for _, r := range set[1:] {
		lowest = min(lowest, r.RR.Header().Ttl)
	}
	for _, r := range set[1:] {
		if h := r.RR.Header(); h.Ttl != first.RR.Header().Ttl {
			c.on(r, Warning, "give them the same; the lowest is used", "TTL %d of %s at %s differs from %d on %s",
				h.Ttl, typeName(h.Rrtype), name, first.RR.Header().Ttl, where(r.File, first))
			break
		}
	}
	for _, r := range set {
		r.RR.Header().Ttl = lowest
	}
}
