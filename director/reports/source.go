package reports

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/ballast-lb/ballast/internal/pool"
	"github.com/ballast-lb/ballast/internal/secret"
)

// Source is a pool.Source with the agents' own reports in it.
type Source struct {
	inner    pool.Source
	options  Options
	newAsker func() asker

	mu       sync.Mutex
	stats    Stats
	troubles map[string]string // by server's ID
	trouble  string            // of the first server whose agent's answers are no use, and how many more
}

var _ pool.Source = (*Source)(nil)

// Stats counts questions to agents. Those with answers that are no reports are
// in Bad, those without an answer in Silent.
type Stats struct {
	Good, Bad, Silent uint64
	Servers           int // that are asked
	BadNow, SilentNow int // of these, by their last question
}

// New asks the agents of source's servers. It fails on options that cannot
// work, and on a token file that cannot be read.
func New(source pool.Source, o Options) (*Source, error) {
	o, err := o.complete()
	if err != nil {
		return nil, fmt.Errorf("reports: %w", err)
	}
	token, err := secret.New(o.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("reports: %w", err)
	}
	s := &Source{inner: source, options: o}
	s.newAsker = func() asker { return newCaller(&s.options, token) }
	return s, nil
}

// Run follows the inner source and asks agents until ctx ends or the inner
// source does, whose error it returns. No question is left when it returns.
func (s *Source) Run(ctx context.Context, publish func(*pool.Pool)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLoop(s, publish)
	defer l.pollers.Wait()
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- s.inner.Run(ctx, func(p *pool.Pool) {
			select {
			case l.pools <- p:
			case <-ctx.Done():
			}
		})
	}()
	l.run(ctx)
	return <-ended
}

// Status is the inner source's. If that has no trouble of its own, Err names
// the first server whose agent answers with something that is no report; an
// agent that does not answer is no trouble: its server may be down, or have none.
func (s *Source) Status() pool.Status {
	status := s.inner.Status()
	s.mu.Lock()
	defer s.mu.Unlock()
	if status.Err == "" {
		status.Err = s.trouble
	}
	return status
}

// Stats may be called at any time.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Troubles tells for each server's ID why its agent's last answer is missing
// or no use; servers whose agents report are not in it.
func (s *Source) Troubles() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.troubles)
}

func (s *Source) count(o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o.err == nil:
		s.stats.Good++
	case o.member.bad:
		s.stats.Bad++
	default:
		s.stats.Silent++
	}
}

// tell brings up to date what is wrong now. The first bad report and the end of
// the last one are logged.
func (s *Source) tell(members map[string]*member) {
	troubles, bad := map[string]string{}, []string(nil)
	for id, m := range members {
		if m.trouble != "" {
			troubles[id] = m.trouble
		}
		if m.bad {
			bad = append(bad, id)
		}
	}
	text := ""
	if len(bad) > 0 {
		first := slices.Min(bad)
		text = "server " + first + ": " + troubles[first]
	}
	if len(bad) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(bad)-1)
	}
	s.mu.Lock()
	was := s.trouble
	s.trouble, s.troubles = text, troubles
	s.stats.Servers, s.stats.BadNow, s.stats.SilentNow = len(members), len(bad), len(troubles)-len(bad)
	s.mu.Unlock()
	switch {
	case was == "" && text != "":
		s.options.Log.Warn("an agent's report cannot be used", "source", s.inner.Status().Source, "error", text)
	case was != "" && text == "":
		s.options.Log.Info("all agents' reports can be used again", "source", s.inner.Status().Source)
	}
}
