//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/test/lab"
)

// Connections are opened by blocking system calls on threads of their own, in
// processes whose Go runtime stays out of the way: what a generator and a
// server cost must not hide what is between them. Such a thread is in a raw
// system call nearly always, where the runtime neither sees nor stops it. So
// there is no garbage collection and no preemption in these processes, each
// thread has a P to itself, and the parent ends them.

// quiet is the environment of these processes.
var quiet = []string{"GOGC=off", "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=64"}

// acceptLoops is how many threads take the connections of one port.
const acceptLoops = 2

// helper is this program again, in a namespace.
func helper(ctx context.Context, n *lab.Node, args ...string) (*lab.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := n.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), quiet...)
	return cmd, nil
}

// helpers are what the program does when it is started as a helper, by its
// first argument. The others are theirs.
var helpers = map[string]func(args []string) error{
	"accept":  acceptAll,
	"connect": connectAll,
}

// acceptAll takes connections to ports, and closes them at once, until it is
// killed.
func acceptAll(ports []string) error {
	for _, text := range ports {
		port, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		fd, err := listen(port)
		if err != nil {
			return fmt.Errorf("listen on port %d: %w", port, err)
		}
		for range acceptLoops {
			go func() {
				runtime.LockOSThread()
				acceptFrom(uintptr(fd))
			}()
		}
	}
	select {}
}

func listen(port int) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
		return 0, err
	}
	return fd, unix.Listen(fd, 4096)
}

func acceptFrom(listener uintptr) {
	for {
		fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, listener, 0, 0, unix.SOCK_CLOEXEC, 0, 0)
		if errno == 0 {
			unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
		}
	}
}

// connecting is a load of connections that are closed as soon as they are open.
type connecting struct {
	Threads int
	Reset   bool // close by RST in place of FIN
	Ports   []int
	To      netip.Addr
	For     time.Duration
}

func (c connecting) String() string {
	how, threads := "FIN", "1 thread"
	if c.Reset {
		how = "RST"
	}
	if c.Threads > 1 {
		threads = fmt.Sprintf("%d threads", c.Threads)
	}
	return fmt.Sprintf("connect and %s, %s", how, threads)
}

// connected is what came of it.
type connected struct {
	Opened  int64
	Elapsed time.Duration
	CPU     time.Duration // of the client
}

// run opens connections from a namespace.
func (c connecting) run(ctx context.Context, from *lab.Node) (connected, error) {
	order, err := json.Marshal(c)
	if err != nil {
		return connected{}, err
	}
	cmd, err := helper(ctx, from, "connect", string(order))
	if err != nil {
		return connected{}, err
	}
	out, err := cmd.Output()
	if err != nil {
		return connected{}, err
	}
	var result connected
	if err := json.Unmarshal(out, &result); err != nil {
		return connected{}, fmt.Errorf("what the client tells: %w: %s", err, out)
	}
	if result.Opened == 0 {
		return connected{}, errors.New("no connection was opened")
	}
	return result, nil
}

// connectAll does what run orders, and tells the result.
func connectAll(args []string) error {
	var c connecting
	if err := json.Unmarshal([]byte(strings.Join(args, " ")), &c); err != nil {
		return err
	}
	var opened atomic.Int64
	var over atomic.Bool
	failures := make([]error, c.Threads)
	var running sync.WaitGroup
	started := time.Now()
	for i := range c.Threads {
		running.Go(func() {
			runtime.LockOSThread()
			n, err := c.loop(i, &over)
			opened.Add(n)
			failures[i] = err
		})
	}
	time.Sleep(c.For)
	over.Store(true)
	running.Wait()
	result := connected{opened.Load(), time.Since(started), cpuTime()}
	return errors.Join(errors.Join(failures...), json.NewEncoder(os.Stdout).Encode(result))
}

// cpuTime is what this process has used of processors, in user and kernel mode.
func cpuTime() time.Duration {
	var usage unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &usage) // fails for a wrong pointer only
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// loop opens connections on the calling thread, to each port in turn.
func (c connecting) loop(first int, over *atomic.Bool) (opened int64, err error) {
	address := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: c.To.As4()}
	for i := first; !over.Load(); i++ {
		port := c.Ports[i%len(c.Ports)]
		address.Port = uint16(port)<<8 | uint16(port)>>8
		if errno := connectOnce(&address, c.Reset); errno != 0 {
			return opened, fmt.Errorf("connection %d to %v port %d: %w", opened+1, c.To, port, errno)
		}
		opened++
	}
	return opened, nil
}

// connectOnce opens one connection and closes it.
func connectOnce(to *unix.RawSockaddrInet4, reset bool) unix.Errno {
	fd, _, errno := unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if errno != 0 {
		return errno
	}
	if reset {
		linger := unix.Linger{Onoff: 1}
		_, _, errno = unix.RawSyscall6(unix.SYS_SETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_LINGER,
			uintptr(unsafe.Pointer(&linger)), unsafe.Sizeof(linger), 0)
	}
	if errno == 0 {
		_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(to)), unsafe.Sizeof(*to))
	}
	unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	return errno
}
