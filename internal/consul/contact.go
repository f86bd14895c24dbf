package consul

import (
	"log/slog"
	"sync"
	"time"
)

// grace is how long everything must fail before contact counts as lost: one
// failed query among others that succeed does not make an outage.
const grace = time.Second

// outage says why there is no contact, in words for people.
type outage string

func (o outage) Error() string { return string(o) }

// contact keeps in one place whether Consul answers at all, so that a
// thousand watches report an outage once and end it together.
type contact struct {
	log   *slog.Logger
	grace time.Duration

	mu    sync.Mutex
	good  time.Time // last success
	heard time.Time // when the newest query that succeeded was asked
	ill   int       // watches that get nothing but errors of Consul's own
	lost  time.Time // start of the outage; zero in contact
	why   error     // of the outage
	begun chan struct{}
	again chan struct{}
}

func newContact(log *slog.Logger) *contact {
	return &contact{log: log, grace: grace, begun: make(chan struct{}), again: make(chan struct{})}
}

// fail notes that a query got no usable answer. One that was asked before
// the last success says nothing new.
func (c *contact) fail(asked, now time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lost.IsZero() || asked.Before(c.good) || now.Sub(c.good) < c.grace {
		return
	}
	c.lost, c.why = now, err
	close(c.begun)
	text := "lost contact with Consul; the last pools stay in use"
	if c.good.IsZero() {
		text = "no contact with Consul so far; pools known from before stay in use"
	}
	c.log.Warn(text, "err", err)
}

// fallIll notes that a watch begins to get errors of Consul's own, and heal that
// it gets answers again.
func (c *contact) fallIll() { c.addIll(1) }
func (c *contact) heal()    { c.addIll(-1) }

func (c *contact) addIll(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ill += n
}

// allIll tells whether none of so many watches gets answers.
func (c *contact) allIll(watches int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(c.ill) >= watches
}

// heardBetween tells whether others got answers while a watch did not. What was
// asked soon after it fell ill may have come before the trouble.
func (c *contact) heardBetween(ill, asked time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard.Sub(ill) >= c.grace && c.heard.Before(asked)
}

// ok notes an answer to a query. The first that was asked since an outage
// began ends it and wakes all that wait.
func (c *contact) ok(asked, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.good = now
	if asked.After(c.heard) {
		c.heard = asked
	}
	if c.lost.IsZero() || asked.Before(c.lost) {
		return
	}
	c.log.Info("contact with Consul again", "after", now.Sub(c.lost).Round(time.Millisecond))
	c.lost, c.why = time.Time{}, nil
	close(c.again)
	c.begun, c.again = make(chan struct{}), make(chan struct{})
}

// departed is closed at the beginning of the present or next outage.
func (c *contact) departed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.begun
}

// outage is why there is no contact, or nil.
func (c *contact) outage() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// returned is closed at the end of the present or next outage.
func (c *contact) returned() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.again
}

// alarm is trouble that several watches may have; the first and the last of
// them are logged.
type alarm struct {
	log             *slog.Logger
	raised, cleared string

	mu sync.Mutex
	n  int
}

// set tells that a watch's trouble changed from was to is.
func (a *alarm) set(was, is bool, args ...any) {
	if was == is {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if is {
		if a.n++; a.n == 1 {
			a.log.Warn(a.raised, args...)
		}
		return
	}
	if a.n--; a.n == 0 {
		a.log.Info(a.cleared)
	}
}
