package statedir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// ErrTaken says that another process writes to the directory.
var ErrTaken = errors.New("another process keeps its state there")

const lockName = "lock"

// Hold makes this process the one that writes, until Close. It tells whether it
// was not before: then what it wrote may have been replaced, or be gone with the
// directory. The error is ErrTaken while another process writes.
func (d *Dir) Hold() (anew bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.lock
	err = d.hold()
	return err == nil && d.lock != before, err
}

// Close lets another process write.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.release()
}

// hold takes the lock, or takes it anew where the directory was replaced. The
// caller holds mu.
func (d *Dir) hold() error {
	path := filepath.Join(d.path, lockName)
	if d.lock != nil && sameFile(d.lock, path) {
		return nil
	}
	if err := d.release(); err != nil {
		return err
	}
	// For reading, so that a lock does not keep the file system from being
	// mounted read-only.
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = lockFile(f)
	if errors.Is(err, ErrTaken) {
		err = taken(f)
	}
	if err == nil && !sameFile(f, path) {
		err = fmt.Errorf("%s was replaced just now", path)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	d.lock = f
	sign(path)
	return nil
}

func (d *Dir) release() error {
	if d.lock == nil {
		return nil
	}
	f := d.lock
	d.lock = nil
	return f.Close()
}

func sameFile(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(held, there)
}

// sign leaves word of who holds the lock. On a full disk nobody knows.
func sign(path string) {
	os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600) //nolint:errcheck // as said
}

// taken is ErrTaken, and by whom.
func taken(f *os.File) error {
	text, _ := io.ReadAll(io.LimitReader(f, 32)) // nothing known is nothing said
	if pid := strings.TrimSpace(string(text)); pid != "" {
		return fmt.Errorf("%w: process %s", ErrTaken, pid)
	}
	return ErrTaken
}
