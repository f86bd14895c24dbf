package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

const (
	socketMode = 0o660
	dirMode    = 0o750
	// maxPath is what fits in a sockaddr_un with its final zero (unix(7)).
	maxPath = 107
	// tempPath is as long as the name under which a socket is born in its
	// directory: os.MkdirTemp adds at most ten digits.
	tempPath = "/.new0123456789/s"
	// askTimeout bounds the question whose socket it is.
	askTimeout = 2 * time.Second
)

// Listen opens the control socket at path, mode 0660, creating its last
// directory (mode 0750) if that is missing. A socket that nobody serves any
// more is replaced, and so is one of this very process, since during a reload
// the new instance starts before the old one stops: the new socket takes the
// name in one rename. A live socket of another process is ErrConflict.
//
// Close removes the socket from path unless another has taken its place there.
// Should a reload fail after its Listen, the old instance has to listen again.
func Listen(path string) (net.Listener, error) {
	if err := claim(path); err != nil {
		return nil, err
	}
	l, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("open control socket %s: %w", path, err)
	}
	return l, nil
}

// claim makes sure that path may be taken.
func claim(path string) error {
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create directory of control socket %s: %w", path, err)
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return Errorf(ErrConflict, "control socket %s: a file that is no socket is in the way; remove it or choose another path", path)
	}
	return claimFrom(path)
}

// claimFrom refuses to take path from another live process.
func claimFrom(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	other, err := Dial(path).Process(ctx)
	switch {
	case err == nil && other.Instance == instance():
		return nil
	case err == nil:
		return Errorf(ErrConflict, "control socket %s is served by pid %d; stop it or choose another path", path, other.PID)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return nil // left behind by a process that died
	}
	return Errorf(ErrConflict, "control socket %s is in use and its owner does not say who it is (%v); stop it or choose another path", path, err)
}

// checkDir refuses a directory in which anybody could put a socket of his own
// in the place of ours.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("directory of control socket: %w", err)
	case !info.IsDir():
		return Errorf(ErrConflict, "directory of control socket: %s is no directory", dir)
	case info.Mode()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0:
		return Errorf(ErrConflict, "directory of control socket: anybody may write to %s; take that right away or choose another path", dir)
	}
	return nil
}

// listen binds in a directory of its own, where nobody else can connect before
// the mode is right, and then moves the socket to path.
func listen(path string) (net.Listener, error) {
	if max(len(path), len(filepath.Dir(path))+len(tempPath)) > maxPath {
		return nil, fmt.Errorf("path is too long for a unix socket: at most %d bytes for it, and %d for its directory",
			maxPath, maxPath-len(tempPath))
	}
	temp, err := os.MkdirTemp(filepath.Dir(path), ".new")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(temp, "s"), Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	info, err := moveSocket(l.Addr().String(), path)
	if err != nil {
		l.Close()
		return nil, err
	}
	return &listener{Listener: l, path: path, info: info}, nil
}

func moveSocket(from, to string) (fs.FileInfo, error) {
	if err := os.Chmod(from, socketMode); err != nil {
		return nil, err
	}
	info, err := os.Lstat(from)
	if err != nil {
		return nil, err
	}
	return info, os.Rename(from, to)
}

// listener knows under which name its socket can be found now, which the
// kernel does not tell after a rename.
type listener struct {
	net.Listener
	path   string
	info   fs.FileInfo
	unlink sync.Once
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close looks before it closes: while the socket is bound, its inode's number
// cannot have been given to the one that replaced it.
func (l *listener) Close() error {
	l.unlink.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.info) {
			os.Remove(l.path)
		}
	})
	return l.Listener.Close()
}
