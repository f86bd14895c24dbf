package control

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// MaxFactor is the most by which an operator may multiply a weight.
const MaxFactor = 10

// Override is an operator's word on the servers that it matches. There is one
// for each pair of Server and Name: setting it again replaces it.
type Override struct {
	// Server selects by ID, Consul's service ID alone, host:port, host or its
	// first label, address:port, address, or node, each as a whole or as a
	// shell pattern (path.Match, but * spans slashes).
	Server string `json:"server"`
	// Name limits it to LB names or services that match; empty means all.
	Name    string    `json:"name,omitempty"`
	Factor  float64   `json:"factor"` // multiplies the weight, 0..MaxFactor; unused if Drain
	Drain   bool      `json:"drain,omitempty"`
	Until   time.Time `json:"until,omitzero"` // zero: until cleared
	By      string    `json:"by,omitempty"`   // who and why, for people
	Set     time.Time `json:"set,omitzero"`   // filled in by the server
	Matches int       `json:"matches"`        // servers that match now; filled in by the server
	// Served is how many of these a drain leaves in answers, as nobody else is live;
	// filled in by the server.
	Served int `json:"served,omitempty"`
}

// Validate refuses what no server should take, with ErrInvalid.
func (o Override) Validate(now time.Time) error {
	switch {
	case o.Server == "":
		return Errorf(ErrInvalid, "an override needs a server: an ID, host:port, address, host, node or pattern")
	case math.IsNaN(o.Factor) || o.Factor < 0 || o.Factor > MaxFactor:
		return Errorf(ErrInvalid, "factor %v is not within 0 and %d", o.Factor, MaxFactor)
	case !o.Until.IsZero() && !o.Until.After(now):
		return Errorf(ErrInvalid, "override of %s would end at %s, which is past", o.Server, o.Until.Format(time.RFC3339))
	}
	return checkPatterns(o.Server, o.Name)
}

// checkPatterns refuses patterns that can match nothing, with ErrInvalid.
func checkPatterns(patterns ...string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil && !isPlain(pattern) {
			return Errorf(ErrInvalid, "pattern %q: %v; escape [ * ? with a backslash to mean themselves", pattern, err)
		}
	}
	return nil
}

// isPlain tells that a pattern which path.Match refuses can still match as a
// whole: it is an address, such as [2001:db8::1]:80.
func isPlain(pattern string) bool {
	return strings.HasPrefix(pattern, "[") && strings.Contains(pattern, "]:")
}

// Active tells whether the override holds at now.
func (o Override) Active(now time.Time) bool { return o.Until.IsZero() || now.Before(o.Until) }

// MatchServer tells whether the override selects s, whatever s is a member of.
// Case counts where it does for Consul: in IDs and nodes.
func (o Override) MatchServer(s *pool.Server) bool {
	lower := strings.ToLower(o.Server)
	return slices.ContainsFunc(serverIDs(s), func(name string) bool { return match(o.Server, name) }) ||
		slices.ContainsFunc(serverNames(s), func(name string) bool { return match(lower, strings.ToLower(name)) })
}

// MatchName tells whether the override applies to an LB name or, as its source
// calls it, to a service. Case and the final dot do not count.
func (o Override) MatchName(name, service string) bool {
	return o.Name == "" || match(canonical(o.Name), canonical(name)) || match(canonical(o.Name), canonical(service))
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// serverIDs are what its source calls a server, and its node.
func serverIDs(s *pool.Server) []string {
	ids := []string{s.ID}
	if _, id, ok := strings.Cut(s.ID, "/"); ok { // node/service ID, as Consul's are
		ids = append(ids, id)
	}
	if s.Node != "" {
		ids = append(ids, s.Node)
	}
	return ids
}

// serverNames are the ways in which DNS and the network name a server.
func serverNames(s *pool.Server) (names []string) {
	port := strconv.Itoa(int(s.Port))
	if host := strings.TrimSuffix(s.Host, "."); host != "" {
		label, _, _ := strings.Cut(host, ".")
		names = append(names, s.Host, host, host+":"+port, label)
	}
	for _, addr := range s.Addrs {
		text := addr.String()
		if addr.Is6() {
			names = append(names, text, fmt.Sprintf("[%s]:%s", text, port))
			continue
		}
		names = append(names, text, text+":"+port)
	}
	return names
}

// slashes hides slashes from path.Match, which would not let * span them: they
// are ordinary characters of a Consul service ID.
var slashes = strings.NewReplacer("/", "\x00")

func match(pattern, name string) bool {
	if pattern == name {
		return true
	}
	ok, err := path.Match(slashes.Replace(pattern), slashes.Replace(name))
	return err == nil && ok
}
