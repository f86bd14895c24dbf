package load

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// tcpEstablished is TCP_ESTABLISHED of the kernel's include/net/tcp_states.h.
const tcpEstablished = 1

// connReader counts the established connections of the service's port: by
// netlink, where the kernel picks them, or if it refuses by reading all of
// /proc/net/tcp and tcp6.
type connReader struct {
	fs   procfs.FS
	port uint16
	diag func(port uint16) (int, error) // nil if netlink is not to be asked
}

func newConnReader(fs procfs.FS, port int, netlink bool) *connReader {
	r := &connReader{fs: fs, port: uint16(port)}
	if netlink {
		r.diag = countByNetlink
	}
	return r
}

func (r *connReader) read(_ context.Context, _ time.Time, s *Sample) error {
	var refused error
	if r.diag != nil {
		n, err := r.diag(r.port)
		if err == nil {
			s.Connections = &n
			return nil
		}
		refused = fmt.Errorf("ask netlink for the connections of port %d: %w", r.port, err)
		if forGood(err) {
			r.diag = nil
		}
	}
	n, err := r.countByFile()
	if err != nil {
		return errors.Join(refused, err)
	}
	s.Connections = &n
	return nil
}

// forGood tells whether netlink's refusal will stand: no inet_diag in the
// kernel, no such sockets in this sandbox, or no right to them. Asking again
// would make the kernel look for its module each time.
func forGood(err error) bool {
	return slices.ContainsFunc([]error{
		syscall.ENOENT, syscall.EPERM, syscall.EACCES,
		syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, errors.ErrUnsupported,
	}, func(e error) bool { return errors.Is(err, e) })
}

// countByFile reads the tables of both families. A dual-stack listener's IPv4
// connections stand in tcp6 only, so nothing is counted twice.
func (r *connReader) countByFile() (int, error) {
	v4, err := r.fs.NetTCP() //nolint:staticcheck // deprecated for netlink, which was not to be had
	if err != nil {
		return 0, fmt.Errorf("read net/tcp: %w", err)
	}
	v6, err := r.fs.NetTCP6()                          //nolint:staticcheck // the same
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // absent without IPv6
		return 0, fmt.Errorf("read net/tcp6: %w", err)
	}
	n := 0
	for _, line := range v4 {
		n += established(r.port, line.LocalPort, line.St)
	}
	for _, line := range v6 {
		n += established(r.port, line.LocalPort, line.St)
	}
	return n, nil
}

func established(want uint16, port, state uint64) int {
	if port == uint64(want) && state == tcpEstablished {
		return 1
	}
	return 0
}
