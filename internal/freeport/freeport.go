// Package freeport hands out ports of loopback to servers that cannot listen at
// port 0 and tell theirs, for tests and experiments.
//
// A port that the kernel chose is free only until the kernel chooses it again,
// for any connection of anybody: a server that listens there a moment later, or
// is restarted there, finds it taken now and then. The ports of this package are
// below the range from which the kernel chooses (ip_local_port_range in the
// kernel's networking/ip-sysctl), and each process has a block of its own.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
)

const (
	lowest    = 10000
	blockSize = 250
	// ephemeral is where the kernel's own range begins, if it does not say.
	ephemeral = 32768
)

// block is the ports of this process. Its first is listened at for as long as the
// process lives, by which other processes see that the block is taken.
type block struct {
	mu    sync.Mutex
	first int
	lock  net.Listener
	next  int // offset of the port to be tried next
}

// own is the block of the process: a second one for a second caller would be
// nothing but a wasted one.
var own = sync.OnceValues(func() (*block, error) { return reserve(rangeEnd()) })

// Take returns a port of 127.0.0.1 that is free for UDP and TCP. Nobody else who
// asks here is given it, for some 250 ports to come.
func Take() (int, error) {
	b, err := own()
	if err != nil {
		return 0, err
	}
	return b.take()
}

// TakeN returns n of them.
func TakeN(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		var err error
		if ports[i], err = Take(); err != nil {
			return nil, err
		}
	}
	return ports, nil
}

// failer is what a testing.TB is needed for.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// For returns a port for a test, or ends it.
func For(t failer) int {
	t.Helper()
	port, err := Take()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// reserve finds a block below end that no process has.
func reserve(end int) (*block, error) {
	for _, i := range rand.Perm((end - lowest) / blockSize) {
		b := &block{first: lowest + i*blockSize}
		var err error
		if b.lock, err = net.Listen("tcp", local(b.first)); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("every block of %d ports from %d to %d on 127.0.0.1 is taken", blockSize, lowest, end)
}

// take goes round the block, so that a port that was given back is used again as
// late as can be.
func (b *block) take() (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range blockSize - 1 {
		port := b.first + 1 + b.next
		b.next = (b.next + 1) % (blockSize - 1)
		if free(port) {
			return port, nil
		}
	}
	return 0, errors.New("every port of this process's block is in use")
}

// free tries the port. Who listens with SO_REUSEPORT, as CoreDNS does, is seen as
// well, since we listen without.
func free(port int) bool {
	l, err := net.Listen("tcp", local(port))
	if err != nil {
		return false
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", local(port))
	if err != nil {
		return false
	}
	p.Close()
	return true
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// rangeEnd is where the ports end that the kernel leaves alone. Where its range
// begins so low that nothing is left, it is not heeded.
func rangeEnd() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return ephemeral // not Linux
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil || low < lowest+blockSize {
		return ephemeral
	}
	return low
}
