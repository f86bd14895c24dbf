package address

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// nothing is an Ethernet type that no protocol has (IEEE 802, local
// experimental): a socket bound to it hears nothing. It cannot be bound to
// none again.
const nothing = 0x88b5

// wire is a packet socket. It is opened once, since later the program may have
// dropped CAP_NET_RAW.
type wire struct {
	file *os.File
}

func openWire() (*wire, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket (needs CAP_NET_RAW): %w", err)
	}
	return &wire{os.NewFile(uintptr(fd), "packet socket")}, nil
}

func (w *wire) close() { _ = w.file.Close() } // nothing is lost with it

// with calls f with the socket's descriptor.
func (w *wire) with(f func(fd int) error) error {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// send sends a frame. A queue that is full loses it, as any frame may be lost.
func (w *wire) send(index int, frame []byte) error {
	ethertype := binary.BigEndian.Uint16(frame[etherLen-2:])
	to := linkLayer(ethertype, index)
	return w.with(func(fd int) error { return unix.Sendto(fd, frame, 0, to) })
}

func linkLayer(ethertype uint16, index int) *unix.SockaddrLinklayer {
	wireOrder := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, ethertype))
	return &unix.SockaddrLinklayer{Protocol: wireOrder, Ifindex: index}
}

// asks is how often the neighbours are asked: a frame may be lost.
const asks = 2

// probe asks the neighbours for an address, and returns a ConflictError if one
// of them answers within the time.
func (w *wire) probe(ctx context.Context, link *netlink.LinkAttrs, addr netip.Addr, wait time.Duration) error {
	who, err := w.ask(ctx, link, addr, wait)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("ask who has %s on %s: %w", addr, link.Name, err)
	}
	if who != nil {
		return &ConflictError{addr, who, link.Name}
	}
	return nil
}

// ask returns who has an address, or nil.
func (w *wire) ask(ctx context.Context, link *netlink.LinkAttrs, addr netip.Addr, wait time.Duration) (who net.HardwareAddr, err error) {
	f := familyOf(addr)
	if err := w.listen(f.ethertype, link.Index, f.answers); err != nil {
		return nil, err
	}
	defer w.hush(link.Index)
	for range asks {
		if err := w.send(link.Index, f.ask(link.HardwareAddr, addr)); err != nil {
			return nil, err
		}
		who, err = w.answer(ctx, time.Now().Add(wait/asks), func(frame []byte) (net.HardwareAddr, bool) {
			mac, ok := f.owner(frame, addr)
			return mac, ok && !bytes.Equal(mac, link.HardwareAddr)
		})
		if who != nil || err != nil || ctx.Err() != nil {
			break
		}
	}
	return who, err
}

// answer reads frames until one tells an owner, or the time or ctx ends.
func (w *wire) answer(ctx context.Context, until time.Time, owner func([]byte) (net.HardwareAddr, bool)) (net.HardwareAddr, error) {
	if err := w.file.SetReadDeadline(until); err != nil {
		return nil, err
	}
	defer w.interrupt(ctx)()
	for frame := make([]byte, 2048); ; {
		n, err := w.file.Read(frame)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if mac, ok := owner(frame[:n]); ok {
			return bytes.Clone(mac), nil
		}
	}
}

// interrupt ends reads when ctx does, until the function that it returns is
// called.
func (w *wire) interrupt(ctx context.Context) func() {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = w.file.SetReadDeadline(time.Unix(1, 0)) // the time as such says nothing
		close(done)
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// hush has the socket hear nothing, and forgets what it has heard.
func (w *wire) hush(index int) {
	_ = w.listen(nothing, index, []bpf.Instruction{bpf.RetConstant{Val: 0}}) // at worst it hears on, unread
	_ = w.with(func(fd int) error {
		for b := make([]byte, 1); ; {
			if _, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT); err != nil {
				return err // EAGAIN: empty
			}
		}
	})
}

// listen has the socket hear frames of a type on a link that pass a filter.
func (w *wire) listen(ethertype uint16, index int, filter []bpf.Instruction) error {
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return err
	}
	program := make([]unix.SockFilter, 0, len(raw))
	for _, i := range raw {
		program = append(program, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	return w.with(func(fd int) error {
		p := &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, p); err != nil {
			return fmt.Errorf("attach a filter: %w", err)
		}
		return unix.Bind(fd, linkLayer(ethertype, index))
	})
}
