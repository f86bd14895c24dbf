package control

import (
	"context"
	"iter"
	"net/netip"
)

// Director is what the control socket of a director offers, as Service is what
// a name server's does. DirectorClient implements it by asking.
type Director interface {
	// Status tells everything that is served now.
	Status(ctx context.Context) (DirectorStatus, error)

	// Connections walks the table of connections, in no order, over those that
	// the filter matches. What changes meanwhile may be seen or not. An error
	// ends the walk and comes with the zero Connection. Whoever serves it keeps
	// to the limit even if the walk does not.
	Connections(ctx context.Context, f ConnFilter) iter.Seq2[Connection, error]

	// Explain says why a connection has the server that it has, or what would
	// become of one that is opened now. ErrNotFound if there is no such VIP,
	// ErrConflict if the client has connections to several VIPs, or there are
	// several to which it might open one, and the request does not choose.
	Explain(ctx context.Context, r ConnExplainRequest) (ConnExplain, error)

	// Drain sets or replaces the order for o.Server and o.VIP and returns it
	// with Set, Matches and Connections filled in. It may match nothing yet.
	Drain(ctx context.Context, o DrainOrder) (DrainOrder, error)

	// Undrain ends the orders that were given with exactly this server and
	// VIP, where the empty VIP means those of every VIP, and returns how many.
	// ErrNotFound if there was none.
	Undrain(ctx context.Context, server, vip string) (int, error)
}

// ConnExplainRequest asks about the connection of a client.
type ConnExplainRequest struct {
	Client netip.AddrPort `json:"client"`
	// VIP is the name of a VIP, its address, or address:port. It is needed only
	// where the client alone does not tell.
	VIP string `json:"vip,omitempty"`
}

// ConnExplain says why a connection has the server that it has.
type ConnExplain struct {
	Client     netip.AddrPort `json:"client"`
	Service    string         `json:"service"` // name of the VIP that is spoken of
	Found      bool           `json:"found"`
	Connection *Connection    `json:"connection,omitempty"` // if Found
	// Sentences tell why that server, what happened on the way (a SYN that was
	// not answered, a RST that was held back), and what would happen now.
	Sentences []string `json:"sentences"`
	// Candidates are all servers of the VIP, in the order of its configuration
	// or source.
	Candidates []Candidate `json:"candidates"`
}

// Candidate is a server that a connection opened now could get.
type Candidate struct {
	Server   string         `json:"server"` // ID
	Address  netip.AddrPort `json:"address"`
	State    RealState      `json:"state"`
	Eligible bool           `json:"eligible"`
	Why      string         `json:"why,omitempty"` // why not, or why it would be the next
	Tried    bool           `json:"tried,omitempty"`
	Next     bool           `json:"next,omitempty"` // a connection opened now would get it
	Active   uint64         `json:"active"`         // connections, opening to established
	Weight   float64        `json:"weight"`         // 1 is a server of capacity 1 at its best
}
