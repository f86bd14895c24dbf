package verdict

import (
	"fmt"
	"strings"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// explain says why the server's state and weight are what they are.
func (s *subject) explain(m *moment, g *group, state State) string {
	var why []string
	say := func(text string) {
		if text != "" {
			why = append(why, text)
		}
	}
	if s.unusable != "" {
		say(s.unusable)
	}
	if s.presumed && s.Health == pool.Critical {
		say("presumed alive, as nobody is")
	}
	say(s.explainHealth(m.in.Now))
	say(s.explainOperator())
	say(s.explainDrain())
	if s.capacity == 0 {
		say("capacity 0: takes nothing new")
	}
	if s.alive {
		say(s.explainEjection(m.cfg))
	}
	if state == Standby {
		say(m.explainStandby(g))
	}
	if s.live() {
		say(s.explainLoad())
		if s.rampLeft > 0 {
			say(fmt.Sprintf("warming up: %.0f%% with %v to go", s.factors.Ramp*100, short(s.rampLeft)))
		}
	}
	if len(why) == 0 {
		return s.Health.String()
	}
	return strings.Join(why, "; ")
}

func (s *subject) explainHealth(now time.Time) string {
	if s.Health != pool.Warning && s.Health != pool.Critical && s.Health != pool.Drained {
		return ""
	}
	text := s.Health.String()
	if !s.Since.IsZero() {
		text += fmt.Sprintf(" for %v", short(max(0, now.Sub(s.Since))))
	}
	if s.Health == pool.Warning {
		text += fmt.Sprintf(", keeps %.2f of its capacity", s.factors.Health)
	}
	if s.Reason != "" {
		text += ": " + s.Reason
	}
	return text
}

func (s *subject) explainOperator() string {
	if s.override == nil {
		return ""
	}
	text := fmt.Sprintf("weight x%.2f by operator", s.factors.Override)
	switch {
	case s.override.Drain:
		text = "drained by operator"
	case s.factors.Override == 1:
		return ""
	}
	if s.override.By != "" {
		text += ": " + s.override.By
	}
	return text
}

func (s *subject) explainDrain() string {
	switch {
	case s.memory.retired:
		return "drained: its connections were reset at the deadline"
	case !s.drain:
		return ""
	case s.deadline.IsZero():
		return fmt.Sprintf("keeps %d connections until they end", s.tally.Active)
	}
	return fmt.Sprintf("keeps %d connections until %s", s.tally.Active, stamp(s.deadline))
}

func (s *subject) explainEjection(cfg *Config) string {
	switch {
	case s.ejected && s.memory.ejected.Equal(s.memory.at):
		return fmt.Sprintf("ejected after %d failures in a row (%d unanswered, %d reset, %d unreachable of %d lately) until %s",
			s.fails, s.tally.Misses, s.tally.Resets, s.tally.Unreachable, s.tally.SYNs, stamp(s.memory.until))
	case s.ejected:
		return fmt.Sprintf("ejected until %s, %s", stamp(s.memory.until), ordinal(s.memory.times))
	case s.spared:
		return fmt.Sprintf("%d failures in a row, but no more servers may be ejected (at most %d%%, never the last)", s.fails, cfg.MaxEjected)
	}
	return ""
}

// ordinal is how often lately.
func ordinal(times int) string {
	if times == 1 {
		return "once lately"
	}
	return fmt.Sprintf("%d times lately", times)
}

func (m *moment) explainStandby(g *group) string {
	switch {
	case g.fallback:
		return "fallback: the servers proper serve"
	case m.verdict.Fallback:
		return "too few are alive: the fallback servers serve"
	}
	return fmt.Sprintf("tier %d waits while tier %d serves", g.tier, m.serving.tier)
}

func (s *subject) explainLoad() string {
	if !s.known || s.target == 1 && s.memory.headroom == 1 {
		return ""
	}
	var text string
	switch {
	case s.memory.overloaded && s.target > 0 && s.faded == 0:
		text = fmt.Sprintf("load %.2f is too high, but so is that of all others: headroom %.2f", s.load, s.memory.headroom)
	case s.memory.overloaded && s.load > outLoad:
		text = fmt.Sprintf("load %.2f is above %.2f", s.load, outLoad)
	case s.memory.overloaded:
		text = fmt.Sprintf("load %.2f after overload: back below %.2f", s.load, backLoad)
	default:
		text = fmt.Sprintf("load %.2f leaves headroom %.2f", s.load, s.target)
	}
	if s.faded > 0 {
		text += fmt.Sprintf(", %.0f%% of it forgotten", s.faded*100)
	}
	if s.memory.headroom != s.target {
		text += fmt.Sprintf(", at %.2f on the way", s.memory.headroom)
	}
	return text
}

// explainWhole is a sentence on all servers proper.
func (m *moment) explainWhole(c census) string {
	if m.in.Pool == nil && len(m.subjects) == 0 {
		return "no pool yet from its source"
	}
	if c.wanted == 0 && m.serving == nil {
		return "no server may serve: there is none, or all are drained or set to 0"
	}
	text := fmt.Sprintf("%d of %d servers alive", c.alive, c.wanted)
	if c.ejected > 0 {
		text += fmt.Sprintf(", %d ejected", c.ejected)
	}
	switch {
	case m.panic:
		return text + ": all are treated as up, since so many failures at once are likelier the checks' fault"
	case m.serving == nil:
		return text + ": nobody serves"
	case m.verdict.Quorum && m.serving.tier != m.groups[0].tier:
		return text + fmt.Sprintf(" in tier %d: tiers before it miss the quorum", m.serving.tier)
	case m.verdict.Quorum:
		return text
	}
	text += fmt.Sprintf(", the quorum is %d", max(1, m.cfg.Quorum))
	if m.cfg.QuorumShare > 0 {
		text += fmt.Sprintf(" and %.0f%% of the capacity", m.cfg.QuorumShare*100)
	}
	if m.verdict.Fallback {
		return text + ": the fallback servers serve"
	}
	return text + ": they serve without"
}

// stamp is a time for people.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// short is a duration for people: parts of seconds count below ten seconds only.
func short(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
