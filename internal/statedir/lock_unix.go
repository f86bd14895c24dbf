//go:build unix && !solaris && !illumos && !aix

package statedir

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile locks until the file is closed, which the end of the process does at
// the latest.
func lockFile(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrTaken
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return nil
}
