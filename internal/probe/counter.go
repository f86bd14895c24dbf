package probe

// Counter turns single results into up or down: it takes rise successes in a
// row to come up and fall failures in a row to go down, but the first result
// ever decides at once. It is a value; the zero Counter changes with every
// result.
type Counter struct {
	rise, fall int
	known, up  bool
	against    int // results in a row that contradict up
}

// NewCounter makes a Counter. Numbers below 1 count as 1.
func NewCounter(rise, fall int) Counter { return Counter{rise: rise, fall: fall} }

// Observe takes one result and tells whether up changed, or became known.
func (c *Counter) Observe(ok bool) bool {
	if c.known && ok == c.up {
		c.against = 0
		return false
	}
	c.against++
	if c.known && c.against < c.need() {
		return false
	}
	c.known, c.up, c.against = true, ok, 0
	return true
}

// Restore starts the Counter from what was known earlier: up or down, and the
// results it then took to change that, clipped to what is possible.
func (c *Counter) Restore(up bool, remaining int) {
	c.known, c.up = true, up
	c.against = c.need() - max(1, min(remaining, c.need()))
}

// Known tells whether there was any result.
func (c Counter) Known() bool { return c.known }

// Up is the present state; false unless Known.
func (c Counter) Up() bool { return c.up }

// Against is the number of results in a row that contradict the state.
func (c Counter) Against() int { return c.against }

// Remaining is how many results in a row it still takes to change the state.
func (c Counter) Remaining() int {
	if !c.known {
		return 1
	}
	return c.need() - c.against
}

// need is how many contradicting results in a row change the state.
func (c Counter) need() int {
	if c.up {
		return max(1, c.fall)
	}
	return max(1, c.rise)
}
