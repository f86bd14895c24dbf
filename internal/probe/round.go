package probe

import (
	"errors"
	"fmt"
)

// round tells when every address was asked once more. An address that is
// never done, because its check hangs, keeps the round from completing and so
// shows as a pool that nobody confirms.
type round struct {
	number uint64 // counts from 1
	active int    // addresses that are asked
	behind int    // of those, not done in this round
}

func (r *round) begin(active int) { *r = round{number: 1, active: active, behind: active} }

// done counts a check that ended and tells whether it completed the round. A
// last one is never asked again.
func (r *round) done(t *task, last bool) bool {
	if t.round < r.number {
		t.round = r.number
		r.behind--
	}
	if last {
		r.active--
	}
	if r.behind > 0 {
		return false
	}
	r.number++
	r.behind = r.active
	return true
}

// tally counts what the last check of each address came to.
type tally struct {
	addresses int
	last      [unableTo + 1]int // addresses by verdict of their last check
	text      [unableTo + 1]string
}

// verdict is what a check's error amounts to.
type verdict uint8

const (
	unasked verdict = iota
	passed
	failed
	unableTo
)

func verdictOf(err error) verdict {
	switch {
	case err == nil:
		return passed
	case errors.Is(err, ErrUnable):
		return unableTo
	}
	return failed
}

func (c *tally) count(t *task, err error) {
	v := verdictOf(err)
	c.last[t.verdict]--
	c.last[v]++
	t.verdict = v
	if err != nil {
		c.text[v] = bounded(err.Error())
	}
}

// trouble says what is wrong with the checks as a whole; empty if nothing is.
func (c *tally) trouble() string {
	n := c.last[unableTo]
	switch {
	case n > 0:
		return fmt.Sprintf("%d of %d checks cannot be made: %s", n, c.addresses, c.text[unableTo])
	case c.addresses == 0 || c.last[failed] < c.addresses:
		return ""
	case c.addresses == 1:
		return "the only check fails: " + c.text[failed]
	}
	return fmt.Sprintf("all %d checks fail: %s", c.addresses, c.text[failed])
}
