package consultest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ballast-lb/ballast/internal/child"
)

// start runs Consul so that not even a panic of the tests leaves it behind.
func start(binary, dir string) (*child.Process, error) {
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(binary, "agent", "-config-file", filepath.Join(dir, "consul.json"))
	cmd.Stdout, cmd.Stderr = log, log
	p, err := child.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	return p, nil
}
