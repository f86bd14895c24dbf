/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "table.h"

/* Garbage collection by a timer in the kernel, so that connections end in time
 * also while the program is not there. */

#define SWEEP_MIN 256 /* connections looked at in one step, at least */

struct sweep {
	__u32 from, total, now, expired;
};

static long sweep_step(__u64 i, struct sweep *s)
{
	const struct settings *set = at(&config, 0);
	__u32 id = (s->from + i) % s->total, state;
	struct conn *c = at(&conns, id);

	if (!c || !set)
		return 1;
	state = c->state;
	if (state == STATE_FREE || state == STATE_DEAD || state >= STATE_MAX)
		return 0;
	if (past(s->now, c->seen, set->timeouts[state]))
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
	batch = set->gc_batch < SWEEP_MIN ? SWEEP_MIN : set->gc_batch;
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
