//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Frame is one Ethernet frame that was seen. Checksums of what the namespace
// itself sends may be missing yet, and segments larger than the MTU, unless
// SetOffload turned that off.
type Frame struct {
	At   time.Time
	Out  bool // it left by the interface
	Data []byte
}

// Sniffer sees what passes an interface.
type Sniffer struct {
	Frames <-chan Frame // closed by Close

	file    *os.File
	dropped atomic.Int64
	done    sync.WaitGroup
}

// sniffBuffer is how many frames may wait for the reader.
const sniffBuffer = 4096

// Sniff begins to see what passes an interface, both ways. Only frames for
// which match is true are kept; nil stands for all. match may not keep its
// argument.
func (n *Node) Sniff(ifname string, match func(frame []byte) bool) (*Sniffer, error) {
	var fd int
	err := n.link(ifname, "sniff", func(l netlink.Link) (err error) {
		fd, err = n.packetSocket(l.Attrs().Index)
		return err
	})
	if err != nil {
		return nil, err
	}
	frames := make(chan Frame, sniffBuffer)
	s := &Sniffer{Frames: frames, file: os.NewFile(uintptr(fd), "sniff "+ifname)}
	s.done.Go(func() {
		defer close(frames)
		s.read(frames, match)
	})
	return s, nil
}

// packetSocket is bound to one interface: see packet(7).
func (n *Node) packetSocket(index int) (fd int, err error) {
	err = n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return 0, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20) // the default does too
	all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: index}); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func (s *Sniffer) read(frames chan<- Frame, match func([]byte) bool) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 1<<17)
	for {
		var size int
		var from unix.Sockaddr
		var trouble error
		err := raw.Read(func(fd uintptr) bool {
			size, from, trouble = unix.Recvfrom(int(fd), buf, 0)
			return !errors.Is(trouble, unix.EAGAIN)
		})
		if err != nil {
			return // Close
		}
		if trouble != nil || match != nil && !match(buf[:size]) {
			continue // ENETDOWN: the interface may come back
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		select {
		case frames <- Frame{time.Now(), ok && link.Pkttype == unix.PACKET_OUTGOING, append([]byte(nil), buf[:size]...)}:
		default:
			s.dropped.Add(1)
		}
	}
}

// Dropped is how many frames found the channel full.
func (s *Sniffer) Dropped() int64 { return s.dropped.Load() }

// Close ends it. Frames that wait can still be read.
func (s *Sniffer) Close() {
	_ = s.file.Close() // it was only read
	s.done.Wait()
}

// Inject sends an Ethernet frame out of an interface as it is.
func (n *Node) Inject(ifname string, frame []byte) error {
	return n.link(ifname, "send a frame by", func(l netlink.Link) error {
		fd, err := n.packetSocket(l.Attrs().Index)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: l.Attrs().Index})
	})
}

// Capture is a file in the format of pcap(3) that grows until Close.
type Capture struct {
	sniffer *Sniffer
	file    *os.File
	done    sync.WaitGroup
	err     error
}

// Capture writes what passes an interface to a file for tcpdump and Wireshark.
func (n *Node) Capture(ifname, path string) (*Capture, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	sniffer, err := n.Sniff(ifname, nil)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	c := &Capture{sniffer: sniffer, file: file}
	c.done.Go(c.write)
	return c, nil
}

// The magic number says that times are in nanoseconds; the last word is
// LINKTYPE_ETHERNET.
func (c *Capture) write() {
	const snaplen = 1 << 18
	header := binary.LittleEndian.AppendUint32(nil, 0xa1b23c4d)
	header = append(header, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	header = binary.LittleEndian.AppendUint32(header, snaplen)
	header = binary.LittleEndian.AppendUint32(header, 1)
	_, c.err = c.file.Write(header)
	for f := range c.sniffer.Frames {
		record := binary.LittleEndian.AppendUint32(nil, uint32(f.At.Unix()))
		record = binary.LittleEndian.AppendUint32(record, uint32(f.At.Nanosecond()))
		record = binary.LittleEndian.AppendUint32(record, uint32(len(f.Data)))
		record = binary.LittleEndian.AppendUint32(record, uint32(len(f.Data)))
		if _, err := c.file.Write(append(record, f.Data...)); c.err == nil {
			c.err = err
		}
	}
}

// Close ends the capture and tells whether all of it is in the file.
func (c *Capture) Close() error {
	c.sniffer.Close()
	c.done.Wait()
	if missed := c.sniffer.Dropped(); missed > 0 && c.err == nil {
		c.err = fmt.Errorf("capture %s: %d frames came too fast", c.file.Name(), missed)
	}
	return errors.Join(c.err, c.file.Close())
}
