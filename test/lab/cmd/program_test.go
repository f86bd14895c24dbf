//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/child"
	"github.com/ballast-lb/ballast/internal/freeport"
)

// listenForEver is a process with many threads, that take their time to end.
func listenForEver(address string) {
	if _, err := net.Listen("tcp", address); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for range 64 {
		go func() { runtime.LockOSThread(); select {} }()
	}
	time.Sleep(time.Hour)
}

// TestEndedProcessesDoNotListen kills some: what counts as ended has let go of its
// port. Whoever starts another one there asks the port whether that is ready.
func TestEndedProcessesDoNotListen(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", freeport.For(t))
	listens := func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	wait := func(what string, is func() bool) {
		for end := time.Now().Add(10 * time.Second); !is(); {
			if time.Now().After(end) {
				t.Fatalf("not within 10 s: %s", what)
			}
		}
	}
	for range 20 {
		p, err := child.Start(exec.Command(os.Args[0], "listen", address))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Kill)
		wait("it listens", listens)
		if err := p.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		wait("it ended", func() bool { _, err := beginning(p.Pid()); return err != nil })
		if listens() {
			t.Fatal("it counts as ended, and listens")
		}
		<-p.Ended()
	}
}
