package dataplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Names in a director's directory.
const (
	currentDir = "current"
	nextDir    = "next"
	linksDir   = "links"
	forward    = "forward"
	collect    = "collect"
	end        = "end"
	adopt      = "adopt"
	disown     = "disown"
)

// A set is all maps that work together, the program on the links that uses them,
// and those that change their index. What is not pinned is nil.
type set struct {
	maps          map[string]*ebpf.Map
	forward       *ebpf.Program
	adopt, disown *ebpf.Program // pinned only while maps are being replaced
}

// program is where a program of that name belongs; nil for the name of a map.
func (s *set) program(name string) **ebpf.Program {
	switch name {
	case forward:
		return &s.forward
	case adopt:
		return &s.adopt
	case disown:
		return &s.disown
	}
	return nil
}

// half is the end of a pin's name that has not got the place of another yet.
const half = "_next"

// openSet opens what is pinned in dir; a directory that does not exist gives an
// empty set.
func openSet(dir string) (*set, error) {
	s := &set{maps: make(map[string]*ebpf.Map)}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read pins: %w", err)
	}
	for _, e := range entries {
		if err := s.open(dir, e.Name()); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *set) open(dir, name string) error {
	path := filepath.Join(dir, name)
	prog := s.program(strings.TrimSuffix(name, half))
	if prog == nil {
		m, err := ebpf.LoadPinnedMap(path, nil)
		if err != nil {
			return fmt.Errorf("open pin %s: %w", path, err)
		}
		s.maps[name] = m
		return nil
	}
	if strings.HasSuffix(name, half) { // left of a replacement that did not end
		return os.Remove(path)
	}
	loaded, err := ebpf.LoadPinnedProgram(path, nil)
	if err != nil {
		return fmt.Errorf("open pin %s: %w", path, err)
	}
	*prog = loaded
	return nil
}

// close closes what is open; pins stay.
func (s *set) close() error {
	var errs []error
	for _, m := range s.maps {
		errs = append(errs, m.Close())
	}
	for _, prog := range []*ebpf.Program{s.forward, s.adopt, s.disown} {
		if prog != nil {
			errs = append(errs, prog.Close())
		}
	}
	return errors.Join(errs...)
}

// pin pins all maps and then the programs in a new directory, last the one for
// the links.
func (s *set) pin(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	for name, m := range s.maps {
		// A clone knows of no pin, so that the map gets one more.
		clone, err := m.Clone()
		if err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
		err = clone.Pin(filepath.Join(dir, name))
		clone.Close()
		if err != nil {
			return fmt.Errorf("pin map %s: %w", name, err)
		}
	}
	for _, name := range []string{adopt, disown, forward} {
		if err := repin(*s.program(name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// repin pins a program in place of one that is there.
func repin(prog *ebpf.Program, path string) error {
	clone, err := prog.Clone()
	if err != nil {
		return fmt.Errorf("pin %s: %w", path, err)
	}
	defer clone.Close()
	if err := clone.Pin(path + half); err != nil {
		return fmt.Errorf("pin %s: %w", path, err)
	}
	if err := os.Rename(path+"_next", path); err != nil {
		return fmt.Errorf("pin %s: %w", path, err)
	}
	return nil
}

// promote puts next in the place of current in one step and removes what was
// current before.
func promote(dir string) error {
	current, next := filepath.Join(dir, currentDir), filepath.Join(dir, nextDir)
	if err := os.Mkdir(current, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make %s: %w", current, err)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, next, unix.AT_FDCWD, current, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("exchange %s and %s: %w", next, current, err)
	}
	for _, name := range []string{adopt, disown} {
		if err := os.Remove(filepath.Join(current, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove pin: %w", err)
		}
	}
	return removePins(next, func(string) {})
}

// removePins removes a directory of pins, naming each; one that is not there is
// no error.
func removePins(dir string, removed func(path string)) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove pins: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove pin: %w", err)
		}
		removed(path)
	}
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("remove pins: %w", err)
	}
	removed(dir)
	return nil
}

// lock makes sure that one process at a time changes the pins in dir. The
// kernel gives the lock up when the file is closed, also by the process's death.
func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", dir, ErrInUse)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}
