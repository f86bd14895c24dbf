package ballast

import (
	"slices"

	"github.com/coredns/caddy"
)

// restartingHub is the hub of the instance that is being replaced, or nil.
// CoreDNS lists the old instance while the new one is set up.
func restartingHub() *hub {
	for _, h := range serving() {
		if h.isRestarting() {
			return h
		}
	}
	return nil
}

// serving are the hubs of all instances that CoreDNS has.
func serving() (hubs []*hub) {
	for _, inst := range caddy.Instances() {
		inst.StorageMu.RLock()
		h, ok := inst.Storage[hubKey{}].(*hub)
		inst.StorageMu.RUnlock()
		if ok {
			hubs = append(hubs, h)
		}
	}
	return hubs
}

func (h *hub) isRestarting() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.restarting
}

func (h *hub) beginRestart() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.restarting = true
	return nil
}

// succeed links a new hub to the one it replaces.
func (h *hub) succeed(old *hub) {
	if old == nil {
		return
	}
	h.old = old
	h.started = old.started
	h.overrides, h.room = old.overrides, old.room
	h.memory, h.absent = old.memory, old.absent
	old.mu.Lock()
	old.successor = h
	old.mu.Unlock()
}

// stopReplaced ends a hub that another one has replaced. At the end of the
// process it does nothing: the server goes on answering while health is a
// lameduck, and should do so from what is true then. CoreDNS ends health before
// this plugin, whose turn comes with stop.
func (h *hub) stopReplaced() error {
	if !h.isRestarting() {
		return nil
	}
	return h.stop()
}

// restartFailed undoes what a new hub has done: CoreDNS drops a new instance
// that failed without telling it.
func (h *hub) restartFailed() error {
	if !slices.Contains(serving(), h) {
		// The new instance serves already; what failed is another plugin's end.
		return h.stop()
	}
	h.mu.Lock()
	successor := h.successor
	h.successor, h.restarting = nil, false
	h.mu.Unlock()
	if successor == nil {
		return nil
	}
	h.takeBackNumberings(successor)
	if !successor.isRunning() {
		successor.discard()
		return nil
	}
	// It took the control socket over: give the old one its name back.
	err := successor.stop()
	h.unlisten()
	h.listen()
	return err
}
