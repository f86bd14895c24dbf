package belief

import "sync/atomic"

// Whole is the demand of all keys together, as the unit of masses.
const Whole = 1 << 32

// Of makes a mass of a share, 0..1.
func Of(share float64) int64 { return int64(share * Whole) }

// buckets is in how many steps the time until answers expire is told apart.
const buckets = 64

// book notes which server was told to how much demand, and until when: a ring
// of buckets in time for each server. Answers are noted without locks.
type book struct {
	number uint8 // of all books of a belief, in turn
	width  int64 // of a bucket, in nanoseconds
	slots  int
	cells  []atomic.Int64 // slot*buckets + bucket
	recent []atomic.Int64 // by slot: told since the last table was made
}

// newBook can hold answers that last up to horizon, in nanoseconds.
func newBook(slots int, horizon int64) *book {
	return (&book{}).next(slots, widthOf(horizon))
}

// next is an empty book after b.
func (b *book) next(slots int, width int64) *book {
	return &book{
		number: b.number + 1,
		width:  width,
		slots:  slots,
		cells:  make([]atomic.Int64, slots*buckets),
		recent: make([]atomic.Int64, slots),
	}
}

// leastWidth is well above the time from one Advance to the next, which must not
// be longer than the few buckets that a ring is larger than the horizon.
const leastWidth = 5e8

func widthOf(horizon int64) int64 { return max(horizon/(buckets-4), leastWidth) }

// cell is where what expires at until is kept; nil if that is over.
func (b *book) cell(slot uint16, until, now int64) *atomic.Int64 {
	first, n := now/b.width+1, (until+b.width/2)/b.width
	if n < first || int(slot) >= b.slots {
		return nil
	}
	n = min(n, first+buckets-2)
	return &b.cells[int(slot)*buckets+int(n%buckets)]
}

// tell notes that the server was told to so much demand until then.
func (b *book) tell(slot uint16, mass, until, now int64) {
	if c := b.cell(slot, until, now); c != nil {
		c.Add(mass)
	}
	if int(slot) < b.slots {
		b.recent[slot].Add(mass)
	}
}

// withdraw undoes tell: the key has another answer from now on.
func (b *book) withdraw(slot uint16, mass, until, now int64) {
	if c := b.cell(slot, until, now); c != nil {
		c.Add(-mass)
	}
}

// told is the demand that the server is told to by answers that last.
func (b *book) told(slot int) (sum int64) {
	for i := range buckets {
		sum += b.cells[slot*buckets+i].Load()
	}
	return max(sum, 0)
}

// expire forgets what expires with the nth bucket.
func (b *book) expire(n int64) {
	for slot := range b.slots {
		b.cells[slot*buckets+int(n%buckets)].Store(0)
	}
}

// grown is a book for more servers that goes on where b stands.
func (b *book) grown(slots int) *book {
	next := &book{number: b.number, width: b.width, slots: slots, cells: make([]atomic.Int64, slots*buckets), recent: make([]atomic.Int64, slots)}
	for i := range b.cells {
		next.cells[i].Store(b.cells[i].Load())
	}
	for i := range b.recent {
		next.recent[i].Store(b.recent[i].Load())
	}
	return next
}

// forget clears a slot for another server.
func (b *book) forget(slot int) {
	for i := range buckets {
		b.cells[slot*buckets+i].Store(0)
	}
	b.recent[slot].Store(0)
}

// residual is the demand that the server is told to, times the seconds for
// which it is.
func (b *book) residual(slot uint16, now int64) (sum float64) {
	first := now/b.width + 1
	for n := first; n < first+buckets-1; n++ {
		mass := b.cells[int(slot)*buckets+int(n%buckets)].Load()
		sum += float64(mass) / Whole * float64(n*b.width-now) / 1e9
	}
	return sum
}
