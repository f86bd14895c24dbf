package pool

import "fmt"

// Health is a server's state as its checks tell it.
type Health uint8

// The states. Unknown is the zero value: no check has finished yet.
const (
	Unknown Health = iota
	Passing
	Warning  // overloaded: the one-bit alarm
	Critical // down
	Drained  // taken out on purpose: keeps what it has, gets nothing new
)

var healthNames = [...]string{"unknown", "passing", "warning", "critical", "drained"}

func (h Health) String() string {
	if int(h) < len(healthNames) {
		return healthNames[h]
	}
	return fmt.Sprintf("health(%d)", uint8(h))
}

// Alive tells whether a server in this state may be given new clients. A
// server that has not been checked yet counts as alive: answering with it
// beats answering with nothing.
func (h Health) Alive() bool { return h == Passing || h == Warning || h == Unknown }

// MarshalText writes the state's name.
func (h Health) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads a state's name.
func (h *Health) UnmarshalText(b []byte) error {
	for i, name := range healthNames {
		if name == string(b) {
			*h = Health(i)
			return nil
		}
	}
	return fmt.Errorf("unknown health %q", b)
}
