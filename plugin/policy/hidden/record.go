package hidden

import "math"

// The numbers of the estimate.
const (
	discount  = 0.99 // of a gap's say with each that follows
	again     = 1.0  // seconds within which a question is the same one, repeated
	leastIdle = 0.02 // seconds: finer differences are the network's
	lowShare  = 0.1  // the quantile that stands for the low end
)

// MaxServers is the most servers of an answer: as many as a policy.Choice has.
const MaxServers = 32

// Record is what is known of one resolver key. It holds no pointers, so that
// many of them cost the garbage collector nothing.
type Record struct {
	Key  Key
	Born int64 // when it was taken in, in nanoseconds
	Last int64 // when it asked last, in nanoseconds
	TTL  float32

	every       float32 // mean gap in seconds, of the last ten or so
	count, idle float32 // gaps and their idle times in seconds, discounted
	share       float32 // of the key's questions that come here, 0..1; 0 if unknown
	bound       float32 // seconds of idling below which no cycle was missed
	near, nears float32 // of such gaps: idle times and number
	gaps        float32 // all that nears are of
	floor       float32 // learned, in seconds; 0 for none
	shortest    float32 // of some gaps that were longer than told,
	sum         float32 // all of these,
	beyond      float32 // the times by which they were,
	seen        uint8   // and how many they are
	sure        uint8   // for how many gaps the floor is not doubted
	before      float32 // how often it asks before a clock of whole seconds would, 0..1
	early       float32 // low end of gap/TTL, at most 1
	rate        float32 // of sessions, per second; 0 before the first gap
	known       bool    // that it was given from outside

	Held Held
}

// Held is the answer that a key has, and what it weighed when it got it.
type Held struct {
	Until   int64 // when it expires, in nanoseconds
	Mass    int64 // that each of the servers got, in units of the belief
	Book    uint8 // of the belief, that it was told to
	N       uint8
	Servers [MaxServers]uint16 // slots
}

// Repeats tells that the key asks for what it was told a moment ago: a
// repetition, not news.
func (r *Record) Repeats(now int64) bool {
	return r.TTL > 0 && now >= r.Last && seconds(now-r.Last) < again
}

// presume lets a newcomer count as an average key until more is known of it:
// a single gap says next to nothing.
func (r *Record) presume(rate float64) {
	r.before = 0.5
	if rate > 0 {
		r.count, r.idle = 1, float32(1/rate)
	}
}

// asked takes in that the key asks at now. least is the least TTL that anybody
// is told, in seconds.
func (r *Record) asked(now int64, least float32) {
	gap := float32(seconds(now - r.Last))
	late := r.learnClock(now)
	r.Last = now
	if r.TTL <= 0 || gap < 0 {
		return
	}
	r.learnEarly(gap)
	r.learnFloor(gap)
	if r.every == 0 {
		r.every = gap
	}
	r.every += 0.1 * (gap - r.every)
	idle := r.usual(max(0, gap-r.kept()-late))
	r.count = r.count*discount + 1
	r.idle = r.idle*discount + idle
	r.learnNear(idle, least)
	if !r.known {
		r.rate = float32(r.estimate())
	}
}

// usual bounds an idle time by what is usual for the key: a night in which nobody
// was there, or an hour in which we were not asked, must not weigh for days.
func (r *Record) usual(idle float32) float32 {
	if r.count < 4 {
		return idle
	}
	return min(idle, 12*max(r.idle/r.count, leastIdle)+1)
}

// learnClock tells by how much longer than its TTL an answer was kept because
// the resolver's clock has whole seconds: until the end of the second in which it
// expires (as Unbound does it). That is believed of a resolver that hardly ever
// asks before, and matters where many clients ask each second.
func (r *Record) learnClock(now int64) (late float32) {
	const rate, never, tolerance = 0.3, 0.05, 0.02
	rest := float32(1 - seconds(r.Last%1e9))
	if gap := float32(seconds(now - r.Last)); r.TTL > 0 && r.floor <= r.TTL {
		before := float32(0)
		if gap < r.TTL+rest-tolerance {
			before = 1
		}
		r.before += rate * (before - r.before)
	}
	if r.before < never && r.floor <= r.TTL {
		return rest
	}
	return 0
}

// learnNear counts the gaps with less idling than the least TTL: those in which
// a cache cannot have asked another name server and let that answer expire.
func (r *Record) learnNear(idle, bound float32) {
	r.bound, r.gaps = bound, r.gaps*discount+1
	r.near, r.nears = r.near*discount, r.nears*discount
	if idle < bound {
		r.near, r.nears = r.near+idle, r.nears+1
	}
}

// learnEarly follows the low end of gap/TTL by a stochastic quantile.
func (r *Record) learnEarly(gap float32) {
	const step = 0.05
	if r.early == 0 {
		r.early = 1
	}
	switch ratio := gap / max(r.TTL, r.floor); {
	case ratio < r.early*0.98:
		r.early -= step * (1 - lowShare)
	default:
		r.early += step * lowShare
	}
	r.early = min(max(r.early, 0.05), 1)
}

// learnFloor compares two stories of some gaps that were longer than told. In
// the plain one a cache idles for gap-TTL, in the other there is a time before
// which it never asks, the shortest gap. The other is believed if it leaves less
// than 1/2.2 of the idling: of eight exponential times the least is that far
// from zero 4 times in 1,000. A floor is doubted after a hundred gaps, since
// questions after longer TTLs can not refute it.
func (r *Record) learnFloor(gap float32) {
	if r.floor > 0 {
		if gap < 0.9*r.floor {
			r.floor, r.sure, r.seen = 0, 0, 0
		} else if r.floor = min(r.floor, gap); r.sure > 0 {
			r.sure--
			return
		}
	}
	if r.seen > 0 && gap < 0.95*r.shortest {
		r.seen = 0
	}
	if r.TTL > 0.9*gap {
		return
	}
	if r.seen == 0 {
		r.shortest, r.sum, r.beyond = gap, 0, 0
	}
	r.seen++
	r.shortest, r.sum, r.beyond = min(r.shortest, gap), r.sum+gap, r.beyond+gap-r.TTL
	if r.seen == enough {
		r.judgeFloor()
	}
}

func (r *Record) judgeFloor() {
	r.seen = 0
	idle := (r.sum - enough*r.shortest) * enough / (enough - 1)
	if r.beyond < 2.2*idle || r.beyond < enough {
		r.floor = 0
		return
	}
	if r.floor == 0 { // what was counted as idle until now was the floor's
		r.count, r.idle = enough-1, max(idle, leastIdle*enough)
		r.near, r.nears, r.gaps = r.idle, r.count, r.count
	}
	r.floor, r.sure = r.shortest-idle/(enough*enough), 250 // the least of n idle times is an nth of their mean
}

// enough gaps tell a floor.
const enough = 8

// kept is how long the key keeps an answer of its last TTL, in seconds.
func (r *Record) kept() float32 { return max(r.TTL*min(r.early, 1), r.floor) }

// Floor is the resolver's own least TTL in seconds; 0 if there is none, or none
// is sure.
func (r *Record) Floor() float64 {
	if r.sure == 0 {
		return 0
	}
	return float64(r.floor)
}

// Rate is the rate of the sessions behind the key, per second.
func (r *Record) Rate() float64 { return float64(r.rate) }

func (r *Record) estimate() float64 {
	if r.shared() {
		return r.rateOfSome(float64(r.share))
	}
	return float64(r.count) / math.Max(float64(r.idle), leastIdle*float64(r.count))
}

// rateOfSome is for keys of which but a share of the questions comes here. Of
// count gaps those with idling below bound were one cycle each. The others were
// either one of more idling or some cycles, of which nothing else is known. The
// likelihood of that is greatest where
//
//	n/s - sum = (count-n) share bound e^(-s bound) / (1 - share + share e^(-s bound))
//
// for n near gaps with sum of idling.
func (r *Record) rateOfSome(share float64) float64 {
	n, sum, bound := float64(r.nears)+0.5, float64(r.near)+float64(r.bound)/4, float64(r.bound)
	others := math.Max(0, float64(r.gaps-r.nears))
	low, high := 1e-5, 1/leastIdle
	for range 32 {
		s := math.Sqrt(low * high)
		e := math.Exp(-s * bound)
		if n/s-sum > others*share*bound*e/(1-share+share*e) {
			low = s
		} else {
			high = s
		}
	}
	return low
}

// busy tells whether nearly all of the gaps that are whole cycles must be among
// the near ones. Near gaps of a light key idle for half of the bound on average,
// and few of them for much less by luck: three standard deviations of their mean
// must lie between.
func (r *Record) busy() bool {
	if r.nears < 4 || r.floorLike() {
		return false
	}
	mean, luck := r.near/r.nears, 3*r.bound/float32(math.Sqrt(12*float64(r.nears)))
	return mean < min(r.bound/4, r.bound/2-luck)
}

// floorLike tells whether a floor is about to be found: its gaps look as if
// questions had been missed too, but are alike.
func (r *Record) floorLike() bool {
	return r.floor == 0 && r.seen >= 2 && r.shortest*float32(r.seen) > 0.8*r.sum
}

// shared tells whether the key's questions go to other name servers as well.
func (r *Record) shared() bool { return r.share > 0 && r.share < 0.7 }

// Known is from how many gaps on a key is known well enough to be left alone.
const Known = 6

// Certainty is how many gaps tell of the key's rate. Where questions are missed,
// or may be, it is those that are whole cycles for sure, or as many as can be
// expected to be.
func (r *Record) Certainty() float64 {
	switch {
	case r.known:
		return math.Inf(1)
	case r.share == 0:
		return float64(max(r.nears, r.gaps/2))
	case r.shared():
		return float64(max(r.nears, r.gaps*r.share/2))
	}
	return float64(r.count)
}

// Caches is how many caches seem to be behind the key.
func (r *Record) Caches() float64 {
	if r.early >= 0.5 || r.early == 0 || r.count < 4 {
		return 1
	}
	gap := float64(r.idle/r.count) + float64(r.kept())
	return math.Max(1, math.Min(float64(r.TTL)/math.Max(gap, leastIdle), 1000))
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }
