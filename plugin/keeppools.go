package ballast

import (
	"cmp"
	"io"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/snapshot"
)

const poolsName = "pools.jsonl"

// poolsFile is the file of all pools. Everything is in one, since a part of the
// servers would be of little use, and is written as a whole: what is appended
// would have to be cleared up, and loads change everywhere all the time.
type poolsFile struct {
	keepPace
	saved   map[string]snapshot.Source // what stands in it, by key
	look    time.Time                  // when to look for news again
	current time.Time                  // when servers and health were last as in it; zero if they never were
}

// knownPools are the pools that sources have vouched for, by what they follow.
func (h *hub) knownPools() map[string]snapshot.Source {
	known := map[string]snapshot.Source{}
	for _, f := range h.allFeeds() {
		if f.known() {
			known[f.lasting] = snapshot.Source{Key: f.lasting, Name: f.name, Confirmed: f.status().Confirmed, Pool: f.pool.Load()}
		}
	}
	return known
}

// keep writes the pools if they changed and it is time, or if it is the last
// chance: then in any case, as nobody knows what became of the file.
func (f *poolsFile) keep(replace replacer, pools func() map[string]snapshot.Source, now time.Time, last bool) error {
	if now.Before(f.look) && !last {
		return f.err
	}
	began := time.Now()
	known := pools()
	n := f.news(known)
	f.look = now.Add(keepShare * time.Since(began))
	if n == nothing {
		f.err = nil
	}
	if n < changes && f.err == nil {
		f.current = now
	}
	if !last && !f.due(n, now) {
		return f.err
	}
	size, err := replace(poolsName, func(out io.Writer) error {
		return snapshot.EncodePools(out, now, byName(known))
	})
	if err == nil {
		f.saved, f.current = known, now
	}
	return f.note(now, time.Now(), size, err)
}

// byName are sources in an order that stays.
func byName(known map[string]snapshot.Source) iter.Seq[snapshot.Source] {
	return slices.Values(slices.SortedFunc(maps.Values(known), func(a, b snapshot.Source) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
	}))
}

// news tells what of the pools is not in the file.
func (f *poolsFile) news(known map[string]snapshot.Source) news {
	if f.saved == nil || len(known) != len(f.saved) {
		return changes
	}
	most := nothing
	for key, is := range known {
		was, ok := f.saved[key]
		switch {
		case !ok || was.Pool != is.Pool && !alike(was.Pool, is.Pool):
			return changes
		case was.Pool != is.Pool || !was.Confirmed.Equal(is.Confirmed):
			most = ages
		}
	}
	return most
}

// alike tells whether two pools differ at most in what passes quickly.
func alike(p, q *pool.Pool) bool {
	if len(p.Servers) != len(q.Servers) {
		return false
	}
	calm := *q
	calm.Servers = slices.Clone(q.Servers)
	for i := range calm.Servers {
		s, was := &calm.Servers[i], &p.Servers[i]
		s.Load, s.Reason, s.Flip, s.Wavering = was.Load, was.Reason, was.Flip, was.Wavering
	}
	return p.Equal(&calm)
}
