package director

import (
	"time"

	"github.com/ballast-lb/ballast/director/bpf"
	"github.com/ballast-lb/ballast/internal/control"
)

// measureEvery is over how long rates are taken.
const measureEvery = time.Second

// measure brings the rates of a VIP's servers up to date.
func (d *Director) measure(v *vip, now time.Time) {
	if now.Before(v.gauged) {
		return
	}
	v.gauged = v.next(now, measureEvery)
	for _, r := range v.reals {
		traffic, err := d.plane.Traffic(r.id)
		if err != nil {
			continue
		}
		if now.After(r.looked) && !r.looked.IsZero() {
			r.rates = rates(r.before, traffic, now.Sub(r.looked))
		}
		r.before, r.looked = traffic, now
	}
}

func rates(a, b bpf.Volume, over time.Duration) control.Rates {
	per := func(from, to uint64) float64 { return float64(to-from) / over.Seconds() }
	return control.Rates{
		Conns:      per(a.Conns, b.Conns),
		InPackets:  per(a.InPackets, b.InPackets),
		OutPackets: per(a.OutPackets, b.OutPackets),
		InBytes:    per(a.InBytes, b.InBytes),
		OutBytes:   per(a.OutBytes, b.OutBytes),
	}
}

func addRates(to *control.Rates, r control.Rates) {
	to.Conns += r.Conns
	to.InPackets += r.InPackets
	to.OutPackets += r.OutPackets
	to.InBytes += r.InBytes
	to.OutBytes += r.OutBytes
}

func volume(v bpf.Volume) control.Volume {
	return control.Volume{
		Conns: v.Conns, InPackets: v.InPackets, OutPackets: v.OutPackets, InBytes: v.InBytes, OutBytes: v.OutBytes,
	}
}
