package ballast

import (
	"context"
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
			z.refresh()
		}
	}
}

// refresh loads the zone again if a file of it changed. A zone that cannot be
// used changes nothing but the log, a metric and the status; what stands in
// the file is tried again when it changes next.
func (z *zone) refresh() {
	z.mu.Lock()
	defer z.mu.Unlock()
	if !z.stamps.changed() {
		return
	}
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
