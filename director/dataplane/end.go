package dataplane

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf"
)

// ethernetHeader is its length in bytes.
const ethernetHeader = 14

// End ends the connection that a packet with that tuple belongs to, whatever
// its state, as if its time were over. It tells whether there was one.
func (p *Plane) End(t bpf.Tuple) (bool, error) {
	var frame bytes.Buffer
	frame.Write(make([]byte, ethernetHeader))
	if err := binary.Write(&frame, binary.NativeEndian, t); err != nil {
		return false, fmt.Errorf("end a connection: %w", err)
	}
	ended, err := p.end.Run(&ebpf.RunOptions{Data: frame.Bytes()})
	if err != nil {
		return false, fmt.Errorf("end a connection: %w", err)
	}
	return ended == 1, nil
}
