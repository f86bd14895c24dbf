package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Files of the state directory.
const (
	poolsFile     = "pools.jsonl"
	overridesFile = "overrides.jsonl"
)

// stateDir is the directory in which a process leaves what the next one is to know,
// with what faults have done to it.
type stateDir struct {
	path string

	mu      sync.Mutex
	failing bool              // it cannot be written to, or not all of it
	since   time.Duration     // of the last time when it could not be
	until   time.Duration     // the same: until it was noticed that it can
	spoilt  map[string][]byte // what stands in the place of files; nil where they were removed
}

func newStateDir(path string) *stateDir { return &stateDir{path: path, spoilt: map[string][]byte{}} }

// make makes the directory, empty.
func (d *stateDir) make() error { return os.Mkdir(d.path, 0o700) }

// beginFailing says that from now on writes may fail.
func (d *stateDir) beginFailing(at time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing, d.since = true, at
}

// endFailing says that all can be written again, and by when it must be.
func (d *stateDir) endFailing(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing, d.until = false, by
}

// unwritten is since when something may not be on disk that should be; failing
// tells that it still cannot be written.
func (d *stateDir) unwritten(at time.Duration) (since time.Duration, failing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing || at < d.until {
		return d.since, d.failing
	}
	return at, false
}

// spoil makes something else of a file, or removes it where damage makes nothing.
func (d *stateDir) spoil(file string, damage func([]byte) ([]byte, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	path := filepath.Join(d.path, file)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) { // not written again since the last time
		return nil
	}
	if err != nil {
		return err
	}
	if text, err = damage(text); err != nil {
		return err
	}
	d.spoilt[file] = text
	if text == nil {
		return os.Remove(path)
	}
	next := filepath.Join(filepath.Dir(d.path), file) // beside it: the directory is the process's own
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// lost tells whether a file is not there, or is as a fault has left it.
func (d *stateDir) lost(file string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text, err := os.ReadFile(filepath.Join(d.path, file))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	left := d.spoilt[file]
	return left != nil && bytes.Equal(text, left), err
}

// keep says that what stands in a file is of use.
func (d *stateDir) keep(file string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.spoilt, file)
}
