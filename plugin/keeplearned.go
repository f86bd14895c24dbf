package ballast

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ballast-lb/ballast/plugin/policy"
	"github.com/ballast-lb/ballast/plugin/snapshot"
)

const learnedName = "learned.jsonl"

// learnedEvery is how often what policies have learned is written, besides at the
// end: it changes with every question, and little in a minute.
const learnedEvery = 5 * time.Minute

// memory is what the policy of one name has learned.
type memory struct {
	Zone string `json:"zone"`
	Nth  int    `json:"nth,omitempty"` // of the zones with that origin; see views
	Name string `json:"name"`
	policy.Memory
}

// learnedFile is the file of what policies have learned.
type learnedFile struct{ keepPace }

// keep writes it if it is time, or the last chance.
func (f *learnedFile) keep(replace replacer, h *hub, now time.Time, last bool) error {
	if f.tried.IsZero() { // a process that has just begun knows no better
		f.tried = now
	}
	wait := f.pause()
	if f.err == nil {
		wait = max(wait, learnedEvery)
	}
	if now.Sub(f.tried) < wait && !last {
		return f.err
	}
	if !h.learned(func(memory) bool { return false }) {
		return nil // nothing, as most have
	}
	size, err := replace(learnedName, func(out io.Writer) error {
		e := snapshot.NewEncoder(out, snapshot.Learned, now)
		h.learned(func(m memory) bool { e.Add(m); return true })
		return e.End()
	})
	return f.note(now, time.Now(), size, err)
}

// learned tells of each policy that has learned something, until tell has enough,
// and whether there is any.
func (h *hub) learned(tell func(memory) bool) (any bool) {
	for _, z := range h.allZones() {
		for owner, s := range z.data.Load().steers {
			r, ok := s.policy.(policy.Rememberer)
			if !ok {
				continue
			}
			m, some := r.Remember()
			if !some {
				continue
			}
			any = true
			if !tell(memory{z.origin, z.nth, owner, m}) {
				return any
			}
		}
	}
	return any
}

// recall gives policies what those of an earlier process have learned, and tells
// how many names that are. Nothing is used of a file that is not whole.
func (h *hub) recall(in io.Reader, now time.Time) (n int, err error) {
	names, known := h.rememberers(), map[policy.Rememberer]memory{}
	_, err = snapshot.Decode(in, snapshot.Learned, func(record []byte) error {
		var m memory
		if err := json.Unmarshal(record, &m); err != nil {
			return err
		}
		if m.Zone == "" || m.Name == "" {
			return errors.New("it names no name")
		}
		if r := names[placeOf(m.Zone, m.Nth)+m.Name]; r != nil { // else a name, or a policy, of before
			known[r] = m
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	var errs []error
	for r, m := range known {
		if err := r.Recall(m.Memory, now); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Name, err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}

// rememberers are the policies that can recall, by the place of their names.
func (h *hub) rememberers() map[string]policy.Rememberer {
	found := map[string]policy.Rememberer{}
	for _, z := range h.allZones() {
		for owner, s := range z.data.Load().steers {
			if r, ok := s.policy.(policy.Rememberer); ok {
				found[z.place(owner)] = r
			}
		}
	}
	return found
}
