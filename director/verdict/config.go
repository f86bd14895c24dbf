package verdict

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/ballast-lb/ballast/director/schedule"
)

// Config is what the VIP's configuration says. Zero means none or never, as
// there; Defaults has what holds where the configuration says nothing.
type Config struct {
	Address   netip.Addr // of the VIP: servers need one of its family; invalid: any will do
	Scheduler schedule.Kind
	SlowStart time.Duration // the length of the ramp; 0: none

	Quorum       int     // servers alive that a tier needs; less than 1 is 1
	QuorumShare  float64 // of the capacity that has to be alive too, 0..1
	QuorumMargin int     // servers more that it takes to meet a lost quorum again
	Panic        bool    // with nobody alive, treat all as up

	Consecutive  int           // failures that eject; 0: never
	BaseEjection time.Duration // how long, the first time
	MaxEjection  time.Duration // how long at most
	MaxEjected   int           // percent of the live servers, 0..100

	// DrainDeadline is how long a drained server keeps its connections, if
	// the operator set no deadline; 0: until they end.
	DrainDeadline time.Duration
}

// Defaults is the Config of a VIP that says nothing: wlc, 30 s of slow start,
// a quorum of one server, panic, and ejection after 5 failures for 5 s up to
// 300 s, of at most half the servers.
func Defaults() Config {
	return Config{
		Scheduler:    schedule.KindWLC,
		SlowStart:    30 * time.Second,
		Quorum:       1,
		Panic:        true,
		Consecutive:  5,
		BaseEjection: 5 * time.Second,
		MaxEjection:  300 * time.Second,
		MaxEjected:   50,
	}
}

// Check tells everything that is wrong with the Config, joined. Next holds its
// promises without.
func (c Config) Check() error {
	var errs []error
	fail := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	fail(c.SlowStart < 0, "slow start %v is negative", c.SlowStart)
	fail(c.Quorum < 0, "quorum of %d servers is negative", c.Quorum)
	fail(c.QuorumMargin < 0, "quorum margin of %d servers is negative", c.QuorumMargin)
	fail(!(c.QuorumShare >= 0 && c.QuorumShare <= 1), "quorum share %v is not within 0 and 1", c.QuorumShare)
	fail(c.Consecutive < 0, "ejection after %d failures: it is 0 (never) or more", c.Consecutive)
	fail(c.Consecutive > 0 && c.BaseEjection <= 0, "ejection for %v: it has to be longer than 0", c.BaseEjection)
	fail(c.Consecutive > 0 && c.MaxEjection < c.BaseEjection, "longest ejection %v is shorter than the first, %v", c.MaxEjection, c.BaseEjection)
	fail(c.MaxEjected < 0 || c.MaxEjected > 100, "at most %d percent ejected: it is 0 to 100", c.MaxEjected)
	fail(c.DrainDeadline < 0, "drain deadline %v is negative", c.DrainDeadline)
	return errors.Join(errs...)
}

// family tells whether the VIP's connections can go to the address.
func (c *Config) family(a netip.Addr) bool {
	return a.IsValid() && (!c.Address.IsValid() || a.Unmap().Is4() == c.Address.Unmap().Is4())
}

// familyName is what servers need, for people.
func (c *Config) familyName() string {
	switch {
	case !c.Address.IsValid():
		return "address"
	case c.Address.Unmap().Is4():
		return "IPv4 address"
	}
	return "IPv6 address"
}
