package ballast

import (
	"context"
	"time"

	"github.com/ballast-lb/ballast/zones"

	"github.com/coredns/coredns/plugin/transfer"
)

// How soon a change of pools is an edition of the zone.
const (
	editionEvery    = 250 * time.Millisecond // look for changes
	editionSettle   = time.Second            // for what changes along, or is just starting
	editionPause    = 10 * time.Second       // between two of them, at least
	editionPatience = time.Minute            // with pools that nobody has seen, before it is without them
)

// openTransfer makes the zone's first edition, if somebody may transfer it. The
// numbering goes on from before a reload, or a restart.
func (z *zone) openTransfer(t *transfer.Transfer) {
	z.transfer.Store(t)
	z.mu.Lock()
	defer z.mu.Unlock()
	inherited := z.inheritNumbering()
	if data := z.data.Load(); data.hasLB && !data.file.Signed() && z.hub.keeper == nil && !inherited {
		log.Warningf("zone %s: LB names move its serial, which starts again from the file's after a restart: secondaries that are ahead of it notice no changes until then; add 'state DIR' to the ballast block", z.origin)
	}
	z.quiet = inherited
	z.edit(time.Now())
}

// inheritNumbering goes on from the instance before a reload, and tells whether
// there was one, or from what is on disk. The caller holds mu.
func (z *zone) inheritNumbering() bool {
	if old := z.before(); old != nil {
		old.mu.Lock()
		z.numbering, z.edited = old.numbering, old.edited
		old.mu.Unlock()
	}
	if z.numbering.Zone != "" {
		return true
	}
	if k := z.hub.keeper; k != nil {
		z.numbering = k.serials.of(z.place(""))
	}
	return false
}

// takeBackNumberings goes on from an instance that failed after it had started:
// its serials may have been seen.
func (h *hub) takeBackNumberings(failed *hub) {
	for _, z := range h.allZones() {
		tried := failed.same(z)
		if tried == nil {
			continue
		}
		tried.mu.Lock()
		numbering := tried.numbering
		tried.mu.Unlock()
		z.mu.Lock()
		if numbering.Zone != "" && newer(numbering.Serial, z.numbering.Serial) {
			z.numbering = numbering
		}
		z.mu.Unlock()
	}
}

// editUntil makes editions of all zones that are transferred.
func (h *hub) editUntil(ctx context.Context) {
	ticker := time.NewTicker(editionEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, z := range h.allZones() {
				z.mu.Lock()
				z.edit(now)
				z.mu.Unlock()
			}
		}
	}
}

// edit makes an edition of what is served if that differs from the last one and
// it is time: at once for a changed file, and some seconds later for changed
// pools. The caller holds mu.
func (z *zone) edit(now time.Time) {
	if z.transfer.Load() == nil || z.hub.isSucceeded() {
		return
	}
	if !z.greet.IsZero() && now.After(z.greet) {
		z.greet = time.Time{}
		z.notifier.tell(z)
	}
	data, last := z.data.Load(), z.edition.Load()
	z.draft.update(data)
	d := &z.draft
	switch {
	case !d.known && now.Sub(data.loaded) < editionPatience:
		return // what is missing would be denied by secondaries
	case last == nil || last.file != d.file || last.zone.SOA.Serial != z.numbering.Serial: // at once
	case last.sum == d.sum:
		z.changed = time.Time{}
		return
	case z.changed.IsZero():
		z.changed = now
		return
	case now.Sub(z.changed) < editionSettle || now.Sub(z.edited) < editionPause:
		return
	}
	z.publish(data, now)
}

// publish makes the draft the zone's edition: first on disk, then in answers,
// and then secondaries are told. The caller holds mu.
func (z *zone) publish(data *zoneData, now time.Time) {
	last, was := z.edition.Load(), z.numbering
	z.numbering = numbered(was, data, z.draft.sum)
	z.numbering.Zone, z.numbering.Nth = z.origin, z.nth
	if k := z.hub.keeper; k != nil && (data.hasLB || z.numbering.Serial != z.numbering.File) {
		k.serials.set(k.replace, z.place(""), z.numbering, now)
	}
	data = data.withSerial(z.numbering.Serial)
	e := &edition{file: data.file, zone: data.parsed, names: append([]frozen(nil), z.draft.names...), sum: z.draft.sum}
	z.data.Store(data)
	z.edition.Store(e)
	z.changed = time.Time{}
	switch {
	case last != nil:
		z.edited = now
		if z.numbering.Serial != was.Serial || last.file != data.file {
			z.notifier.tell(z)
		}
	case !z.quiet || z.numbering.Serial != was.Serial:
		z.greet = now.Add(editionSettle) // who is told asks at once, and should be answered
	}
}

// numbered is the numbering of what is served now. The serial of a signed SOA
// cannot be changed, and without LB names it is the file's affair alone, unless
// there were some, and their serials.
func numbered(was numbering, data *zoneData, is sum) numbering {
	file := data.file.SOA.Serial
	if data.file.Signed() || !data.hasLB && was.Serial == was.File {
		return numbering{Serial: file, File: file, Sum: is}
	}
	return was.next(file, is)
}

// withSerial is the data under another serial.
func (d *zoneData) withSerial(serial uint32) *zoneData {
	if d.parsed.SOA.Serial == serial {
		return d
	}
	numbered := *d
	numbered.parsed = d.file.WithSerial(serial)
	if serial == d.file.SOA.Serial {
		numbered.parsed = d.file
	}
	numbered.soa = numbered.parsed.NegativeSOA()
	return &numbered
}

// renumbered is a zone that was read anew, under the serial that is served until
// there is an edition of it. The caller holds mu.
func (z *zone) renumbered(file *zones.Zone) *zones.Zone {
	e := z.edition.Load()
	if e == nil || file.Signed() || e.zone.SOA.Serial == file.SOA.Serial {
		return file
	}
	return file.WithSerial(e.zone.SOA.Serial)
}
