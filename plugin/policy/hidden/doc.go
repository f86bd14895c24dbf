// Package hidden estimates the hidden load of resolver keys: which share of a
// service's sessions is behind each resolver, of which a name server sees
// nothing but its questions. It is pure: times are arguments.
//
// # Rates
//
// A cache asks again when its answer has expired and the next client comes: the
// time between two questions is T + 1/s on average, with T the time that the
// answer was kept and s the rate at which sessions start behind the cache
// (renewal theory). Hence
//
//	s = n / sum of max(0, gap - T)
//
// over the last n gaps, of which each counts 0.99 of the one after it. What T
// is must be learned, since caches keep answers in their own ways:
//
//   - floor: a resolver with a least TTL asks later than it should, and never
//     soon after the TTL's end. The shortest of its gaps is its floor.
//   - early: one that prefetches asks before the answer has expired. The low end
//     of gap/TTL, if below 1, is when it does.
//   - clock: one that counts whole seconds keeps answers to the end of the last.
//     If a key never asks before that, its idling is counted from there.
//   - farm: several caches behind one address ask at any time. Their gaps tell
//     only how often they ask, which is the least that s can be, and each answer
//     steers one of them: TTL/gap is how many there are.
//   - missed: a cache that asks several name servers in turn is seen now and
//     then. Gaps in which it must have asked others are left out, if the rest
//     are of one mind.
//
// # What is kept
//
// A Store keeps a bounded number of keys. A key is taken in when it has asked
// twice in the manner of a cache; until then it is on probation, in a table of
// bounded size in which newcomers overwrite one another. When the store is full,
// one of the lightest of some keys makes room, if the newcomer is as heavy. So a
// flood of forged sources neither grows the store nor empties it.
//
// What forged sources could win is weight, by asking as caches do. Weight counts
// only as far as the servers confirm it: see Census.
package hidden
