// Package statedir keeps the files that a program leaves to its next run, in a
// directory of its own: each is replaced as a whole or stays as it was, and one
// process at a time writes.
package statedir

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Dir is a directory for state. Its methods are safe for concurrent use.
type Dir struct {
	path string

	mu   sync.Mutex
	lock *os.File // held; nil before the first use, or while another process has it
}

// New names a directory. Nothing is opened before it is needed, so that a
// directory which went away may come back.
func New(path string) *Dir { return &Dir{path: path} }

// Path is the directory's.
func (d *Dir) Path() string { return d.path }

// Open opens a file for reading. It needs no lock: a file is never seen half
// written.
func (d *Dir) Open(name string) (*os.File, error) { return os.Open(filepath.Join(d.path, name)) }

// Replace gives a file the contents that write writes, and tells how many bytes
// these are. On an error the file is as it was, also after a power cut: the new
// contents are on the disk before they get the name.
func (d *Dir) Replace(name string, write func(io.Writer) error) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.hold(); err != nil {
		return 0, err
	}
	path := filepath.Join(d.path, name)
	size, err := writeNew(path+".new", write)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		os.Remove(path + ".new")
		return 0, err
	}
	return size, syncDir(d.path)
}

// writeNew writes a file that is readable by its owner only. What a crash has
// left under its name is in the way: only the holder of the lock comes here.
func writeNew(path string, write func(io.Writer) error) (int64, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	buffered := bufio.NewWriterSize(f, 64<<10)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	size, _ := f.Seek(0, io.SeekCurrent)
	return size, errors.Join(err, f.Close())
}

// syncDir makes a rename last. Some file systems cannot, and say EINVAL.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// SetAside renames a file that cannot be used to NAME.bad, for somebody to look
// at, and returns its new path.
func (d *Dir) SetAside(name string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.hold(); err != nil {
		return "", err
	}
	path := filepath.Join(d.path, name)
	return path + ".bad", os.Rename(path, path+".bad")
}

// Check tells why state cannot be kept in a directory, with the remedy.
func Check(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s does not exist: create it for user %d with mode 0700", path, os.Geteuid())
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("%s may be written to by everybody, who could put servers into answers: chmod o-w %s", path, path)
	}
	return checkWritable(path)
}

// checkWritable tries it. A full disk is no mistake: it may have room later.
func checkWritable(path string) error {
	f, err := os.CreateTemp(path, ".try*")
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s is on a file system that is mounted read-only: mount it writable, or name another directory", path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s may not be written to by user %d: chown it to that user", path, os.Geteuid())
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return nil
	case err != nil:
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}
