package pace

// Limits are where a server counts as overloaded, and where again not. Between
// them it stays what it was.
type Limits struct {
	High float64 // overloaded above
	Low  float64 // no longer below
}

// ClearAfter is how many samples in a row must be below Low to end the alarm.
// One above High starts it: clients turned away for a few seconds too many
// cost less than clients sent into an overloaded server. Each change is a
// write in Consul, so an alarm must not come and go with every sample.
const ClearAfter = 3

// Alarm is the one-bit state of being overloaded.
type Alarm struct {
	On   bool
	calm int // samples in a row below Low while on
}

// Next is the alarm after a sample with this load.
func (a Alarm) Next(l Limits, load float64) Alarm {
	switch {
	case !a.On:
		return Alarm{On: load > l.High}
	case load >= l.Low:
		return Alarm{On: true}
	case a.calm+1 >= ClearAfter:
		return Alarm{}
	}
	return Alarm{On: true, calm: a.calm + 1}
}
