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
// repetition, not news. It may be a moment before too, where one question
// overtook the other or another name server tells of it late.
func (r *Record) Repeats(now int64) bool {
	return r.TTL > 0 && math.Abs(seconds(now-r.Last)) < again
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
