package dataplane

import (
	"fmt"

	"github.com/ballast-lb/ballast/director/bpf"
)

// ethernetHeader is its length in bytes.
const ethernetHeader = 14

// End ends the connection that a packet with that tuple belongs to, whatever
// its state, as if its time were over. It tells whether there was one.
func (p *Plane) End(t bpf.Tuple) (bool, error) {
	key := tupleBytes(t)
	ended, err := onNothing(p.end, key[:])
	if err != nil {
		return false, fmt.Errorf("end a connection: %w", err)
	}
	return ended == 1, nil
}
