package bpf

// The maps' values by short names; types.h tells more.
type (
	// Affinity is the server that a prefix of clients was given last.
	Affinity = DirectorAffinity
	// AffinityKey is the prefix of a client, and the service.
	AffinityKey = DirectorAffinityKey
	// Ask is what the datapath asks user space to do.
	Ask = DirectorAsk
	// Bucket is a cache line of the index.
	Bucket = DirectorBucket
	// Conn is a connection.
	Conn = DirectorConn
	// Gauge is what the datapath tells of itself.
	Gauge = DirectorGauge
	// Opening is what is kept of a client's SYN until its ACK.
	Opening = DirectorOpening
	// Real is a server, as user space tells the datapath.
	Real = DirectorReal
	// Reason is how a packet left the program.
	Reason = DirectorReason
	// Service is a VIP's settings.
	Service = DirectorService
	// Settings are those of the whole datapath.
	Settings = DirectorSettings
	// Span is a part of the slots.
	Span = DirectorSpan
	// State is a connection's.
	State = DirectorConnState
	// Tally is what the datapath counts of a server.
	Tally = DirectorTally
	// Tuple is a packet's addresses as it comes in.
	Tuple = DirectorTuple
	// VIP is the key of a service: address, port, protocol.
	VIP = DirectorVip
	// Volume is connections, packets and bytes, on one CPU.
	Volume = DirectorVolume
)

// Sizes that types.h fixes.
const (
	MaxServices = 256
	MaxReals    = 65536
	MaxMembers  = 1024
	Slots       = 1 << 20
	TickShift   = 20
)
