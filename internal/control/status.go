package control

import (
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// Status is everything that a name server serves, at one moment.
type Status struct {
	Program   string         `json:"program"` // "coredns"
	Version   string         `json:"version"`
	PID       int            `json:"pid"`
	Started   time.Time      `json:"started"`
	Zones     []ZoneStatus   `json:"zones"`
	Sources   []SourceStatus `json:"sources"`
	Overrides []Override     `json:"overrides"`
	State     *StateStatus   `json:"state,omitempty"` // absent if nothing is kept on disk
	Peers     []PeerStatus   `json:"peers,omitempty"`
}

// PeerStatus is another name server, that answers are told to and heard of.
type PeerStatus struct {
	Peer  string    `json:"peer"`           // address and port
	Heard time.Time `json:"heard,omitzero"` // last
	Err   string    `json:"err,omitempty"`  // why it counts as away
}

// StateStatus is what a name server keeps on disk for its next process.
type StateStatus struct {
	Dir     string    `json:"dir"`
	Current time.Time `json:"current,omitzero"` // when servers and health were last as there
	Size    int64     `json:"size"`             // of the pools, in bytes
	Err     string    `json:"err,omitempty"`    // why it cannot be written
}

// ZoneStatus is one zone and the names that are steered in it.
type ZoneStatus struct {
	Origin  string    `json:"origin"` // fully qualified
	File    string    `json:"file"`
	Serial  uint32    `json:"serial"`
	InFile  uint32    `json:"file_serial"` // the file's own, which pools may have moved on from
	Loaded  time.Time `json:"loaded"`
	Records int       `json:"records"`
	LBs     int       `json:"lbs"`
	// Err is why the last reload failed: the file on disk is broken and the
	// last good zone is served. Failed says since when. Both are zero when
	// what is served is what the file says.
	Err    string       `json:"err,omitempty"`
	Failed time.Time    `json:"failed,omitzero"`
	Names  []NameStatus `json:"names"`
}

// NameStatus is one LB name.
type NameStatus struct {
	Name    string         `json:"name"`   // fully qualified
	Source  string         `json:"source"` // "consul web", "srv _api._tcp.example.org."
	Policy  string         `json:"policy"`
	Mode    string         `json:"mode"`             // policy.Mode, in words: "live", "all down", ...
	Reason  string         `json:"reason,omitempty"` // why this mode
	TTL     Seconds        `json:"ttl"`              // of an answer given now
	MinTTL  Seconds        `json:"min_ttl"`
	MaxTTL  Seconds        `json:"max_ttl"`
	TTLWhy  string         `json:"ttl_why,omitempty"` // the bound that set TTL
	Members []MemberStatus `json:"members"`
}

// MemberStatus is one server of a name.
type MemberStatus struct {
	ID          string       `json:"id"`
	Node        string       `json:"node,omitempty"`
	Host        string       `json:"host,omitempty"`
	Addrs       []netip.Addr `json:"addrs"`
	Port        uint16       `json:"port"`
	Tier        uint16       `json:"tier"`
	Health      pool.Health  `json:"health"`
	HealthWhy   string       `json:"health_why,omitempty"`
	Load        *float64     `json:"load,omitempty"`     // absent if nothing was reported
	LoadAge     Seconds      `json:"load_age,omitempty"` // meaningless without Load
	Connections int          `json:"connections"`
	Weight      float64      `json:"weight"`
	Share       float64      `json:"share"`   // of new answers, 0..1
	Answers     uint64       `json:"answers"` // how often it was given, since Status.Started
	In          bool         `json:"in"`
	Why         []string     `json:"why,omitempty"`
}

// SourceStatus is how far one source of pools can be trusted.
type SourceStatus struct {
	Source    string    `json:"source"`
	Age       Seconds   `json:"age"` // since Confirmed
	Err       string    `json:"err,omitempty"`
	Servers   int       `json:"servers"`
	Confirmed time.Time `json:"confirmed,omitzero"` // zero if it never vouched for its pool
	// Snapshot is when the pool was written to disk, if this process has it from
	// there and its source has not vouched for it since.
	Snapshot time.Time `json:"snapshot,omitzero"`
}
