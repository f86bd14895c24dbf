package hidden

import (
	"math"
	"time"
)

// trust bounds what keys may weigh by what the servers have to do. Sessions that
// forged questions pretend never reach a server: if the sum of all rates grows
// and the demand does not, the newest keys do not count, however they ask.
type trust struct {
	cutoff int64   // keys that were taken in later do not count; 0 if all do
	ratio  float64 // of rates to demand, as it has been for long
	since  int64   // when it was first known
	at     int64   // of the last change
}

// The numbers of trust.
const (
	trustStart   = time.Hour     // at a start all keys count, and make the ratio
	trustSlack   = 1.5           // how far the sum may be above what the ratio says
	trustGrowth  = 6 * time.Hour // time constant of the ratio if it grows,
	trustDecline = time.Hour     // and if it falls
)

// ages are how finely keys are told apart by age: each a quarter longer than the
// one before, from ten seconds on.
const ages = 64

// trust finds how far back keys count.
func (s *Store) trust(now int64, demand float64) trust {
	t := s.Census().trust
	if demand <= 0 {
		t.cutoff = 0
		return t
	}
	var byAge [ages]float64
	total := 0.0
	s.each(func(r *Record) {
		if rate := r.presence(now); r.current(now) {
			byAge[ageOf(now-r.Born)] += rate
			total += rate
		}
	})
	if t.since == 0 {
		if total == 0 {
			return t // nobody has asked yet
		}
		t.since, t.at = now, now
	}
	dt := max(0, seconds(now-t.at)) // clocks are set back
	t.at = now
	if now-t.since < int64(trustStart) {
		t.ratio += (total/demand - t.ratio) * min(1, dt/(1+seconds(now-t.since)))
		return t
	}
	var counted float64
	counted, t.cutoff = oldest(byAge, t.ratio*demand*trustSlack, now)
	tau := trustDecline
	if counted/demand > t.ratio {
		tau = trustGrowth
	}
	t.ratio += (counted/demand - t.ratio) * -math.Expm1(-dt/tau.Seconds())
	return t
}

// oldest adds up from the oldest keys on as far as most allows.
func oldest(byAge [ages]float64, most float64, now int64) (sum float64, cutoff int64) {
	for age := ages - 1; age >= 0; age-- {
		if sum+byAge[age] > most && sum > 0 {
			return sum, now - int64(10e9*math.Pow(1.25, float64(age+1)))
		}
		sum += byAge[age]
	}
	return sum, 0
}

func ageOf(age int64) int {
	if age <= int64(10*time.Second) {
		return 0
	}
	return min(int(math.Log(seconds(age)/10)/math.Log(1.25)), ages-1)
}
