package dataplane

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// recoverSets ends a replacement of maps that a crash has interrupted: forward
// if a link has the new program, whose connections then count, else back.
func recoverSets(dir string, log *slog.Logger) (err error) {
	next := filepath.Join(dir, nextDir)
	nxt, err := openSet(next)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nxt.close()) }()
	cur, err := openSet(filepath.Join(dir, currentDir))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cur.close()) }()
	links, err := loadLinks(filepath.Join(dir, linksDir))
	defer func() {
		for _, l := range links {
			err = errors.Join(err, l.Close())
		}
	}()
	if err != nil {
		return err
	}
	if nxt.forward != nil && len(cur.maps) > 0 {
		runs, err := anyRuns(links, nxt.forward)
		if err != nil {
			return err
		}
		if runs {
			log.Warn("an upgrade was interrupted; going on with it")
			return goOn(dir, cur, nxt, links, log)
		}
	}
	if err := giveBack(cur, nxt); err != nil {
		return err
	}
	return removePins(next, func(string) {})
}

// anyRuns tells whether a link has the program.
func anyRuns(links map[int]link.Link, prog *ebpf.Program) (bool, error) {
	want, err := prog.Info()
	if err != nil {
		return false, fmt.Errorf("program info: %w", err)
	}
	id, _ := want.ID()
	for index, l := range links {
		info, err := l.Info()
		if err != nil {
			return false, fmt.Errorf("interface %d: %w", index, err)
		}
		if info.Program == id {
			return true, nil
		}
	}
	return false, nil
}

// goOn puts the new program on the links that have not got it yet, takes the
// connections that only the old maps have, and makes the new set current.
func goOn(dir string, cur, nxt *set, links map[int]link.Link, log *slog.Logger) (err error) {
	p := Plane{set: nxt, links: links}
	if err := p.swap(); err != nil {
		return err
	}
	settle()
	if !sameMap(cur.maps["conns"], nxt.maps["conns"]) && nxt.adopt == nil {
		log.Warn("connections opened during the upgrade were lost: the build that was to have them cannot take them over")
	} else if !sameMap(cur.maps["conns"], nxt.maps["conns"]) {
		u, err := newUnit(cur, nxt, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, u.close()) }()
		if err := errors.Join(u.rest(), u.drain(), u.resume(), u.merged()); err != nil {
			return fmt.Errorf("go on with an upgrade: %w", err)
		}
	}
	return promote(dir)
}

// giveBack returns released ids that the set next had been given.
func giveBack(cur, nxt *set) (err error) {
	from, to := nxt.maps["released"], cur.maps["released"]
	if from == nil || to == nil || nxt.maps["conns"] == nil || cur.maps["gauges"] == nil || sameMap(from, to) {
		return nil
	}
	for {
		id, ok, err := pop(from)
		if err != nil || !ok {
			return err
		}
		if id >= cur.maps["conns"].MaxEntries() {
			continue
		}
		if err := to.Put(nil, id); err != nil {
			return fmt.Errorf("give back id %d: %w", id, err)
		}
	}
}
