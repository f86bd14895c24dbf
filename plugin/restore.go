package ballast

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/ballast-lb/ballast/plugin/snapshot"
)

// restore gives a hub that starts in a new process what the last process knew.
// A file that cannot be used is as if it were not there.
func (k *keeper) restore(h *hub, now time.Time) {
	k.read(overridesName, "operators' drains and overrides are forgotten", func(in io.Reader) error {
		words, err := decodeOverrides(in, now)
		if err != nil {
			return err
		}
		for _, word := range words {
			h.overrides.set(word)
		}
		if len(words) > 0 {
			log.Infof("%d drains or overrides of before the restart go on", len(words))
		}
		return nil
	})
	k.read(serialsName, "zones have their files' serials again, which secondaries may be ahead of", k.serials.read)
	k.read(learnedName, "policies learn anew of resolvers", func(in io.Reader) error {
		n, err := h.recall(in, now)
		if n > 0 {
			log.Infof("what policies had learned of resolvers before the restart is known for %d names", n)
		}
		return err
	})
	k.read(poolsName, "pools are unknown until their sources answer", func(in io.Reader) error {
		written, sources, err := snapshot.DecodePools(in, now)
		if err != nil {
			return err
		}
		if written.After(now) {
			log.Warningf("the snapshot in %s is %s from the future: the clock was set back; pools are taken to be of now, loads as unknown",
				k.dir.Path(), written.Sub(now).Round(time.Second))
			written = now
		}
		n, of := h.restorePools(written, sources)
		log.Infof("%d of %d pools are known from the snapshot of %s ago in %s", n, of, now.Sub(written).Round(time.Second), k.dir.Path())
		return nil
	})
	h.updateAll(now)
}

// read hands a file to use, and tells of one that cannot be used.
func (k *keeper) read(file, consequence string, use func(io.Reader) error) {
	f, err := k.dir.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		log.Warningf("state: %v; %s", err, consequence)
		return
	}
	defer f.Close()
	if err := use(f); err != nil {
		log.Warningf("state: %s cannot be used: %v; it is %s, and %s", f.Name(), err, k.setAside(file), consequence)
	}
}

// setAside tells what became of a file that cannot be used.
func (k *keeper) setAside(file string) string {
	path, err := k.dir.SetAside(file)
	if err != nil {
		return fmt.Sprintf("left there (%v)", err)
	}
	return "kept as " + path
}

// restorePools gives the feeds that know nothing yet their pools of before, and
// tells how many of how many have one.
func (h *hub) restorePools(written time.Time, sources []snapshot.Source) (n, of int) {
	found := newLastPools(sources)
	for _, f := range h.allFeeds() {
		of++
		if p := found.of(f); p != nil && !f.known() {
			f.begin(seed{pool: p.Pool, snapshot: written})
			n++
		}
	}
	return n, of
}

// lastPools finds pools of before the restart.
type lastPools struct{ byKey, byName map[string]*snapshot.Source }

func newLastPools(sources []snapshot.Source) lastPools {
	l := lastPools{map[string]*snapshot.Source{}, map[string]*snapshot.Source{}}
	for i := range sources {
		s := &sources[i]
		l.byKey[s.Key] = s
		if _, twice := l.byName[s.Name]; twice {
			s = nil // which of them is meant cannot be told
		}
		l.byName[sources[i].Name] = s
	}
	return l
}

// of is the pool of the source that f follows, or else of the one that has the
// name alone: its details may have been changed with the restart.
func (l lastPools) of(f *feed) *snapshot.Source {
	if s := l.byKey[f.lasting]; s != nil {
		return s
	}
	return l.byName[f.name]
}
