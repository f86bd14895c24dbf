// Package probe asks servers how they are. A Check is one way to ask: open a
// TCP connection, fetch a page, run a program. A Source asks all servers of a
// service again and again, lets a few equal answers in a row decide, and
// hands over the resulting pools.
//
// Checks connect to the address that they are given and never resolve a name:
// what a check finds out about an address must not depend on DNS, least of
// all on the DNS server that runs it.
package probe

import (
	"context"
	"errors"
	"net/netip"
)

// Target is one address of one server.
type Target struct {
	Addr netip.AddrPort
	Host string // domain name of the server, for TLS and HTTP; may be empty
	ID   string // the server's ID in its pool
}

// Result is what a check found out about a target that answered.
type Result struct {
	Load    float64 // utilisation, 0..pool.MaxLoad, if HasLoad
	HasLoad bool    // the server told its load
	Warning bool    // alive, but says that it has too much to do
	Detail  string  // something people should know, such as a certificate that expires soon
	Static  bool    // the answer can never change: there is no need to ask again
}

// Check asks a target once, until ctx ends. An error means that the target
// failed, and tells why in a few words; it wraps ErrUnable if the check could
// not be made at all.
type Check func(ctx context.Context, t Target) (Result, error)

// ErrUnable says that trouble on this side kept a check from being made: too
// many open files, a program that is missing. It tells nothing about the
// server.
var ErrUnable = errors.New("cannot check")
