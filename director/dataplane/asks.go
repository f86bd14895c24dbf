package dataplane

import (
	"context"
	"errors"
	"fmt"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/cilium/ebpf/ringbuf"
)

// Asks calls f with what the datapath asks user space to do, until ctx ends,
// whose error it then returns. One call at a time.
func (p *Plane) Asks(ctx context.Context, f func(bpf.Ask)) error {
	p.mu.Lock()
	if p.asking {
		p.mu.Unlock()
		return errors.New("read asks: they are being read already")
	}
	p.asking = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.asking = false
		p.mu.Unlock()
	}()
	rd, err := ringbuf.NewReader(p.set.maps["asks"])
	if err != nil {
		return fmt.Errorf("read asks: %w", err)
	}
	defer rd.Close()
	defer context.AfterFunc(ctx, func() { rd.Close() })()
	for {
		rec, err := rd.Read()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read asks: %w", err)
		}
		if a, ok := askOf(rec.RawSample); ok {
			f(a)
		}
	}
}

// askOf reads a record; false if it is too short or its length cannot be.
func askOf(raw []byte) (a bpf.Ask, ok bool) {
	b := bytesOf(&a)
	if copy(b, raw) < len(b) || int(a.Len) > len(a.Head) {
		return bpf.Ask{}, false
	}
	return a, true
}
