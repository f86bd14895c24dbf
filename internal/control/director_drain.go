package control

import (
	"net/netip"
	"time"
)

// maxWord bounds the texts of an order in bytes.
const maxWord = 1024

// DrainOrder takes the servers that it matches out: they keep their
// connections and get no new ones, persistent clients included. There is one
// for each pair of Server and VIP: giving it again replaces it.
type DrainOrder struct {
	// Server selects by ID, address, address:port, or a shell pattern over
	// those (path.Match, but * spans slashes).
	Server string `json:"server"`
	// VIP limits it to VIPs whose name or address matches; empty means all.
	VIP   string    `json:"vip,omitempty"`
	Until time.Time `json:"until,omitzero"` // zero: until undrained
	// Deadline is when connections that are still open are reset; zero leaves
	// it to the VIP's drain_deadline.
	Deadline time.Time `json:"deadline,omitzero"`
	By       string    `json:"by,omitempty"` // who and why, for people

	Set         time.Time `json:"set,omitzero"` // filled in by the director
	Matches     int       `json:"matches"`      // servers that match now; filled in by the director
	Connections uint64    `json:"connections"`  // that they have now; filled in by the director
}

// Validate refuses what no director should take, with ErrInvalid.
func (o DrainOrder) Validate(now time.Time) error {
	switch {
	case o.Server == "":
		return Errorf(ErrInvalid, "a drain needs a server: an ID, address, address:port or pattern")
	case max(len(o.Server), len(o.VIP), len(o.By)) > maxWord:
		return Errorf(ErrInvalid, "a word of a drain is longer than %d bytes", maxWord)
	case !o.Until.IsZero() && !o.Until.After(now):
		return Errorf(ErrInvalid, "drain of %s would end at %s, which is past", o.Server, o.Until.Format(time.RFC3339))
	case !o.Deadline.IsZero() && !o.Deadline.After(now):
		return Errorf(ErrInvalid, "deadline %s of the drain of %s is past", o.Deadline.Format(time.RFC3339), o.Server)
	case !o.Until.IsZero() && o.Deadline.After(o.Until):
		return Errorf(ErrInvalid, "deadline %s of the drain of %s comes after its end, so nothing would be reset", o.Deadline.Format(time.RFC3339), o.Server)
	}
	return checkPatterns(o.Server, o.VIP)
}

// Active tells whether the order holds at now.
func (o DrainOrder) Active(now time.Time) bool { return o.Until.IsZero() || now.Before(o.Until) }

// MatchServer tells whether the order selects a server, of whichever VIP.
func (o DrainOrder) MatchServer(id string, at netip.AddrPort) bool { return matchAny(o.Server, id, at) }

// MatchVIP tells whether the order applies to a VIP.
func (o DrainOrder) MatchVIP(name string, addr netip.Addr) bool {
	return o.VIP == "" || match(o.VIP, name) || match(o.VIP, addr.String())
}
