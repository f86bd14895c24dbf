package belief

import (
	"math"
	"sync/atomic"
	"time"
)

// leastShare keeps every server's believed load above 0: what is 0 can not be
// corrected by a factor.
const leastShare = 1e-6

// Belief is what is believed of the servers' loads. Tell, Withdraw and Table
// may be called at any time; the rest by one goroutine at a time.
type Belief struct {
	tau   float64 // seconds
	book  atomic.Pointer[book]
	table atomic.Pointer[Table]

	load    []float64 // by slot, as believed at last
	last    int64     // nanoseconds
	settled int64     // nanoseconds
}

// New believes in sessions of the mean length tau, and in answers that last up
// to horizon.
func New(tau, horizon time.Duration) *Belief {
	b := &Belief{tau: tau.Seconds()}
	b.book.Store(newBook(0, int64(horizon)))
	b.table.Store(&Table{})
	return b
}

// Fit makes room for so many servers, whose slots are 0 and up, and for answers
// that last up to horizon.
func (b *Belief) Fit(slots int, horizon time.Duration) {
	k := b.book.Load()
	if k.width != widthOf(int64(horizon)) {
		b.book.Store(k.next(max(slots, k.slots), widthOf(int64(horizon)))) // forgetting is but a longer way to the truth
	} else if slots > k.slots {
		b.book.Store(k.grown(slots))
	}
	for len(b.load) < slots {
		b.load = append(b.load, 0)
	}
}

// Stay changes the mean length of sessions.
func (b *Belief) Stay(tau time.Duration) { b.tau = tau.Seconds() }

// Forget clears a slot that another server will have.
func (b *Belief) Forget(slot int) {
	b.book.Load().forget(slot)
	b.load[slot] = 0
}

// Tell notes that a server was told to so much demand, until then; both times
// in nanoseconds.
func (b *Belief) Tell(slot uint16, mass, until, now int64) {
	b.book.Load().tell(slot, mass, until, now)
}

// Book numbers what is told: a new one begins when answers may last longer or
// shorter than before, and nothing can be withdrawn from it that an older one was
// told.
func (b *Belief) Book() uint8 { return b.book.Load().number }

// Withdraw undoes Tell before its time.
func (b *Belief) Withdraw(slot uint16, mass, until, now int64) {
	b.book.Load().withdraw(slot, mass, until, now)
}

// Recent is the demand that a server was told to since the table was made, as
// a share.
func (b *Belief) Recent(slot uint16) float64 {
	k := b.book.Load()
	if int(slot) >= k.slots {
		return 0
	}
	return float64(k.recent[slot].Load()) / Whole
}

// Settle makes loads what the capacity says, as at a start, and calls that a
// guess for some time, in nanoseconds.
func (b *Belief) Settle(shares []float64, now, guess int64) {
	copy(b.load, shares)
	b.last, b.settled = now, now+guess
}

// Started tells whether Settle was called.
func (b *Belief) Started() bool { return b.last != 0 }

// Advance moves the belief on to now. shares are the servers' shares of the
// capacity, by slot.
func (b *Belief) Advance(shares []float64, now int64) {
	k := b.book.Load()
	if now < b.last-k.width { // the clock was set back: what was told has other times
		b.book.Store(k.next(k.slots, k.width))
		b.last = now
		return
	}
	for i := 0; b.last < now; i++ {
		n := b.last/k.width + 1 // the bucket that expires next
		next := min(now, n*k.width)
		if i > buckets { // nothing that was told then lasts
			next = now
		}
		b.relax(k, shares, float64(next-b.last)/1e9)
		b.last = next
		if next == n*k.width {
			k.expire(n)
		}
	}
}

// relax moves loads towards what is told, for dt seconds.
func (b *Belief) relax(k *book, shares []float64, dt float64) {
	keep := math.Exp(-dt / b.tau)
	var all float64
	for i := range b.load {
		told := float64(k.told(i)) / Whole
		all += told
		b.load[i] = b.load[i]*keep + told*(1-keep)
	}
	rest, sum := max(0, 1-all), 0.0
	for i := range b.load {
		b.load[i] = max(b.load[i]+shareOf(shares, i)*rest*(1-keep), leastShare)
		sum += b.load[i]
	}
	b.scale(1 / sum)
}

func (b *Belief) scale(by float64) {
	for i := range b.load {
		b.load[i] *= by
	}
}

func shareOf(shares []float64, i int) float64 {
	if i < len(shares) {
		return shares[i]
	}
	return 0
}

// Observe corrects loads by what was measured: by slot in any one unit, NaN
// where nothing was. gain is the part of the way, as an exponent. Servers that
// were not measured keep their load.
func (b *Belief) Observe(measured []float64, gain float64) {
	var total, believed float64
	for i, m := range measured {
		if !math.IsNaN(m) {
			total += m
			believed += b.load[i]
		}
	}
	if total <= 0 || believed <= 0 || gain <= 0 {
		return
	}
	sum := 0.0
	for i, m := range measured {
		if !math.IsNaN(m) {
			ratio := (m / total) / (b.load[i] / believed)
			b.load[i] *= math.Pow(min(max(ratio, 0.1), 10), gain)
		}
	}
	for i := range b.load {
		b.load[i] = max(b.load[i], leastShare)
		sum += b.load[i]
	}
	b.scale(1 / sum)
}

// Load is the believed load of a slot.
func (b *Belief) Load(slot int) float64 { return b.load[slot] }

// Residual is the demand that a server is told to, each part of it times the
// seconds that its answer still lasts.
func (b *Belief) Residual(slot uint16, now int64) float64 { return b.book.Load().residual(slot, now) }
