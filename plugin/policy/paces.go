package policy

import "time"

// The policies that foretell loads have the paces of their clients' sessions:
// what is said of eight seconds, or of a minute, is meant for sessions of
// DefaultSession, and is longer or shorter with Config.Session.

// paced is a time as it would be under sessions of DefaultSession.
func (c *Config) paced(dt time.Duration) time.Duration {
	return time.Duration(float64(dt) * DefaultSession.Seconds() / c.Session.Seconds())
}

// At a start nothing is known of keys, nor of what caches hold: for the first
// minute TTLs are at most 30 s.
func (c *Config) startTime() time.Duration { return c.Session / 5 }
func (p *Plan) startTTL() float64          { return p.Config.Session.Seconds() / 10 }

// tickEvery is how often time is let pass: every second, or more often if
// sessions are short. For a name that nobody asks for it is tickIdle.
func (c *Config) tickEvery() time.Duration {
	return min(max(c.Session/150, 250*time.Millisecond), time.Second)
}

// tickIdle is the same for a name that nobody asks for: seldom, but before the
// book of what was told (package belief) would come round.
func (c *Config) tickIdle() time.Duration { return min(c.TTL/20, 30*time.Second) }

const (
	idleAfter   = 5 * time.Minute
	countPerKey = 400 * time.Microsecond // between censuses: 9 s at 20,000 keys
)
