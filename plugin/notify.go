package ballast

import (
	"sync/atomic"
)

// notifier tells secondaries of new editions. That takes seconds if they do not
// answer, so nobody waits for it, and what comes meanwhile is told once.
type notifier struct {
	due     atomic.Int64 // editions that have not been told
	failing bool         // as last logged; of the goroutine that tells
}

// tell has z's secondaries told soon.
func (n *notifier) tell(z *zone) {
	if n.due.Add(1) > 1 {
		return // the goroutine sees it
	}
	go func() {
		for told := n.due.Load(); told > 0; told = n.due.Add(-told) {
			n.notify(z)
		}
	}()
}

// notify tells them, and logs when that begins to fail or to work again.
func (n *notifier) notify(z *zone) {
	err := z.transfer.Load().Notify(z.origin)
	failing := err != nil
	showNotify(z.origin, failing)
	switch {
	case failing && !n.failing:
		log.Warningf("zone %s: secondaries that are not told of changes look for them every %d s: %v", z.origin, z.data.Load().parsed.SOA.Refresh, err)
	case !failing && n.failing:
		log.Infof("zone %s: all secondaries are told of changes again", z.origin)
	}
	n.failing = failing
}
