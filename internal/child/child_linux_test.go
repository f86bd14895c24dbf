package child

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// The main thread, which Go does not end, is kept from the tests.
func init() { runtime.LockOSThread() }

// TestEndsWithItsParent has a parent that cannot do anything any more.
func TestEndsWithItsParent(t *testing.T) {
	parent := start(t, "parent", exec.Command(os.Args[0]))
	parent.another(t)
	if err := parent.Signal(syscall.SIGKILL); err != nil { // it alone, not its group
		t.Fatal(err)
	}
	parent.allGone(t)
}

// TestOutlivesThreads: that the thread of the caller ends is nothing to the process.
func TestOutlivesThreads(t *testing.T) {
	var p *Process
	var err error
	thread := make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		p, err = Start(exec.Command("sleep", "60"))
		thread <- syscall.Gettid()
	}()
	task := fmt.Sprintf("/proc/self/task/%d", <-thread)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(task); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("The thread does not end")
		}
	}
	p.Stop(time.Minute)
	running{Process: p}.endedBy(t, syscall.SIGTERM)
}
