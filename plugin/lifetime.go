package ballast

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

// tickEvery is how often the hub looks for plans that are due, sourceEvery for
// sources that failed or came back.
const (
	tickEvery   = 250 * time.Millisecond
	sourceEvery = time.Second
)

// start follows all sources, waits for their first pools as long as the
// Corefile allows, and opens the control socket. CoreDNS serves afterwards; in
// a reload the old instance serves until then.
func (h *hub) start() error {
	if h.peering != nil {
		if err := h.peering.open(h.memory, h.absent); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.openState()
	running.add(h)
	h.mu.Lock()
	h.cancel, h.running = cancel, true
	for _, f := range h.feeds {
		f.start()
	}
	h.mu.Unlock()
	for _, z := range h.allZones() {
		h.wg.Go(func() { z.follow(ctx) })
		zoneReloadFailed.WithLabelValues(z.origin).Set(0)
	}
	if h.peering != nil {
		context.AfterFunc(ctx, func() { h.peering.exchange.Close() }) // also while it is sending
		h.wg.Go(func() { h.peering.send(ctx) })
		h.wg.Go(func() { h.peering.receive(h) })
	}
	h.wg.Go(func() { h.tickUntil(ctx) })
	h.wg.Go(func() { h.editUntil(ctx) })
	h.awaitPools()
	h.listen()
	return nil
}

// graceForWord is how long the start waits for sources whose pools are known
// from the last process: long enough for a Consul that is well.
const graceForWord = 500 * time.Millisecond

// awaitPools waits until every pool has been seen, but not for ever. Pools from
// disk count, but so that nobody gets servers that went meanwhile their sources
// have a moment to say so.
func (h *hub) awaitPools() {
	defer h.awaitWord(time.Now().Add(min(graceForWord, h.startupTimeout)))
	timeout := time.NewTimer(h.startupTimeout)
	defer timeout.Stop()
	for _, f := range h.allFeeds() {
		select {
		case <-f.first:
		case <-timeout.C:
			log.Warningf("not all pools are known after %s: %s; serving the rest", h.startupTimeout, f.name)
			return
		}
	}
}

// awaitWord waits until the sources of pools from disk have vouched for them or
// turned out to be in trouble.
func (h *hub) awaitWord(deadline time.Time) {
	for _, f := range h.allFeeds() {
		for f.unheard() && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if !f.snapshot.IsZero() {
			f.replan(time.Now()) // trouble shortens the TTL
		}
	}
}

// listen serves the control socket. A name server without it is still a name
// server, so trouble with it is no reason not to start.
func (h *hub) listen() {
	if h.control == controlOff || len(h.allZones()) == 0 {
		return
	}
	l, err := control.Listen(cmp.Or(h.control, control.DefaultPath()))
	if err != nil {
		log.Errorf("no control socket, ballastctl will not work: %v", err)
		if errors.Is(err, control.ErrConflict) {
			log.Error("if both listen on one port, the kernel splits the queries between them; give this one another port and 'control PATH', or end the other")
		}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	h.unlisten = func() { cancel(); <-ended }
	go func() {
		defer close(ended)
		if err := control.Serve(ctx, l, &operator{hub: h}, log.Warningf); err != nil {
			log.Errorf("control socket: %v", err)
		}
	}()
}

func (h *hub) tickUntil(ctx context.Context) {
	ticker, sources := time.NewTicker(tickEvery), time.NewTicker(sourceEvery)
	defer ticker.Stop()
	defer sources.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			h.tick(now)
		case now := <-sources.C:
			for _, f := range h.allFeeds() {
				f.tick(now)
			}
		}
	}
}

func (h *hub) tick(now time.Time) {
	if h.overrides.expire(now) {
		h.overridesChanged(now)
	}
	orders := h.overrides.current()
	for _, z := range h.allZones() {
		for _, s := range z.data.Load().steers {
			s.tick(now, orders)
		}
	}
}

// overridesChanged makes all plans anew, in a reload those of both hubs.
func (h *hub) overridesChanged(now time.Time) {
	h.keeper.nudge()
	h.updateAll(now)
	h.mu.Lock()
	successor := h.successor
	h.mu.Unlock()
	if successor != nil {
		successor.updateAll(now)
	}
}

// updateAll makes all plans anew, after a change that any of them may depend on.
func (h *hub) updateAll(now time.Time) {
	for _, z := range h.allZones() {
		for _, s := range z.data.Load().steers {
			s.update(now)
		}
	}
}

// stop ends everything the hub started.
func (h *hub) stop() error {
	h.mu.Lock()
	cancel := h.cancel
	h.running, h.cancel = false, nil
	h.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	running.remove(h)
	h.unlisten()
	h.wg.Wait()
	for _, f := range h.allFeeds() {
		f.stop()
	}
	if h.keeper != nil {
		h.keeper.leave(h)
	}
	h.discard()
	return nil
}

// discard lets go of what a hub has from its setup on, started or not.
func (h *hub) discard() {
	for _, c := range h.clients {
		c.Close()
	}
	h.forgetMetrics()
	h.mu.Lock()
	successor := h.successor
	h.mu.Unlock()
	if successor != nil {
		successor.mu.Lock()
		successor.old = nil
		successor.mu.Unlock()
	}
}

func (h *hub) isRunning() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running
}
