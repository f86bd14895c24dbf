// Package belief keeps what a name server believes of its servers' loads, and
// foretells them. It is pure: times are arguments.
//
// Loads are shares of the service's whole demand, so that they add up to 1.
// Clients stay with a server for the length of a session, Tau on average, so
// that the load x of server i follows what caches tell new sessions:
//
//	dx/dt = (told + c (1 - all told) - x) / Tau
//
// told being the hidden load of the keys whose caches hold i now, and c the
// server's share of the capacity, by which those are thought to be spread whose
// caches hold nothing that is known. A Book keeps what is told until when, so
// that the equation can be run ahead of time (Table).
//
// Reports of the servers correct the belief (Observe). That is an observer as
// in control theory, multiplicative, since shares are: x moves by a part of the
// way from the believed to the measured share. It absorbs what other name
// servers, caches of other minds and sessions of other lengths do.
package belief
