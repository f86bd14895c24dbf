// Package policy decides which servers of a pool answer a question, for how
// long the answer may be cached, and why. It is pure: pool, time and
// randomness are arguments, and nothing here does I/O.
//
// It works in two steps. Next turns a pool, and what was remembered of the
// moments before, into a Plan: every server's weight with its factors, who is
// in, who is out, and the TTL. That happens when the pool changes and while
// something is in motion (Plan.Due). A Policy then draws members from the Plan
// for each query, without allocating.
//
// # Weight
//
//	weight = capacity x health x headroom x ramp x override
//
// health is 1 while passing or not yet checked, Server.WarningFactor (or 0.5)
// while warning, else 0.
//
// headroom follows the reported load: 1 up to 0.50, from there in a line down
// to 0.1 at 0.90. Above 0.90 the server is excluded and aims at 0, until its
// load is below 0.75. A report older than 30 s fades and is forgotten at 90 s.
// Headroom changes by at most 0.2 per second; a server seen for the first time,
// or returning, has its target at once. If every live server is excluded, the
// exclusion is ignored and headroom above 0.90 is 0.1 x 0.90/load.
//
// ramp is Envoy's slow start, max(0.1, t/window), for a server that returns
// from being critical or drained, that joins others, or whose boot id changed;
// not for one that was away for less than 3 s with the same boot id, or set
// aside so briefly by the operator.
//
// override is the operator's factor, 0 for a drain, while it lasts.
//
// What a policy makes of load is its own (kinds). To "weighted" and "hash" it is
// the factor above. To the published policies it is one bit, the literature's
// alarm: a server that warns or is overloaded is out, unless all are. To
// "headroom" it is none of the plan's business, except that a server which warns
// without saying how loaded it is is out.
//
// # Who answers
//
// The live servers of the lowest tier in which somebody has a weight above 0
// and in which the live share of the capacity is at least Config.UpThresh
// (Live). If tiers have live servers but none meets UpThresh, all servers of
// the lowest of them answer by capacity (Quorum): that many failures at once
// are rather the checks' than the servers'. If nobody is live, Config.Empty
// decides. Servers that were drained, or weighed 0 by the operator, count for
// no quorum and are served only if there is nobody else. In a tier in which
// every capacity is 0, all count as 1 (RFC 2782: weight 0 where there is
// nothing to choose by). An answer holds no servers of another tier just
// because the answering one has no address of the family asked for.
//
// # TTL
//
// The shortest of its bounds, within [MinTTL, TTL], in whole seconds:
//
//   - the record's TTL;
//   - the shortest Server.Flip of the wavering servers whose change would change the
//     answer (gdnsd's rule), the end of an override, the rest of a ramp;
//   - MinTTL + x(TTL-MinTTL) with x = distance/0.10 while a load is within
//     0.10 of going out or coming back, x = 1-gap while headroom glides over
//     that gap, x = 1-faded/2 while a load report fades;
//   - MinTTL while a server is overloaded or warning, while the source is in
//     trouble or has not vouched for the pool for 60 s, and in every mode but
//     Live.
//
// Loads bound it only under the policies to which load is a factor.
//
// # Draws
//
// The policy "weighted" draws each answer anew, n of the m servers that are in
// and have an address of the family. The first is server i with a probability
// of exactly share i, and i is among the n with probability
//
//	min(1, n x share i)
//
// where what is cut off at 1 goes to the others in proportion. It is Madow's
// systematic sampling ("On the theory of systematic sampling, II", Annals of
// Mathematical Statistics 20, 1949): members lie on a line, each as long as its
// probability, and points at distance 1 pick them. Lines in several random
// orders are prepared, so that it is not always neighbours that meet.
//
// The policy "hash" gives each resolver key its own servers by weighted
// rendezvous hashing: the n smallest of -ln(u)/share, where u in (0,1] is a
// hash of key and server ID. The first is server i for a fraction share i of
// all keys; when a server leaves, only its keys move. All name servers agree,
// as no seed is involved.
//
// SRV answers hold all members, at most MaxAnswers.
//
// # Headroom
//
// The policy "headroom" answers each resolver key by its hidden load, the share w
// of all sessions that begin behind it (package hidden), and by the loads that it
// believes the servers to have (package belief). For each server it foretells the
// load at each time t of a grid, if the key is told it now, and finds the longest
// time up to which that stays within the server's share c of the capacity and a
// tolerance d:
//
//	L(t) = ahead(t) + w (1/n - c) (1 - e^(-t/Session)) <= c (1 + d)
//
// for an answer of n servers. The n with the longest times answer, of equals those
// that are foretold to be least loaded, and the shortest of their times is the TTL.
// With everything else at rest that is -Session ln(1 - (c(1+d) - L(0))/w), and
// without end where the headroom is at least w.
//
// The grid has some twenty times from MinTTL to TTL, a fifth apart, so that few
// different answers are signed. A servo moves d, between 0.005 and 1, until the
// keys ask as often as they would under the constant MeanTTL. Reports correct the
// belief, by a gain that adapts to how noisy they are (observer), and the shares:
// what a server bears is its connections at its load, compared with the others'
// (capacity), as far as that clearly differs from what is configured.
//
// Of a pool above 16 servers that many are looked at, spread over all. Keys that
// are not known one by one are drawn by weight, with MeanTTL. A key's TTL is at
// most MeanTTL times the gaps that are known of it, and a quarter of MeanTTL while
// they are less than six; for a fifth of Session after the start all TTLs are at
// most a tenth of it. A key that repeats its question within a second has the same
// answer. Reports older than 30 s correct nothing, and what
// was learned of capacities fades with them; without any report the policy goes by
// its own answers and the configured capacities, which is still more even than the
// published policies (the simulator's report). Nobody out of the plan is given.
//
// # Published policies
//
// For comparison, and for whoever wants them: "rr", "rr2", "prr2-ttl1",
// "prr2-ttl2", "prr2-ttlk", "drr2-ttls1", "drr2-ttls2", "drr2-ttlsk", "dal", "mrl"
// and "least-load"; each type's comment has its source. Their hidden loads are
// estimated as those of headroom.
package policy
