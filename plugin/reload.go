package ballast

import (
	"context"
	"maps"
	"time"
)

// follow reloads the zone whenever its file changes, until ctx ends.
func (z *zone) follow(ctx context.Context) {
	if z.cfg.reload == 0 {
		return
	}
	ticker := time.NewTicker(z.cfg.reload)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if z.rested(ctx) {
				z.refresh()
			}
		}
	}
}

// restFor is for how long a changed file must have been left alone before it is
// read: one that is written in place is short for a while, and may be without a
// mistake all the same.
const restFor = 500 * time.Millisecond

// rested waits until a changed zone file has been left alone, as long as that
// does not take longer than until the next look at it.
func (z *zone) rested(ctx context.Context) bool {
	z.mu.Lock()
	now := z.stamps.renewed()
	changed := !maps.Equal(now, z.stamps)
	z.mu.Unlock()
	pause := min(restFor, z.cfg.reload)
	if !changed || now.olderThan(pause, time.Now()) {
		return changed
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return maps.Equal(now, now.renewed())
	}
}

// refresh loads the zone again after a file of it changed. A zone that cannot be
// used changes nothing but the log, a metric and the status; what stands in
// the file is tried again when it changes next.
func (z *zone) refresh() {
	z.mu.Lock()
	defer z.mu.Unlock()
	err := z.load()
	z.showReload(err)
	if err != nil {
		if z.failed.IsZero() {
			z.failed = time.Now()
		}
		z.err = err.Error()
		log.Errorf("zone %s: the changed file cannot be used, the last good zone stays in use:\n%v", z.origin, err)
		return
	}
	if !z.failed.IsZero() {
		log.Infof("zone %s: %s is mended", z.origin, z.cfg.file)
	}
	z.failed, z.err = time.Time{}, ""
	data := z.data.Load()
	log.Infof("zone %s: reloaded from %s, serial %d, %d LB names", z.origin, z.cfg.file, data.file.SOA.Serial, len(data.steers))
	z.edit(time.Now())
}

func (z *zone) showReload(err error) {
	result, failing := "ok", 0.0
	if err != nil {
		result, failing = "error", 1
	}
	zoneReloads.WithLabelValues(z.origin, result).Inc()
	zoneReloadFailed.WithLabelValues(z.origin).Set(failing)
}
