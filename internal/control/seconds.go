package control

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Seconds is a duration that travels as a JSON number of seconds, as TTLs do
// everywhere in DNS. Whole seconds have no fraction on the wire; finer ones
// are kept to the millisecond.
type Seconds time.Duration

// Duration is s in Go's own type.
func (s Seconds) Duration() time.Duration { return time.Duration(s) }

// String writes s as Go writes durations.
func (s Seconds) String() string { return time.Duration(s).String() }

// MarshalJSON writes a number of seconds.
func (s Seconds) MarshalJSON() ([]byte, error) {
	d := time.Duration(s)
	if d%time.Second == 0 {
		return json.Marshal(int64(d / time.Second))
	}
	return json.Marshal(d.Round(time.Millisecond).Seconds())
}

// UnmarshalJSON reads a number of seconds.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var v float64
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("seconds: %s is not a number", b)
	}
	if math.Abs(v) > math.MaxInt64/float64(time.Second) {
		return fmt.Errorf("seconds: %s is too long", b)
	}
	*s = Seconds(time.Duration(math.Round(v*1000)) * time.Millisecond)
	return nil
}
