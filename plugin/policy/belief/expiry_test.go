package belief

import (
	"math"
	"testing"
	"time"
)

// ahead is what is foretold of a slot at one time.
func (b *Belief) aheadOf(slot uint16, seconds float64, shares []float64) float64 {
	b.Foretell([]float64{seconds}, shares, 1)
	return b.Table().Ahead(slot)[0]
}

// TestWithdraw: a key with a new answer is not told the old one.
func TestWithdraw(t *testing.T) {
	shares := []float64{0.5, 0.5}
	b, never := made(0.5, 0.5), made(0.5, 0.5)
	until := start + int64(200*time.Second)
	b.Tell(0, Of(0.3), until, start)
	b.Tell(1, Of(0.1), until, start)
	never.Tell(1, Of(0.1), until, start)
	if b.aheadOf(0, 100, shares) <= never.aheadOf(0, 100, shares) {
		t.Fatal("it makes no difference what is told")
	}
	b.Advance(shares, start+int64(50*time.Second))
	b.Withdraw(0, Of(0.3), until, start+int64(50*time.Second))
	for range 1000 {
		b.Advance(shares, b.last+int64(3*time.Second))
		never.Advance(shares, b.last)
	}
	if !alike(b.loads(), never.loads(), 1e-4) {
		t.Errorf("loads %v, and %v if it had never been told", b.loads(), never.loads())
	}
	b.Withdraw(0, Of(0.9), start, b.last) // it is over anyway
	if told := b.book.Load().told(0); told != 0 {
		t.Errorf("%d are told after a withdrawal that came too late", told)
	}
}

// TestRecent is what was told since the table was made.
func TestRecent(t *testing.T) {
	b := made(0.5, 0.5)
	b.Foretell([]float64{30}, []float64{0.5, 0.5}, 1)
	b.Tell(1, Of(0.25), start+int64(time.Minute), start)
	b.Tell(1, Of(0.25), start, start) // expired: it steered somebody all the same
	if got := b.Recent(1); math.Abs(got-0.5) > 1e-6 || b.Recent(0) != 0 {
		t.Errorf("recent %v and %v", b.Recent(0), got)
	}
	b.Foretell([]float64{30}, []float64{0.5, 0.5}, 1)
	if got := b.Recent(1); got != 0 {
		t.Errorf("recent %v after a new table", got)
	}
	if b.Recent(7) != 0 {
		t.Error("an unknown slot has been told something")
	}
}

// TestHorizon: answers that last longer than can be told apart count until then.
func TestHorizon(t *testing.T) {
	shares := []float64{0.5, 0.5}
	b := made(0.5, 0.5)
	b.Tell(0, Of(1), start+int64(24*time.Hour), start)
	if got, want := b.aheadOf(0, 600, shares), 1-0.5*math.Exp(-2); math.Abs(got-want) > 0.01 {
		t.Errorf("in 600 s %.3f, want %.3f", got, want)
	}
	b.Advance(shares, start+int64(600*time.Second))
	if told := b.book.Load().told(0); told == 0 {
		t.Error("within the horizon it was forgotten")
	}
	b.Advance(shares, start+int64(700*time.Second))
	if told := b.book.Load().told(0); told != 0 {
		t.Error("it is still told after the horizon")
	}
}

// TestExpiryInSteps: whether time passes in small steps or at once.
func TestExpiryInSteps(t *testing.T) {
	shares := []float64{0.6, 0.4}
	tell := func(b *Belief) {
		for i := range 40 {
			b.Tell(uint16(i%2), Of(0.02), start+int64(i)*int64(13*time.Second), start)
		}
	}
	for _, passed := range []time.Duration{time.Second, 95 * time.Second, 10 * time.Minute, 24 * time.Hour} {
		end := start + int64(passed)
		steps, leap := made(0.5, 0.5), made(0.5, 0.5)
		tell(steps)
		tell(leap)
		for now := start; now < end; now += max(int64(passed)/5000, int64(700*time.Millisecond)) {
			steps.Advance(shares, now)
		}
		steps.Advance(shares, end)
		leap.Advance(shares, end)
		if !alike(steps.loads(), leap.loads(), 0.005) {
			t.Errorf("after %v %.4f in steps, %.4f at once", passed, steps.loads(), leap.loads())
		}
	}
}

// TestClockSetBack: a step that is smaller than a bucket is waited out; after a
// larger one the loads stay, and what was told is forgotten, since nothing would
// expire for so long.
func TestClockSetBack(t *testing.T) {
	b, shares := made(0.5, 0.5), []float64{0.5, 0.5}
	b.Advance(shares, start+int64(time.Hour))
	b.Tell(0, Whole, start+int64(time.Hour+time.Minute), start+int64(time.Hour))
	book, at := b.Book(), b.last
	b.Advance(shares, at-int64(time.Second))
	if b.last != at || b.Book() != book {
		t.Errorf("a second back: at %d, book %d, want %d, %d", b.last, b.Book(), at, book)
	}
	b.Advance(shares, start)
	if b.last != start || b.Book() == book || b.Residual(0, start) != 0 {
		t.Errorf("an hour back: at %d, book %d, %v s told", b.last, b.Book(), b.Residual(0, start))
	}
	b.Advance(shares, start+int64(time.Minute))
	if got := b.Load(0); got < 0.49 || got > 0.51 {
		t.Errorf("afterwards load %v", got)
	}
}

// TestResidual is what is told, each part times the seconds for which it is.
func TestResidual(t *testing.T) {
	b := made(0.5, 0.5)
	b.Tell(0, Of(0.5), start+int64(100*time.Second), start)
	b.Tell(0, Of(0.1), start+int64(300*time.Second), start)
	for _, c := range []struct {
		after time.Duration
		want  float64
	}{{0, 0.5*100 + 0.1*300}, {50 * time.Second, 0.5*50 + 0.1*250}, {200 * time.Second, 0.1 * 100}, {time.Hour, 0}} {
		now := start + int64(c.after)
		b.Advance([]float64{0.5, 0.5}, now)
		if got := b.Residual(0, now); math.Abs(got-c.want) > 3 || b.Residual(1, now) != 0 {
			t.Errorf("after %v: %v, want %v", c.after, got, c.want)
		}
	}
}
