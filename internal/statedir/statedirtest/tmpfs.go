//go:build linux

// Package statedirtest makes file systems that fill up, or are taken away.
package statedirtest

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/ballast-lb/ballast/internal/skip"
)

// FS is a small file system of its own.
type FS struct{ Path string }

// New mounts a file system of so many bytes, in pages, for the time of a test.
// That takes root: without it the test is skipped, or fails when CI=true.
func New(t testing.TB, size int) FS {
	t.Helper()
	fs := FS{filepath.Join(t.TempDir(), "small")}
	if err := os.Mkdir(fs.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", fs.Path, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size))
	if err != nil {
		skip.UnlessCI(t, "A file system that fills up takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(fs.Path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return fs
}

// Fill leaves no room; the caller makes some by removing what it returns.
func (fs FS) Fill(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(fs.Path, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(page)
	}
	return path
}

// ReadOnly mounts it anew, so that nobody can write or so that they can again.
func (fs FS) ReadOnly(t testing.TB, on bool) {
	t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if on {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("", fs.Path, "", flags, ""); err != nil {
		t.Fatal(err)
	}
}
