package ballast

import (
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/plugin/policy"
)

// overrides are what operators have said of servers. The zero value is empty.
type overrides struct {
	mu      sync.Mutex
	all     []control.Override // never written to, but replaced
	version uint64             // counts changes
}

// of returns what applies to the servers of a pool that serves owner. A drain
// wins over a factor, and a later word over an earlier one.
func (o *overrides) of(owner string, p *pool.Pool, now time.Time) map[string]policy.Override {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.all) == 0 || p == nil {
		return nil
	}
	found := map[string]policy.Override{}
	for _, word := range o.all {
		if !word.Active(now) || !word.MatchName(owner, p.Service) {
			continue
		}
		for i := range p.Servers {
			id := p.Servers[i].ID
			if word.MatchServer(&p.Servers[i]) && !found[id].Drain {
				found[id] = policy.Override{Factor: word.Factor, Drain: word.Drain, Until: word.Until, By: word.By}
			}
		}
	}
	return found
}

// current is the version of what was said.
func (o *overrides) current() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.version
}

// set adds a word, or replaces the one on the same server and name.
func (o *overrides) set(word control.Override) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(slices.DeleteFunc(slices.Clone(o.all), sameTarget(word.Server, word.Name)), word)
	o.version++
}

// clear takes back what was said of server at owner, or everywhere if owner is
// empty, and tells how many words that were.
func (o *overrides) clear(server, owner string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := len(o.all)
	o.all = slices.DeleteFunc(slices.Clone(o.all), func(w control.Override) bool {
		return w.Server == server && (owner == "" || w.Name == owner)
	})
	o.version++
	return before - len(o.all)
}

func sameTarget(server, owner string) func(control.Override) bool {
	return func(w control.Override) bool { return w.Server == server && w.Name == owner }
}

// expire drops the words that have ended and tells whether there were any.
func (o *overrides) expire(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := len(o.all)
	o.all = slices.DeleteFunc(slices.Clone(o.all), func(w control.Override) bool { return !w.Active(now) })
	if len(o.all) == before {
		return false
	}
	o.version++
	return true
}

// latest are all words, and a number that is another one after each change.
func (o *overrides) latest() ([]control.Override, uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all, o.version
}

func (o *overrides) list() []control.Override {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]control.Override{}, o.all...) // [] in JSON, not null
}
