package director

import (
	"errors"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/director/schedule"
	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/pool"
)

// judgeEvery is how long a verdict holds at most while nothing happens.
const judgeEvery = time.Second

// judge makes a new verdict on the VIP if anything calls for one, and tells
// the datapath. d.mu is held.
func (d *Director) judge(v *vip, now time.Time) {
	servers := v.servers.last()
	if servers == nil || d.doubted(v, servers, now) {
		return // nothing is known yet: what an earlier run left goes on
	}
	tallies, failed := d.tallies(v, now)
	fresh, spare := v.servers.take(), v.spare.take()
	due := v.verdict == nil || v.dirty || failed || fresh || spare || !now.Before(v.turn) ||
		!v.verdict.Due.IsZero() && !now.Before(v.verdict.Due)
	if !due {
		return
	}
	v.verdict, v.memory = verdict.Next(v.rules, verdict.Input{
		Now: now, Pool: servers, Fallback: v.spare.last(), Overrides: d.overrides(v, now), Tallies: tallies,
	}, v.memory)
	v.judged, v.turn, v.dirty = now, v.next(now, judgeEvery), false
	d.account(v)
	v.trouble = d.enact(v, now)
}

// patience is how long after its start a director does not believe that a VIP
// has no servers, if it had some.
const patience = 15 * time.Second

// doubted tells whether the first pool is empty where an earlier run left
// servers: a Consul that has lost its data knows none until agents have come.
func (d *Director) doubted(v *vip, p *pool.Pool, now time.Time) bool {
	if v.memory != nil || len(p.Servers) > 0 || now.Sub(d.started) >= patience {
		return false
	}
	members, _, err := d.plane.Tables(v.id)
	return err == nil && len(members) > 0
}

// next is the VIP's next turn of what comes once in every: the turns of many
// VIPs are spread over the steps.
func (v *vip) next(now time.Time, every time.Duration) time.Time {
	turn := now.Truncate(every).Add(time.Duration(v.id) * step % every)
	for !turn.After(now) {
		turn = turn.Add(every)
	}
	return turn
}

// enact brings the datapath in line with the verdict: servers first, then the
// tables that name them, and last those that no table names any more go.
func (d *Director) enact(v *vip, now time.Time) error {
	var errs []error
	for _, s := range v.verdict.Servers {
		errs = append(errs, d.apply(v, s, now))
	}
	if err := d.tables(v); err != nil {
		return errors.Join(append(errs, err)...)
	}
	return errors.Join(append(errs, d.sweep(v, now))...)
}

// tables gives the datapath the members by which it chooses, if they changed.
func (d *Director) tables(v *vip) error {
	members := v.choices()
	if v.members != nil && slices.Equal(members, v.members) {
		return nil
	}
	table := schedule.Build(v.kind, members, seed(v.conf))
	if err := d.plane.SetTables(v.id, table.Members, table.Slots); err != nil {
		return err
	}
	v.members = append([]schedule.Member{}, members...) // not nil, also when empty
	return nil
}

// choices are the servers that take connections. Where clients are hashed those
// that do not just now are there without weight: the size of the hash table
// goes by the number of members, and with it most clients would change servers.
func (v *vip) choices() []schedule.Member {
	var members []schedule.Member
	for _, s := range v.verdict.Servers {
		r := v.reals[s.ID]
		if r == nil || !r.is(s) || s.State == verdict.Removed {
			continue
		}
		weight := s.Weight
		if !s.Eligible() || r.way.Err != nil {
			weight = 0
		}
		if weight > 0 || v.kind.Hashed() {
			members = append(members, schedule.Member{Key: s.Addr.String() + " " + s.ID, Real: r.id, Weight: weight})
		}
	}
	return members
}

// tallies are what the datapath counted for each server since the last
// verdict; failed tells whether there were failures among it.
func (d *Director) tallies(v *vip, now time.Time) (map[string]verdict.Tally, bool) {
	out := make(map[string]verdict.Tally, len(v.reals))
	failed := false
	for id, r := range v.reals {
		t := d.plane.Tally(r.id)
		delta := verdict.Tally{
			SYNs: t.Syns - r.tally.Syns, SYNACKs: t.Synacks - r.tally.Synacks, Misses: t.Misses - r.tally.Misses,
			Resets: t.Resets - r.tally.Resets, Unreachable: t.Unreachable - r.tally.Unreachable,
			Active: t.Active, Streak: t.Streak,
		}
		if d.lostNeighbour(r, now) {
			delta.Unreachable++
			delta.Streak += uint32(max(0, v.rules.Consecutive))
		}
		failed = failed || delta.Misses+delta.Resets+delta.Unreachable > 0
		out[id] = delta
	}
	return out, failed
}

// account marks what was counted as seen.
func (d *Director) account(v *vip) {
	for _, r := range v.reals {
		r.tally = d.plane.Tally(r.id)
	}
}

// lostNeighbour tells whether the next hop to a server stopped answering on
// its link since the last verdict.
func (d *Director) lostNeighbour(r *real, now time.Time) bool {
	at, ok := d.lost[r.way.Nexthop]
	return ok && r.way.Nexthop == r.way.Server && now.Sub(at) < judgeEvery
}
