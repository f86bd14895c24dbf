package route

import (
	"context"
	"errors"
	"net/netip"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// Settle is how long Watch collects changes before it tells them.
	Settle = 50 * time.Millisecond
	// rest is the pause after the socket failed.
	rest = time.Second
)

// Neighbour is a station on a link.
type Neighbour struct {
	Addr    netip.Addr
	Ifindex int
}

// Watch tells changes until ctx ends, and returns nil then. changed is called
// once at the start and then at most once in Settle, after interfaces,
// addresses or routes have changed. failed is called for neighbours that do
// not answer ARP or neighbour solicitations any more, which the kernel notices
// where there is traffic to them; one that answers within Settle, or that was
// only deleted, is not told. Both are called one at a time. If changes come
// faster than they are read, changed is called, but a failed neighbour may
// stay unsaid. Watch may be called once; it ends the subscription.
func (t *Table) Watch(ctx context.Context, changed func(), failed func(Neighbour)) error {
	stop := context.AfterFunc(ctx, t.events.close)
	defer stop()
	messages, done := make(chan []syscall.NetlinkMessage), make(chan struct{})
	go func() {
		defer close(done)
		receive(ctx, t.events, messages)
	}()
	tell(ctx, messages, changed, failed)
	<-done
	return nil
}

// source is where messages come from. An error may pass.
type source interface {
	next() ([]syscall.NetlinkMessage, error)
}

// receive hands messages on until ctx ends. No message at all stands for lost
// ones: the reader must look for itself.
func receive(ctx context.Context, from source, to chan<- []syscall.NetlinkMessage) {
	for ctx.Err() == nil {
		messages, err := from.next()
		if err != nil && !errors.Is(err, unix.ENOBUFS) {
			pause(ctx, rest)
		}
		select {
		case to <- messages:
		case <-ctx.Done():
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// tell collects messages for Settle before it calls.
func tell(ctx context.Context, messages <-chan []syscall.NetlinkMessage, changed func(), failed func(Neighbour)) {
	changed()
	var timer <-chan time.Time
	batch := newBatch()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-messages:
			if batch.add(m); !batch.empty() && timer == nil {
				timer = time.After(Settle)
			}
		case <-timer:
			batch.tell(changed, failed)
			timer, batch = nil, newBatch()
		}
	}
}

// batch is what came within Settle.
type batch struct {
	changed bool
	failed  map[Neighbour]bool
}

func newBatch() batch { return batch{failed: make(map[Neighbour]bool)} }

func (b *batch) empty() bool { return !b.changed && len(b.failed) == 0 }

func (b *batch) add(messages []syscall.NetlinkMessage) {
	b.changed = b.changed || len(messages) == 0
	for _, m := range messages {
		switch m.Header.Type {
		case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
			b.neighbour(m)
		case unix.RTM_GETNEIGH: // the kernel asks an ARP daemon
		default:
			b.changed = true
		}
	}
}

// neighbour notes a failure, and forgets it if the entry is deleted: the
// kernel announces a deletion by hand (ip neigh flush) as a failure first.
func (b *batch) neighbour(m syscall.NetlinkMessage) {
	if len(m.Data) < unix.SizeofNdMsg {
		return
	}
	n, err := netlink.NeighDeserialize(m.Data)
	if err != nil {
		return
	}
	addr, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return // of a bridge's forwarding table
	}
	key := Neighbour{addr.Unmap(), n.LinkIndex}
	if m.Header.Type == unix.RTM_NEWNEIGH && n.State == unix.NUD_FAILED {
		b.failed[key] = true
	} else {
		delete(b.failed, key)
	}
}

func (b *batch) tell(changed func(), failed func(Neighbour)) {
	if b.changed {
		changed()
	}
	for n := range b.failed {
		failed(n)
	}
}
