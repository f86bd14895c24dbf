package config

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/ballast-lb/ballast/internal/consul"
	"github.com/ballast-lb/ballast/internal/probe"
)

// Config is a whole configuration, with defaults in place of what was not
// given. It is not changed after Load or Parse returned it.
type Config struct {
	File string // as given to Load or Parse

	Interfaces  []string // at least one
	Control     string   // path of a unix socket
	Metrics     string   // host:port; empty for none
	State       string   // directory in bpffs
	Connections int      // entries of the connection table

	Timeouts Timeouts
	SYN      SYN
	Consul   *consul.Config // nil without a consul block; Log is not set
	VIPs     []VIP          // in the file's order; may be empty
}

// Timeouts are how long a connection may be idle before it is forgotten.
type Timeouts struct {
	Established time.Duration
	Opening     time.Duration // SYN seen, not yet answered and acknowledged
	Closing     time.Duration // FIN seen
	Reset       time.Duration // RST seen
	UDP         time.Duration
}

// SYN says how a connection finds a server that answers.
type SYN struct {
	Retry time.Duration // an unanswered SYN that is repeated after this goes to another server
	Tries int           // servers for one connection, at most
}

// VIP is one address with its ports, and the servers behind it.
type VIP struct {
	Name string // unique; [a-z0-9-], 1 to 31
	Line int    // in Config.File

	Address   netip.Addr
	Ports     []uint16 // as written, 1 to 64 different ones
	Protocol  Protocol
	Scheduler Scheduler
	Mode      Mode

	// Either Servers or Service is given.
	Servers  []Server
	Service  *consul.Query
	Fallback []Server // serve while fewer than Quorum of the others can; may be empty
	Quorum   int

	Check       *Check       // nil: none
	Reports     *Reports     // nil: agents are not asked
	Persistence *Persistence // nil: none

	SlowStart     time.Duration // 0: none
	OnFailure     OnFailure
	Silence       time.Duration // for ResetIfSilent
	DrainDeadline time.Duration // 0: none
	MaxEjected    int           // percent of the servers
	Eject         Eject

	Sources     []netip.Addr // FullNAT; empty: that of the interface towards the servers
	SourcePorts PortRange    // FullNAT

	Register bool // in Consul; only with Config.Consul
	Announce bool // add the address to an interface, and announce it
}

// Server is one real server of a list.
type Server struct {
	Addr   netip.Addr
	Port   uint16 // 0: the port that the client asked for
	Weight int    // 0 to 65535; 1 if not given; 0 takes no new connections
	Line   int    // in Config.File
}

// Check asks servers whether they are alive.
type Check struct {
	Spec    probe.Spec    // accepted by probe.New, unless its files changed since
	Options probe.Options // Every, Timeout, Rise and Fall are set
}

// Reports says how to ask servers' agents for GET /v1/report.
type Reports struct {
	Port      uint16
	Interval  time.Duration
	TokenFile string // holds the bearer token; empty for none
}

// Persistence sends the connections of one client prefix to one server.
type Persistence struct {
	Timeout time.Duration // after the last new connection
	Prefix  int           // bits of the client's address, of the VIP's family
}

// Eject takes out a server to which connections fail.
type Eject struct {
	Consecutive int           // failures; 0: never
	Base        time.Duration // for how long, the first time
}

// PortRange is First to Last, both included.
type PortRange struct{ First, Last uint16 }

func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// Protocol is what a VIP carries.
type Protocol string

// The protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Scheduler chooses the server of a new connection.
type Scheduler string

// The schedulers.
const (
	RoundRobin         Scheduler = "rr"
	WeightedRoundRobin Scheduler = "wrr"
	LeastConn          Scheduler = "lc"
	WeightedLeastConn  Scheduler = "wlc"
	SourceHash         Scheduler = "sh"
	Maglev             Scheduler = "maglev"
	ByLoad             Scheduler = "load" // WeightedLeastConn with weights by reported load
)

// Mode is how packets reach the servers.
type Mode string

// The modes.
const (
	NAT     Mode = "nat"     // servers route back through the director
	FullNAT Mode = "fullnat" // the source is rewritten too
)

// OnFailure is what becomes of established connections when their server dies.
type OnFailure string

// The policies.
const (
	Drain         OnFailure = "drain"
	Reset         OnFailure = "reset"
	ResetIfSilent OnFailure = "reset-if-silent"
)

// The limits, in part those of the datapath.
const (
	MaxVIPs    = 256
	MaxServers = 1024 // of one VIP, fallback servers included
	MaxPorts   = 64   // of one VIP
	MaxTries   = 16

	maxSize = 8 << 20 // bytes of a file
)

// Load reads a file, and makes sure of the files that it names. The error is
// Problems when the file could be read.
func Load(file string) (*Config, error) {
	src, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	d := decode(file, src)
	d.checkFiles()
	return d.result()
}

func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(src) > maxSize {
		err = fmt.Errorf("%s is longer than %d bytes", file, maxSize)
	}
	return src, err
}

// Parse reads a configuration that is called name. Files that it names are
// not looked at. The error is Problems.
func Parse(name string, src []byte) (*Config, error) { return decode(name, src).result() }

// beside makes a file's name relative to the configuration's directory.
func beside(config, file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(config), file)
}
