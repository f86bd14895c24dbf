package probe

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ballast-lb/ballast/internal/pool"
)

// loop is a Source while it runs: one goroutine that starts checks when they
// are due, takes their outcomes, and publishes.
type loop struct {
	*Source
	outlet   outlet
	schedule schedule
	outcomes chan outcome
	running  int
	checks   sync.WaitGroup
	round    round
	tally    tally
}

// outcome is what one check came to.
type outcome struct {
	task   *task
	result Result
	err    error
	ended  time.Time
	void   bool // the source was stopped meanwhile: the check tells nothing
}

func newLoop(s *Source, publish func(*pool.Pool)) *loop {
	// With room for the outcome of every check that runs, none ever waits,
	// not even after the loop has ended.
	l := &loop{Source: s, outcomes: make(chan outcome, s.options.Limit), outlet: outlet{publish: publish}}
	now := time.Now()
	for i := range s.servers {
		for j := range s.servers[i].addresses {
			t := &task{server: i, address: j, number: len(l.schedule), due: now}
			l.schedule.add(t)
		}
	}
	l.round.begin(len(l.schedule))
	l.tally.addresses = len(l.schedule)
	return l
}

func (l *loop) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	if l.seeded || l.round.active == 0 {
		l.outlet.opened = true
	}
	for ctx.Err() == nil {
		l.startDue(ctx)
		l.outlet.flush(l.Source, time.Now())
		timer.Reset(l.wait(time.Now()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case o := <-l.outcomes:
			l.take(o)
			l.takeWaiting()
		}
	}
}

// startDue starts the checks whose time has come, as far as the limit allows.
func (l *loop) startDue(ctx context.Context) {
	late := uint64(0)
	for l.running < l.options.Limit {
		now := time.Now()
		t, ok := l.schedule.take(now)
		if !ok {
			break
		}
		if t.asked > 0 && now.Sub(t.due) > l.options.Every/2 {
			late++
		}
		l.plan(t)
		l.running++
		l.checks.Go(func() { l.outcomes <- l.ask(ctx, t) })
	}
	l.record.update(func(r *record) { r.stats.Running, r.stats.Late = l.running, r.stats.Late+late })
}

// plan sets when a task that starts now is due again.
func (l *loop) plan(t *task) {
	wait := l.options.interval(rand.Float64())
	if t.asked == 0 {
		wait = l.options.phase(t.number, l.tally.addresses, rand.Float64())
	}
	t.due = t.due.Add(wait)
	t.asked++
}

// ask runs one check. It reads what no one writes while checks run.
func (l *loop) ask(ctx context.Context, t *task) outcome {
	if !l.options.enter(ctx) {
		return outcome{task: t, void: true}
	}
	defer l.options.leave()
	limited, cancel := WithTimeout(ctx, l.options.Timeout)
	defer cancel()
	r, err := l.check(limited, l.servers[t.server].addresses[t.address].target)
	return outcome{task: t, result: r, err: err, ended: time.Now(), void: ctx.Err() != nil}
}

// takeWaiting takes the outcomes that are there already, so that many servers
// that die together make one pool and not one each.
func (l *loop) takeWaiting() {
	for {
		select {
		case o := <-l.outcomes:
			l.take(o)
		default:
			return
		}
	}
}

// take learns from one outcome.
func (l *loop) take(o outcome) {
	l.running--
	if o.void {
		return
	}
	v := &l.servers[o.task.server]
	a := &v.addresses[o.task.address]
	a.observe(o.result, o.err, o.ended)
	old := v.now
	v.compose(o.ended, l.options.Every)
	l.outlet.note(old, v.now)

	l.tally.count(o.task, o.err)
	complete := l.round.done(o.task, a.static)
	if !a.static {
		if o.task.due.Before(o.ended) {
			o.task.due = o.ended
		}
		l.schedule.add(o.task)
	}
	if complete {
		l.outlet.opened = true
	}
	l.record.update(func(r *record) { l.report(r, o, complete) })
}

// report brings the record up to date after an outcome.
func (l *loop) report(r *record, o outcome, complete bool) {
	r.stats.Running, r.stats.Last = l.running, o.ended
	r.stats.Runs++
	switch verdictOf(o.err) {
	case failed:
		r.stats.Failed++
	case unableTo:
		r.stats.Unable++
	}
	if complete {
		r.confirmed = o.ended
	}
	r.static = l.round.active == 0
	r.trouble = l.tally.trouble()
}

// wait is the time until something is to be done unasked.
func (l *loop) wait(now time.Time) time.Duration {
	wait := time.Hour
	if due, ok := l.schedule.next(); ok && l.running < l.options.Limit {
		wait = due.Sub(now)
	}
	if due, ok := l.outlet.due(); ok {
		wait = min(wait, due.Sub(now))
	}
	return max(0, wait)
}
