package hidden

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
