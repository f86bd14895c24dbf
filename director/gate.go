package director

import (
	"errors"
	"sync"
)

// errEnding answers requests that come when the datapath is being let go of.
var errEnding = errors.New("the director is about to end")

// gate lets requests in until it is shut: a server of requests may end before
// the last of them has, but what they read must not go away under them.
type gate struct {
	mu   sync.RWMutex
	down bool
}

// enter lets a request in, which has to call leave then, or not.
func (g *gate) enter() error {
	g.mu.RLock()
	if g.down {
		g.mu.RUnlock()
		return errEnding
	}
	return nil
}

func (g *gate) leave() { g.mu.RUnlock() }

// shut lets nobody in any more, and waits for those who are.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = true
}
