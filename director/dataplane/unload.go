package dataplane

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// Unload takes the datapath off all interfaces, which drops all connections
// that go through it, and removes every pin in dir and dir itself. It tells log
// (nil: nobody) what it removed. A directory that does not exist is no error;
// errors wrap ErrInUse while a director runs on it.
func Unload(dir string, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		log.Info("nothing to unload", "dir", dir)
		return nil
	}
	if err := onBPFFS(dir); err != nil {
		return fmt.Errorf("unload %s: %w", dir, err)
	}
	held, err := lock(dir)
	if err != nil {
		return err
	}
	defer held.Close()
	links, err := loadLinks(filepath.Join(dir, linksDir))
	errs := []error{err}
	for index, l := range links {
		if err := dropLink(l); err != nil {
			errs = append(errs, fmt.Errorf("detach from interface %d: %w", index, err))
			continue
		}
		log.Info("detached", "ifindex", index)
	}
	for _, sub := range []string{linksDir, nextDir, currentDir} {
		errs = append(errs, removePins(filepath.Join(dir, sub), func(path string) { log.Info("removed", "path", path) }))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("unload: %w", err)
	}
	log.Info("removed", "path", dir)
	return nil
}
