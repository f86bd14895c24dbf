package world

import "time"

// Params are a model's settings. Times are in seconds.
type Params struct {
	Policy  string // of plugin/policy, or Oracle, or Ideal
	Answers int    // addresses of an answer

	Capacities []float64 // of the servers, relative
	Total      float64   // capacity of all, in hits a second
	Clients    int
	Domains    int     // resolvers; clients are spread over them by Zipf's law
	Uniform    bool    // evenly instead
	Pages      float64 // of a session, mean of an exponential distribution
	Hits       [2]int  // of a page, uniform
	Think      float64 // between a page and the next, mean of an exponential distribution
	Hours      float64 // simulated
	Warm       float64 // of them not counted

	MeanTTL, MinTTL, MaxTTL float64

	Resolvers Resolvers
	Reports   Reports
	Replicas  int     // name servers, of which resolvers ask any
	Restarts  float64 // s, from one restart of the name servers to the next; 0 for none
	Kept      bool    // what they have learned by then
	Told      float64 // s, until the other name servers know of an answer; 0 for never
	Sorting   float64 // share of the clients that take the lowest address of an answer
	HalveAt   float64 // hour at which the first server loses half of its capacity; 0 for never
	Error     float64 // of the hidden loads that the published policies are told, relative
	Forged    Forged
}

// Policies that are none of plugin/policy.
const (
	// Oracle knows the sessions of every server, and answers each session
	// anew: a ceiling for what DNS can do, though not proven to be the best.
	Oracle = "oracle"
	// Ideal is the papers' optimistic bound: clients are spread evenly.
	Ideal = "ideal"
)

// Resolvers is how caches differ from the plain one, in shares of the domains.
type Resolvers struct {
	Floor      float64 // least TTL of those that have one
	Floored    float64 // share that has
	Prefetch   float64 // share that asks again in the last tenth of the TTL
	ServeStale float64 // share that gives an expired answer while it asks
	WholeTTL   bool    // clocks of whole seconds: an answer holds to the end of its last, as in Unbound
}

// Forged is a flood of questions from sources that are not there, from 75 minutes
// on.
type Forged struct {
	PerSecond float64
	Sources   int // as many addresses, in turn; 0 for a new one each time
}

// Reports is how loads become known.
type Reports struct {
	// Exact reports are those of the papers: every 8 s, of these 8 s, with an
	// alarm above a utilisation of Alarm. Else agents publish through Consul.
	Exact bool
	Alarm float64
	Every time.Duration // between an agent's writes
	Delay float64       // besides Consul's own, s
	Noise float64       // relative
	Off   bool          // nobody reports
	// NoConnections leaves them out: agents tell the load alone.
	NoConnections bool
}

// Defaults are the papers' model, at one level of heterogeneity, with agents.
func Defaults(heterogeneity int) Params {
	return Params{
		Policy: "headroom", Answers: 1,
		Capacities: Heterogeneity[heterogeneity], Total: 500, Clients: 500, Domains: 20,
		Pages: 20, Hits: [2]int{5, 15}, Think: 15, Hours: 5, Warm: 0.5,
		MeanTTL: 240, MinTTL: 15, MaxTTL: 1800, Replicas: 1,
		Reports: Reports{Every: 10 * time.Second, Alarm: 0.75},
	}
}

// Heterogeneity are the relative capacities of the papers, by the greatest gap
// between two of them in percent.
var Heterogeneity = map[int][]float64{
	20: {1, 1, 1, .8, .8, .8, .8},
	35: {1, 1, .8, .8, .65, .65, .65},
	50: {1, 1, .8, .8, .5, .5, .5},
	65: {1, 1, .8, .8, .35, .35, .35},
}

// forgedFrom is when forged questions begin, in seconds.
const forgedFrom = 75 * 60.0

// Window is the length in seconds for which utilisation is counted.
const Window = 8.0
