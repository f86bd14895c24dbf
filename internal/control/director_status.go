package control

import (
	"net/netip"
	"time"
)

// DirectorStatus is everything that a director serves, at one moment.
type DirectorStatus struct {
	Program string    `json:"program"` // "ballast-director"
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`

	Config       string    `json:"config"`        // file
	ConfigLoaded time.Time `json:"config_loaded"` // when what is in use was read
	// ConfigError is why the last reload failed: the last good configuration is
	// in use. ConfigFailed says since when. Both are zero when what is in use
	// is what the file says.
	ConfigError  string    `json:"config_error,omitempty"`
	ConfigFailed time.Time `json:"config_failed,omitzero"`

	Interfaces []InterfaceStatus `json:"interfaces"`
	Table      TableStatus       `json:"table"`
	Sources    []SourceStatus    `json:"sources"`
	VIPs       []VIPStatus       `json:"vips"`
	Drains     []DrainOrder      `json:"drains"`
	// Reasons count packets that belong to no VIP, as VIPStatus's count those
	// that do.
	Reasons map[string]uint64 `json:"reasons,omitempty"`
}

// InterfaceStatus is one interface at which the datapath should be attached.
type InterfaceStatus struct {
	Name     string `json:"name"`
	Index    int    `json:"index"` // 0 if there is no such interface
	Attached bool   `json:"attached"`
	Error    string `json:"error,omitempty"`
}

// TableStatus is how full the table of connections is.
type TableStatus struct {
	Connections uint64 `json:"connections"` // entries in use
	Capacity    uint64 `json:"capacity"`    // entries at most
	HalfOpen    uint64 `json:"half_open"`   // connections without a SYN-ACK yet
	Displaced   uint64 `json:"displaced"`   // half-open ones given up for newer ones, since the table was made
	Expired     uint64 `json:"expired"`     // idle ones forgotten, since the table was made
}

// VIPStatus is one VIP.
type VIPStatus struct {
	Name        string             `json:"name"` // unique
	Address     netip.Addr         `json:"address"`
	Ports       []uint16           `json:"ports"`
	Protocol    string             `json:"protocol"`  // "tcp", "udp"
	Scheduler   string             `json:"scheduler"` // "wlc", ...
	Mode        string             `json:"mode"`      // "nat", "fullnat"
	Persistence *PersistenceStatus `json:"persistence,omitempty"`
	Source      string             `json:"source"` // of the servers: "list", "consul web"
	Quorum      QuorumStatus       `json:"quorum"`
	Fallback    bool               `json:"fallback"`   // the fallback servers serve, for want of quorum
	OnFailure   string             `json:"on_failure"` // "reset-if-silent", ...

	Rates   Rates             `json:"rates"`
	Totals  Volume            `json:"totals"`
	Reasons map[string]uint64 `json:"reasons,omitempty"` // packets by how they left the datapath; only those that are not 0

	Servers []RealStatus `json:"servers"`
	Error   string       `json:"error,omitempty"` // why the VIP is not served as configured
}

// PersistenceStatus says for how long a client keeps its server.
type PersistenceStatus struct {
	Timeout Seconds `json:"timeout"` // after its last new connection
	Prefix  int     `json:"prefix"`  // bits of its address that tell clients apart
}

// QuorumStatus says whether enough servers are alive.
type QuorumStatus struct {
	Needed int  `json:"needed"`
	Alive  int  `json:"alive"` // without the fallback servers
	Met    bool `json:"met"`
}

// Volume is what went through, since the maps were made: a restart of the
// director does not reset it. "In" is from clients to servers.
type Volume struct {
	Conns      uint64 `json:"conns"`
	InPackets  uint64 `json:"in_packets"`
	OutPackets uint64 `json:"out_packets"`
	InBytes    uint64 `json:"in_bytes"`
	OutBytes   uint64 `json:"out_bytes"`
}

// Rates are Volume per second, over the last second or so.
type Rates struct {
	Conns      float64 `json:"conns"`
	InPackets  float64 `json:"in_packets"`
	OutPackets float64 `json:"out_packets"`
	InBytes    float64 `json:"in_bytes"`
	OutBytes   float64 `json:"out_bytes"`
}

// RealState is what a real server may be given.
type RealState string

// The states of real servers.
const (
	RealUp       RealState = "up"       // takes new connections if its weight is not 0
	RealDraining RealState = "draining" // keeps what it has
	RealEjected  RealState = "ejected"  // takes nothing new for a while: it failed new connections
	RealDown     RealState = "down"     // dead: on_failure decides on what it has
)

// RealStates are all states of real servers.
func RealStates() []RealState { return []RealState{RealUp, RealDraining, RealEjected, RealDown} }

// RealStatus is one real server of a VIP.
type RealStatus struct {
	ID      string         `json:"id"`      // unique in its VIP
	Address netip.AddrPort `json:"address"` // port 0: that which the client asked for
	State   RealState      `json:"state"`
	Reason  string         `json:"reason,omitempty"` // why State is what it is
	Since   time.Time      `json:"since,omitzero"`   // when State last changed

	Weight   float64  `json:"weight"` // what selection uses: capacity, load, ramp and order combined
	Capacity float64  `json:"capacity"`
	Ramp     float64  `json:"ramp"`               // 0..1, below 1 during slow start
	Load     *float64 `json:"load,omitempty"`     // absent if nothing was reported
	LoadAge  Seconds  `json:"load_age,omitempty"` // meaningless without Load

	Active   uint64 `json:"active"`            // connections, opening to established
	Inactive uint64 `json:"inactive"`          // connections that are closing
	Opening  uint64 `json:"opening,omitempty"` // those of Active that are not answered yet, where they are counted

	Totals      Volume `json:"totals"`
	Rates       Rates  `json:"rates"`
	SYNs        uint64 `json:"syns"`        // sent to it
	SYNACKs     uint64 `json:"synacks"`     // that it sent
	Misses      uint64 `json:"misses"`      // SYNs that it did not answer in time
	Resets      uint64 `json:"resets"`      // RSTs to SYNs
	Unreachable uint64 `json:"unreachable"` // ICMP errors about SYNs, or UDP

	Generation    uint32     `json:"generation"`              // raised to retire all its connections
	DrainDeadline time.Time  `json:"drain_deadline,omitzero"` // when its connections are reset
	Interface     string     `json:"interface,omitempty"`     // on the way to it
	Nexthop       netip.Addr `json:"nexthop,omitzero"`        // neighbour there: the server or a gateway
	Fallback      bool       `json:"fallback,omitempty"`
}

// Failures are all connections that failed to open.
func (r RealStatus) Failures() uint64 { return r.Misses + r.Resets + r.Unreachable }
