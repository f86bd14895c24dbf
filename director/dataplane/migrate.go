package dataplane

import (
	"log/slog"
	"path/filepath"
)

func recoverSets(dir string, log *slog.Logger) error {
	return removePins(filepath.Join(dir, nextDir), func(string) {})
}

func (p *Plane) migrate(c *change) error {
	if err := p.set.pin(filepath.Join(p.dir, nextDir)); err != nil {
		return err
	}
	if err := p.swap(); err != nil {
		return err
	}
	return promote(p.dir)
}
