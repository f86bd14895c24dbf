package ballast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/internal/statedir"
)

// keepEvery is how often the keeper looks for what is to be written.
const keepEvery = time.Second

// keeper writes what this process knows into a directory, for the next one. It
// is handed on at a reload, as the sources' pools are.
type keeper struct {
	dir    *statedir.Dir
	nudged chan struct{} // an operator has spoken

	pools     poolsFile     // of the goroutine, and of whoever starts and ends it
	overrides overridesFile // likewise
	serials   serials
	learned   learnedFile

	mu     sync.Mutex
	hubs   []*hub // those that run; the last is the one that is kept
	status control.StateStatus
	cancel context.CancelFunc
	done   chan struct{}
}

// replacer gives a file of the directory new contents, and tells their size.
type replacer func(file string, write func(io.Writer) error) (int64, error)

func newKeeper(path string) *keeper {
	return &keeper{dir: statedir.New(path), nudged: make(chan struct{}, 1), status: control.StateStatus{Dir: path}}
}

// openState begins to keep what the hub knows. A new process starts with what
// the last one left; after a reload the hub knows better.
func (h *hub) openState() {
	h.mu.Lock()
	old := h.old
	h.mu.Unlock()
	switch {
	case h.state == "":
		return
	case old != nil && old.keeper != nil && old.keeper.dir.Path() == h.state:
		h.keeper = old.keeper
	default:
		h.keeper = newKeeper(h.state)
		if old == nil {
			h.keeper.restore(h, time.Now())
		}
	}
	h.keeper.join(h)
}

// join makes h the hub that is kept, until it leaves.
func (k *keeper) join(h *hub) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hubs = append(k.hubs, h)
	if len(k.hubs) > 1 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel, k.done = cancel, make(chan struct{})
	go func() {
		defer close(k.done)
		k.run(ctx)
	}()
}

// leave keeps the hub before h again. With the last one it ends: all is written
// once more, and then another process may write.
func (k *keeper) leave(h *hub) {
	k.mu.Lock()
	k.hubs = slices.DeleteFunc(k.hubs, func(other *hub) bool { return other == h })
	last := len(k.hubs) == 0
	k.mu.Unlock()
	if !last {
		return
	}
	k.cancel()
	<-k.done
	k.keep(h, time.Now(), true)
	if err := k.dir.Close(); err != nil {
		log.Errorf("state: %v", err)
	}
	forgetState(k.dir.Path())
}

func (k *keeper) run(ctx context.Context) {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		if h := k.kept(); h != nil {
			k.keep(h, time.Now(), false)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-k.nudged:
		}
	}
}

func (k *keeper) kept() *hub {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.hubs) == 0 {
		return nil
	}
	return k.hubs[len(k.hubs)-1]
}

// nudge has what operators said written soon. A nil keeper keeps nothing.
func (k *keeper) nudge() {
	if k == nil {
		return
	}
	select {
	case k.nudged <- struct{}{}:
	default:
	}
}

// keep writes what has changed if it is time, and everything if it is the last
// chance.
func (k *keeper) keep(h *hub, now time.Time, last bool) {
	anew, err := k.dir.Hold()
	if anew {
		k.pools, k.overrides = poolsFile{}, overridesFile{}
	}
	if err == nil {
		err = errors.Join(
			k.overrides.keep(k.replace, h.overrides, now, last),
			k.serials.keep(k.replace, now, anew, last),
			k.pools.keep(k.replace, h.knownPools, now, last),
			k.learned.keep(k.replace, h, now, last),
		)
	}
	k.report(err, now)
}

// replace is Dir.Replace, counted.
func (k *keeper) replace(file string, write func(io.Writer) error) (int64, error) {
	size, err := k.dir.Replace(file, write)
	countWrite(k.dir.Path(), err)
	return size, err
}

// report shows how it goes, and logs when that changes.
func (k *keeper) report(err error, now time.Time) {
	k.mu.Lock()
	was := k.status.Err
	k.status.Err, k.status.Current, k.status.Size = "", k.pools.current, k.pools.size
	if err != nil {
		k.status.Err = err.Error()
	}
	status := k.status
	k.mu.Unlock()
	showState(status, now)
	switch {
	case was == "" && errors.Is(err, statedir.ErrTaken):
		log.Warningf("state %s: %v; this one serves all the same, and writes once the other has ended", status.Dir, err)
	case was == "" && err != nil:
		log.Errorf("state %s cannot be written: %v; serving goes on, and a restart will know %s", status.Dir, err, leftBehind(status))
	case was != "" && err == nil:
		log.Infof("state %s is written again", status.Dir)
	}
}

// leftBehind is what the next process will find.
func leftBehind(status control.StateStatus) string {
	if status.Current.IsZero() {
		return "nothing newer than the last one did"
	}
	return fmt.Sprintf("the pools as of %s", status.Current.Format(time.RFC3339))
}

// stateStatus is what the control socket tells; nil if nothing is kept.
func (h *hub) stateStatus() *control.StateStatus {
	if h.keeper == nil {
		return nil
	}
	h.keeper.mu.Lock()
	defer h.keeper.mu.Unlock()
	status := h.keeper.status
	return &status
}
