// Package world is a discrete-event model of clients, resolvers, name servers
// and real servers: that of Colajanni, Yu and Cardellini (ICDCS 1998, IEEE TKDE
// 14(2), 2002) with what has been learned of resolvers since. Clients have
// sessions of pages with time to think in between; each session goes to one
// server, whose address comes from the cache of the client's resolver; servers
// work on hits one after another. Name servers answer by the very code of
// plugin/policy, and learn of loads by the very code of the agent: its smoothing,
// its steps, its rate and its alarm.
//
// A world is deterministic: a seed gives every client the same sessions, pages,
// hits and thoughts under each policy.
package world
