package control

import (
	"net/netip"
	"slices"
	"strings"
)

// ConnState is where a connection is in its life.
type ConnState string

// The states of connections.
const (
	ConnOpening     ConnState = "opening"     // SYN forwarded, no SYN-ACK yet
	ConnAnswered    ConnState = "answered"    // SYN-ACK forwarded
	ConnEstablished ConnState = "established" // the client has acknowledged
	ConnFinWait     ConnState = "fin-wait"    // one side has closed
	ConnTimeWait    ConnState = "time-wait"   // both sides have
	ConnClose       ConnState = "close"       // a RST went through
	ConnUDP         ConnState = "udp"         // no states
	ConnMoved       ConnState = "moved"       // what is left at a server that was given up while opening
	ConnDead        ConnState = "dead"        // waits to be freed
)

// ConnStates are all states of connections, in the order of a life.
func ConnStates() []ConnState {
	return []ConnState{ConnOpening, ConnAnswered, ConnEstablished, ConnFinWait, ConnTimeWait, ConnClose, ConnUDP, ConnMoved, ConnDead}
}

// What may be in Connection.Flags.
const (
	FlagClientClosed = "client-closed" // FIN seen from the client
	FlagServerClosed = "server-closed" // FIN seen from the server
	FlagUnanswered   = "unanswered"    // UDP: the server has not answered yet
	FlagRetired      = "retired"       // of a generation of its server that is dead
)

// Connection is one entry of a director's table.
type Connection struct {
	Protocol string         `json:"protocol"` // "tcp", "udp"
	Client   netip.AddrPort `json:"client"`
	VIP      netip.AddrPort `json:"vip"`               // what the client connects to
	Service  string         `json:"service,omitempty"` // the VIP's name; empty if it is configured no more
	Server   netip.AddrPort `json:"server"`
	ServerID string         `json:"server_id,omitempty"` // empty if it is configured no more
	Local    netip.AddrPort `json:"local,omitzero"`      // what the server sees as client; zero in mode nat
	State    ConnState      `json:"state"`
	Idle     Seconds        `json:"idle"`              // since the last packet of either side
	Silent   Seconds        `json:"silent"`            // since the last packet of the server, or since the SYN to it
	Expires  Seconds        `json:"expires"`           // until it is forgotten, if no packet comes
	Repeats  int            `json:"repeats,omitempty"` // segments that the client sent again without a word of the server
	Tried    []string       `json:"tried,omitempty"`   // IDs of servers given up while opening
	Flags    []string       `json:"flags,omitempty"`
}

// ConnFilter chooses connections. Its zero value chooses all.
type ConnFilter struct {
	VIP    string       // name, address, address:port, or a pattern over those
	Server string       // ID, address, address:port, or a pattern over those
	State  ConnState    // empty: any
	Client netip.Prefix // zero: any
	Limit  int          // at most so many; 0: no limit
}

// Validate refuses what matches nothing by mistake, with ErrInvalid.
func (f ConnFilter) Validate() error {
	switch {
	case f.State != "" && !slices.Contains(ConnStates(), f.State):
		return Errorf(ErrInvalid, "state %q is none of %s", f.State, stateList())
	case f.Limit < 0:
		return Errorf(ErrInvalid, "limit %d is below 0", f.Limit)
	}
	return checkPatterns(f.VIP, f.Server)
}

func stateList() string {
	var words []string
	for _, s := range ConnStates() {
		words = append(words, string(s))
	}
	return strings.Join(words, ", ")
}

// Match tells whether the filter chooses c; the limit is the caller's to keep.
func (f ConnFilter) Match(c *Connection) bool {
	return (f.State == "" || f.State == c.State) &&
		(!f.Client.IsValid() || f.Client.Contains(c.Client.Addr().Unmap())) &&
		(f.VIP == "" || matchAny(f.VIP, c.Service, c.VIP)) &&
		(f.Server == "" || matchAny(f.Server, c.ServerID, c.Server))
}

// matchAny matches a pattern with a name, an address, and address:port.
func matchAny(pattern, name string, at netip.AddrPort) bool {
	return name != "" && match(pattern, name) ||
		at.IsValid() && (match(pattern, at.Addr().String()) || match(pattern, at.String()))
}
