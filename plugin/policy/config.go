package policy

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// What a Config says where it says nothing.
const (
	DefaultAnswers = 2
	DefaultTTL     = time.Minute
	DefaultRamp    = 30 * time.Second
	DefaultSession = 300 * time.Second
)

// NoRamp as Config.Ramp asks for no slow start, and stays so in WithDefaults,
// which takes a zero for unset.
const NoRamp time.Duration = -1

// maxTTL is the longest that DNS knows (RFC 2181 section 8).
const maxTTL = math.MaxInt32 * time.Second

// addressBits are the lengths of an IPv4 and an IPv6 address.
var addressBits = [2]int{32, 128}

// WithDefaults fills in what is zero: two answers, a TTL of one minute, a ramp
// of 30 s, and whole addresses under the hash policy. UpThresh stays 0 (all are
// served only when nobody is live), Empty stays EmptyAll, and what depends on
// the policy stays 0 as long as that is not known: see settled. What is negative
// was switched off and stays so.
func (c Config) WithDefaults() Config {
	if c.Answers == 0 {
		c.Answers = DefaultAnswers
	}
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.Policy != "" {
		c = c.settled(c.Policy)
	}
	if c.Session == 0 {
		c.Session = DefaultSession
	}
	if c.Ramp == 0 {
		c.Ramp = DefaultRamp
	}
	c.UpThresh = max(c.UpThresh, 0) // negative: switched off
	for i, bits := range addressBits {
		if c.Sticky[i] == 0 {
			c.Sticky[i] = bits
		}
	}
	return c
}

// settled is the Config under a policy of that name, with the defaults that
// depend on it. MinTTL is half the TTL (gdnsd's default) but at least a second;
// for policies that adapt TTLs to keys it is 30 s or a twentieth of the TTL if
// that is longer, but no more than half, since browsers keep answers for a
// minute anyway. MeanTTL is the geometric mean of both.
func (c Config) settled(name string) Config {
	c.Policy = name
	if c.MinTTL == 0 {
		half := max(time.Second, (c.TTL / 2).Truncate(time.Second))
		if c.MinTTL = half; kinds[name].adapts {
			c.MinTTL = min(half, max(30*time.Second, (c.TTL/20).Truncate(time.Second)))
		}
		if c.MeanTTL > 0 {
			c.MinTTL = min(c.MinTTL, c.MeanTTL)
		}
	}
	if c.MeanTTL == 0 {
		mean := math.Sqrt(c.MinTTL.Seconds() * c.TTL.Seconds())
		c.MeanTTL = time.Duration(mean+0.5) * time.Second
	}
	return c
}

// Check tells everything that is wrong with the Config, joined; it expects
// the defaults to be filled in.
func (c Config) Check() error {
	var errs []error
	fail := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if err := Known(c.Policy); err != nil {
		errs = append(errs, err)
	}
	fail(c.Answers < 1 || c.Answers > MaxAnswers, "answers %d is not within 1 and %d", c.Answers, MaxAnswers)
	fail(c.TTL < time.Second, "ttl %v is shorter than 1s", c.TTL)
	fail(c.TTL > maxTTL, "ttl %v is longer than %v", c.TTL, maxTTL)
	c = c.settled(c.Policy)
	fail(c.MinTTL < time.Second, "min-ttl %v is shorter than 1s", c.MinTTL)
	fail(c.MinTTL > c.TTL, "min-ttl %v is longer than the record's ttl %v", c.MinTTL, c.TTL)
	fail(c.MeanTTL < c.MinTTL || c.MeanTTL > c.TTL, "mean-ttl %v is not within min-ttl %v and the record's ttl %v", c.MeanTTL, c.MinTTL, c.TTL)
	fail(!(c.UpThresh >= 0 && c.UpThresh <= 1), "up-thresh %v is not within 0 and 1", c.UpThresh)
	fail(int(c.Empty) >= len(emptyNames), "%v is not a way to answer for an empty pool", c.Empty)
	for i, bits := range addressBits {
		fail(c.Sticky[i] > bits, "sticky prefix length %d is longer than an address of %d bits", c.Sticky[i], bits)
	}
	return errors.Join(errs...)
}

// clamped is the Config with every number in its range, so that Next holds
// its promises whatever it is given.
func (c Config) clamped() Config {
	c.Answers = min(max(c.Answers, 1), MaxAnswers)
	c.TTL = min(max(c.TTL.Truncate(time.Second), time.Second), maxTTL)
	c.MinTTL = roundUp(min(max(c.MinTTL, time.Second), c.TTL), time.Second)
	c.MeanTTL = min(max(c.MeanTTL, c.MinTTL), c.TTL)
	if c.Session <= 0 {
		c.Session = DefaultSession
	}
	c.Session = max(c.Session, time.Second)
	c.Ramp = max(c.Ramp, 0)
	c.UpThresh = clamp(c.UpThresh, 0, 1)
	for i, bits := range addressBits {
		c.Sticky[i] = min(max(c.Sticky[i], 0), bits)
	}
	return c
}

func roundUp(d, unit time.Duration) time.Duration {
	return (d + unit - 1).Truncate(unit)
}

// clamp bounds v; what is not a number becomes low.
func clamp(v, low, high float64) float64 {
	if math.IsNaN(v) {
		return low
	}
	return min(max(v, low), high)
}
