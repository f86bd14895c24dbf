package consul

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ViaVIP as Query.Via takes the VIPs that directors registered for a service,
// by the tag of the same name, instead of the real servers.
const ViaVIP = "vip"

// Query names what to watch.
type Query struct {
	Service    string
	Tags       []string // the instance must have all of them
	Datacenter string   // empty: Config.Datacenter
	Via        string   // "" or ViaVIP
}

// String is the query in the words of an LB record.
func (q Query) String() string {
	text := "consul " + q.Service
	for _, tag := range q.Tags {
		text += " tag=" + tag
	}
	if q.Datacenter != "" {
		text += " datacenter=" + q.Datacenter
	}
	if q.Via != "" {
		text += " via=" + q.Via
	}
	return text
}

// filter is the query's tags as a Consul filter expression.
func (q Query) filter() string {
	tags := q.Tags
	if q.Via == ViaVIP {
		tags = append(tags[:len(tags):len(tags)], ViaVIP)
	}
	terms := make([]string, 0, len(tags))
	for _, tag := range tags {
		quoted := "`" + tag + "`"
		if strings.Contains(tag, "`") {
			quoted = strconv.Quote(tag)
		}
		terms = append(terms, quoted+" in Service.Tags")
	}
	if q.Via == "" && !slices.Contains(q.Tags, ViaVIP) {
		// Directors register their addresses under the service's own name.
		terms = append(terms, "`"+ViaVIP+"` not in Service.Tags")
	}
	return strings.Join(terms, " and ")
}

// check tells why the query can never work.
func (q Query) check() error {
	if q.Service == "" {
		return errors.New("consul: the query names no service")
	}
	if q.Via != "" && q.Via != ViaVIP {
		return fmt.Errorf("consul: via=%s is unknown: only %s is", q.Via, ViaVIP)
	}
	for _, tag := range q.Tags {
		if strings.Contains(tag, "`") && strings.Contains(tag, `"`) {
			return fmt.Errorf("consul: tag %s has both kinds of quotes, which a Consul filter cannot express", tag)
		}
	}
	return nil
}
