package announce

import (
	"fmt"
	"os"
	"testing"

	"github.com/ballast-lb/ballast/internal/consul/consultest"
	"go.uber.org/goleak"
)

// shared is the Consul of all tests that do not stop it.
var shared consultest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
