// Package announce tells Consul of a director's VIPs, so that an LB record
// "consul NAME via=vip" answers with them by what stands behind them.
//
// Each VIP is an instance of its service: ID vip-SERVICE-ADDRESS-PORT@HOST,
// tag vip, the VIP's address and first port, and a TTL check. A plain query
// for the service leaves instances with that tag out.
//
// # What is told, and when
//
//   - The check is critical without a quorum, a warning while the VIP is
//     degraded or overloaded (load above 0.90 until three times below 0.75),
//     else passing. A change goes at once; the same is repeated three times in
//     a TTL. A capacity that merely fell is not degraded: the weight says it.
//   - Weights.Passing is the capacity alive behind the VIP, times
//     Options.Scale, rounded, from 1 to 65535, which is all that Consul takes.
//     It is absolute, so that the VIPs of several directors weigh as what is
//     behind them: directors of one service must use one scale.
//     Weights.Warning is half of it. A VIP without a quorum keeps its last
//     weight, for name servers that answer with all when all are down, and
//     takes its new one before it is called alive again.
//   - Meta carries load, connections and boot id, as an agent's does.
//
// Weight and Meta are written when they change by what matters (a load step of
// 0.05, a twentieth of the weight, a fifth of the connections) and at most
// every Options.Every, except that the loss of more than half of the weight
// goes at once.
//
// # How a VIP leaves
//
// When Run ends, Options.Leave says what becomes of each VIP. By default it is
// deregistered at once: the datapath may forward on, but nobody watches it. For
// a restart or an upgrade that takes less than the TTL use LeaveKeep: the next
// Run takes the instance over as it is. A director that is killed, or whose
// states are not set any more (Options.Stale), turns critical by the TTL, and
// after Options.DeregisterAfter Consul forgets it.
package announce
