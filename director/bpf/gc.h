/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "table.h"

/* Garbage collection by a timer in the kernel, so that connections end in time
 * also while the program is not there. */

#define SWEEP_MIN 256 /* connections looked at in one step, at least */

#define SWEEP_MAX 8192 /* and at most: they are cache misses in a soft interrupt */

struct sweep {
	__u32 from, total, now, expired, press;
};

/* How full the table is: what is over, or was never answered, is forgotten
 * sooner then, as a power of two. Live connections never are. */
static __always_inline __u32 press_of(__u32 used, __u32 conns)
{
	if (used > conns - conns / 8)
		return 5;
	if (used > conns - conns / 4)
		return 3;
	return used > conns / 2;
}

static __always_inline bool yields(const struct conn *c, __u8 state)
{
	switch (state) {
	case STATE_OPENING:
	case STATE_ANSWERED:
	case STATE_TIME_WAIT:
	case STATE_CLOSE:
	case STATE_MOVED:
		return true;
	case STATE_UDP:
		return c->flags & CONN_UNANSWERED;
	}
	return false;
}

static long sweep_step(__u64 i, struct sweep *s)
{
	const struct settings *set = at(&config, 0);
	__u32 id = (s->from + i) % s->total, state, timeout;
	struct conn *c = at(&conns, id);

	if (!c || !set)
		return 1;
	state = c->state;
	if (state == STATE_FREE || state == STATE_DEAD || state >= STATE_MAX)
		return 0;
	timeout = set->timeouts[state];
	if (yields(c, state))
		timeout >>= s->press;
	if (past(s->now, c->seen, timeout))
		s->expired += end_conn(c, id);
	return 0;
}

__noinline int sweep_some(void)
{
	const struct settings *set = at(&config, 0);
	struct gauge *g = at(&gauges, 0);
	struct sweep s = { .now = tick() };
	__u32 batch;

	if (!set || !g)
		return 0;
	s.total = g->fresh;
	if (!s.total)
		return 0;
	s.from = g->cursor % s.total;
	s.press = press_of(g->used, set->conns);
	g->press = s.press;
	batch = set->gc_batch < SWEEP_MIN ? SWEEP_MIN : set->gc_batch;
	if (batch > SWEEP_MAX)
		batch = SWEEP_MAX;
	if (batch > s.total)
		batch = s.total;
	bpf_loop(batch, sweep_step, &s, 0);
	if (s.from + batch >= s.total)
		g->sweeps++;
	g->cursor = s.from + batch;
	g->gc_steps++;
	g->expired += s.expired;
	return s.expired;
}

static int gc_tick(void *map, __u32 *key, struct gc *value)
{
	const struct settings *set = at(&config, 0);

	sweep_some();
	if (set && set->gc_every)
		bpf_timer_start(&value->timer, set->gc_every, 0);
	return 0;
}
