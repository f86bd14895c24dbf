package agent

// Limits are where a server counts as overloaded, and where again not. Between
// them it stays what it was.
type Limits struct {
	High float64 // overloaded above
	Low  float64 // no longer below
}

// Overloaded is the one-bit alarm, given what it was and the load now.
func (l Limits) Overloaded(was bool, load float64) bool {
	if was {
		return load >= l.Low
	}
	return load > l.High
}
