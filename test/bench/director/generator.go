//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/test/lab"
)

// Connections are opened by blocking system calls on threads of their own:
// what a generator and a server cost must not hide what the way costs.

// acceptLoops is how many threads take the connections of one port.
const acceptLoops = 2

// threads is the number of threads that may be in Go code at a time, enough
// that none waits for another after a system call.
const threads = 64

// acceptAll takes connections to ports in a namespace, and closes them at once.
func acceptAll(n *lab.Node, ports []int) (stop func(), err error) {
	var running sync.WaitGroup
	var sockets []int
	stop = func() {
		for _, fd := range sockets {
			_ = unix.Shutdown(fd, unix.SHUT_RDWR) // wakes those that wait in accept
		}
		running.Wait()
		for _, fd := range sockets {
			_ = unix.Close(fd)
		}
	}
	for _, port := range ports {
		fd, err := listen(n, port)
		if err != nil {
			stop()
			return nil, err
		}
		sockets = append(sockets, fd)
		for range acceptLoops {
			running.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				acceptFrom(fd)
			})
		}
	}
	return stop, nil
}

func listen(n *lab.Node, port int) (fd int, err error) {
	err = n.Do(func() error {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err == nil {
			err = unix.Bind(fd, &unix.SockaddrInet4{Port: port})
		}
		if err == nil {
			err = unix.Listen(fd, 4096)
		}
		if err != nil {
			_ = unix.Close(fd)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("listen on port %d in %s: %w", port, n.Name, err)
	}
	return fd, nil
}

// acceptFrom accepts without asking for the peer's address, which would have to
// be allocated.
func acceptFrom(listener int) {
	for {
		fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			_ = unix.Close(int(fd))
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return
		}
	}
}

// connecting is a load of connections that are closed as soon as they are open.
type connecting struct {
	threads int
	reset   bool // close by RST in place of FIN
	ports   []int
}

func (c connecting) String() string {
	how, threads := "FIN", "1 thread"
	if c.reset {
		how = "RST"
	}
	if c.threads > 1 {
		threads = fmt.Sprintf("%d threads", c.threads)
	}
	return fmt.Sprintf("connect and %s, %s", how, threads)
}

// run opens connections for a time, and returns how many were opened each
// second.
func (c connecting) run(from *lab.Node, to netip.Addr, d time.Duration) (float64, error) {
	var opened atomic.Int64
	var over atomic.Bool
	failures := make([]error, c.threads)
	var running sync.WaitGroup
	started := time.Now()
	for i := range c.threads {
		running.Go(func() {
			failures[i] = from.Do(func() error {
				n, err := c.loop(to, i, &over)
				opened.Add(n)
				return err
			})
		})
	}
	time.Sleep(d)
	over.Store(true)
	running.Wait()
	return float64(opened.Load()) / time.Since(started).Seconds(), errors.Join(failures...)
}

// loop opens connections on the calling thread, to each port in turn.
func (c connecting) loop(to netip.Addr, first int, over *atomic.Bool) (opened int64, err error) {
	linger := &unix.Linger{Onoff: 1}
	for i := first; !over.Load(); i++ {
		address := unix.SockaddrInet4{Port: c.ports[i%len(c.ports)], Addr: to.As4()}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return opened, fmt.Errorf("socket: %w", err)
		}
		if c.reset {
			err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, linger)
		}
		if err == nil {
			err = unix.Connect(fd, &address)
		}
		_ = unix.Close(fd)
		if err != nil {
			return opened, fmt.Errorf("connection %d to %v port %d: %w", opened+1, to, address.Port, err)
		}
		opened++
	}
	return opened, nil
}
