//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// where is the namespace of the present thread.
func where(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDoReturnsToWhereItWas(t *testing.T) {
	l := ForTest(t, Options{Servers: 1})
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, oops := where(t), errors.New("oops")
	err := l.Client.Do(func() error {
		client := where(t)
		if client == home {
			t.Error("Do did not enter the namespace")
		}
		if err := l.NS.Do(func() error { return oops }); !errors.Is(err, oops) {
			t.Errorf("The error is %v", err)
		}
		if where(t) != client {
			t.Error("The inner Do did not return to the outer")
		}
		return nil
	})
	if err != nil || where(t) != home {
		t.Errorf("Do did not return: %v", err)
	}
}

func TestSweepRemovesLabsOfTheDead(t *testing.T) {
	living := ForTest(t, Options{Servers: 1})
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	o := Options{Prefix: fmt.Sprintf("%s%d-0-", testPrefix, dead.Process.Pid), Servers: 1}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Leave(); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(netnsDir, o.Prefix+"*")); len(left) > 0 {
		t.Errorf("Namespaces are left: %v", left)
	}
	if _, err := os.Stat(l.Dir()); err == nil {
		t.Errorf("%s is left", l.Dir())
	}
	if err := living.Client.Sysctl("net.ipv4.ip_forward", "0"); err != nil {
		t.Errorf("A lab that is in use was harmed: %v", err)
	}
}
