// Package verdict decides what the datapath is told of each real server of a
// VIP: whether it takes connections, with what weight, and why. It is pure:
// Next turns a moment (the pool, what operators asked for, what the datapath
// counted) and the Memory of the moments before into a Verdict and the next
// Memory. It is to be called when any of it changes, about once a second for
// the counters, and at Verdict.Due.
//
// # States
//
//	up        takes new connections by its weight; weight 0 takes none
//	standby   alive, but another tier or the servers proper serve
//	draining  keeps the connections it has, gets no new ones
//	ejected   the datapath saw too many of its connections fail in a row
//	down      its checks fail, its drain is over, or it cannot be used
//	removed   it left the pool; said once
//
// What becomes of the connections of a server that is down is the VIP's policy
// (drain, reset, reset-if-silent) and none of this package's business, but for
// Server.Generation: it is raised when all connections before are certainly
// over or have to be: the server's boot id changed between two that are known,
// whether it was away meanwhile or not, or the deadline of its drain passed.
//
// A removed server is to be kept as draining, without deadline, until it has
// no connections left. It is remembered for 10 minutes, and as long as its
// Tally shows active connections, so that its return is known as one. A server
// whose address or port changes leaves and another joins; one that only gets
// another ID is the same to the datapath, and here. Of several at one address and
// port all but one are down, and have no Server.Addr.
//
// # Weight
//
//	weight = capacity x health x headroom x ramp x override, 256 being 1.0
//
// capacity is the server's, or 1 for the schedulers rr and lc. Where every
// server of a tier has capacity 0, all have 1 (RFC 2782).
//
// health is 1, but Server.WarningFactor, or 0.1, while warning.
//
// headroom is 1, but for the scheduler load: 1 up to a load of 0.50, from there
// in a line down to 0.1 at 0.90, and 0 above until the load is below 0.75. A
// report older than 30 s fades and is forgotten at 90 s. Headroom changes by at
// most 0.2 per second. When every server that could serve is overloaded, that
// is ignored and headroom above 0.90 is 0.1 x 0.90/load.
//
// ramp is a slow start: 0.1 to 1 in a line over Config.SlowStart, for a server
// that returns from being down, ejected, drained or gone, that joins others, or
// whose boot id changed; not for those of the first pool, and not after less
// than 3 s away with the same boot id, or drained so briefly by mistake.
//
// override is the operator's factor.
//
// Unless one of the factors is 0 the weight is at least 1.
//
// # Who serves
//
// The lowest tier (pool.Server.Tier) that meets the quorum: enough servers that
// are alive and not ejected, and enough of the capacity. A drained server, or
// one of weight 0, counts for neither side. A quorum that was lost is met again
// when it is exceeded by a margin. If no tier meets it, the fallback servers
// serve. If none of these is alive either, the lowest tier in which anybody is
// alive serves without quorum. If nobody is alive anywhere, Config.Panic
// treats all servers of the lowest tier as up: that many failures at once are
// likelier the checks' fault, and a refused connection is no worse than none.
//
// # Ejection
//
// A server whose connections fail Config.Consecutive times with no success
// between is ejected, for Config.BaseEjection the first time and twice as long
// each time after, up to Config.MaxEjection; each 60 s without ejection take
// one time back. It is Envoy's outlier detection on consecutive gateway
// failures, at the level of connections. Checks that pass do not shorten an
// ejection: they may take another way than the clients do. At most
// Config.MaxEjected percent of a tier's live servers are out at a time, but one
// may be whenever two are alive, and never the last. If others go down and the
// ejected are too many, the one that is out for longest returns early.
// Failures from before an ejection, an outage or the first sight of a server
// count no more after it.
package verdict
