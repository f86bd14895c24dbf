package zones

import (
	"slices"
	"time"

	"github.com/miekg/dns"
)

// TypeLB is the RR type of LB records: 65280 + 'L', in the range that RFC 6895
// section 3.1 keeps for private use (65280-65534).
const TypeLB uint16 = 0xFF00 + 'L'

func init() {
	// miekg/dns keeps its types in package variables that its parsers read
	// without a lock, so the type has to be there before anything runs.
	dns.PrivateHandle("LB", TypeLB, func() dns.PrivateRdata { return new(LB) })
}

// Where an LB record's pool comes from.
const (
	Consul = "consul" // a Consul service
	SRV    = "srv"    // SRV records of the same zone, probed here
)

// What an LB record's empty= says.
const (
	EmptyAll      = "all"
	EmptyLast     = "last"
	EmptyNone     = "none"
	EmptyFallback = "fallback" // the records of LB.Fallback
)

// How a server is checked.
const (
	CheckNone  = "none"
	CheckTCP   = "tcp"
	CheckTLS   = "tls"
	CheckHTTP  = "http"
	CheckHTTPS = "https"
	CheckExec  = "exec"
)

// Off stands for an option that was switched off on purpose, as in ramp=0 or
// sticky=off, where 0 means that nothing was said. See Or.
const Off = -1

// Or gives an option's value: def if nothing was said, 0 if it is Off.
func Or[T ~int | ~int64 | ~float64](v, def T) T {
	switch {
	case v == 0:
		return def
	case v < 0:
		return 0
	}
	return v
}

// LB is the data of an LB record. What was not said is zero.
type LB struct {
	Source string // Consul or SRV
	// Name is the Consul service, or the owner of the SRV records: relative as
	// read by Parse of this type, absolute and canonical in a Zone.
	Name string

	Policy   string        // policy=
	Answers  int           // answers=, 1..32
	MinTTL   time.Duration // min-ttl=, whole seconds
	MeanTTL  time.Duration // mean-ttl=, whole seconds
	Session  time.Duration // session=
	UpThresh float64       // up-thresh=, 0..1 or Off
	Empty    string        // empty=, one of the Empty words or ""
	Fallback string        // the name with EmptyFallback; absolute in a Zone
	Sticky   [2]int        // sticky=, prefix lengths for IPv4 and IPv6; Off
	Ramp     time.Duration // ramp=, Off

	// With Consul only.
	Tags []string // tag=, all of them must be there
	DC   string   // dc=
	Via  string   // via=, "" or "vip"

	// With SRV only. See Probe for the defaults.
	Check   Check         // check= and host=
	Every   time.Duration // every=
	Timeout time.Duration // timeout=
	Rise    int           // rise=
	Fall    int           // fall=
}

// Check is how a server's health is found out.
type Check struct {
	Kind string // one of the Check words; "" if nothing was said
	Port uint16 // 0: the server's own
	Path string // of http and https, begins with "/"
	Name string // of exec: the name of a configured command
	Host string // host=: virtual host of http and https, server name of tls
}

// Probe is a check with all its numbers.
type Probe struct {
	Check
	Every   time.Duration
	Timeout time.Duration
	Rise    int // successes in a row until a server is up
	Fall    int // failures in a row until a server is down
}

// Probe is the check with the defaults where nothing was said: tcp every 2 s
// with a timeout of 1 s but no more than every, up after 2 successes, down
// after 3 failures.
func (lb *LB) Probe() Probe {
	p := Probe{Check: lb.Check, Every: Or(lb.Every, 2*time.Second), Rise: Or(lb.Rise, 2), Fall: Or(lb.Fall, 3)}
	if p.Kind == "" {
		p.Kind = CheckTCP
	}
	p.Timeout = Or(lb.Timeout, min(time.Second, p.Every))
	return p
}

func (lb *LB) clone() *LB {
	c := *lb
	c.Tags = slices.Clone(lb.Tags)
	return &c
}
