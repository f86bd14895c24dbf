package bpf

// The maps' values by short names.

type (
	Affinity    = DirectorAffinity
	AffinityKey = DirectorAffinityKey
	Ask         = DirectorAsk
	Bucket      = DirectorBucket
	Conn        = DirectorConn
	Gauge       = DirectorGauge
	Opening     = DirectorOpening
	Real        = DirectorReal
	Reason      = DirectorReason
	Service     = DirectorService
	Settings    = DirectorSettings
	Span        = DirectorSpan
	State       = DirectorConnState
	Tally       = DirectorTally
	Tuple       = DirectorTuple
	VIP         = DirectorVip
	Volume      = DirectorVolume
)

// Sizes that types.h fixes.
const (
	MaxServices = 256
	MaxReals    = 65536
	MaxMembers  = 1024
	Slots       = 1 << 20
	TickShift   = 20
)
