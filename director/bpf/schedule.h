/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "util.h"

/* Which real server takes a new connection. director/schedule has the same in
 * Go, and makes the tables. The work is bounded whatever the size of the pool:
 * one look into a table, or at most 32 servers compared. */

#define WALK 64      /* entries of a table tried for an eligible server */
#define EXACT 32     /* servers that least-connections compares one by one */
#define CANDIDATES 16 /* of a larger pool: drawn by weight */

struct choice {
	__u32 service;
	__u32 first;   /* entry to begin with, or random number */
	__u32 opening; /* index + 1; 0: nothing was tried yet */
	__u32 off, len;
	__u32 best;    /* id + 1 */
	__u64 active, weight;
};

/* Of a client's address and, unless 0, its port. schedule.Hash. */
static __always_inline __u32 client_hash(const void *addr, __u16 port, __u64 seed)
{
	__u64 h = mix(mix(mix(seed, ((__u64 *)addr)[0]), ((__u64 *)addr)[1]), port);

	return h ^ h >> 29;
}

static __always_inline __u32 splitmix(__u32 x)
{
	x += 0x9e3779b9;
	x = (x ^ x >> 16) * 0x85ebca6b;
	x = (x ^ x >> 13) * 0xc2b2ae35;
	return x ^ x >> 16;
}

static __always_inline bool was_tried(__u32 opening, __u32 real)
{
	const struct opening *o;

	if (!opening)
		return false;
	o = at(&openings, opening - 1);
	if (!o)
		return false;
	for (int i = 0; i < MAX_TRIES; i++)
		if (i < o->tried_len && o->tried[i] == real)
			return true;
	return false;
}

static __always_inline const struct real *eligible(const struct choice *ch, __u32 id)
{
	const struct real *r = at(&reals, id);

	if (!r || r->state != REAL_UP || !r->weight || r->service != ch->service ||
	    was_tried(ch->opening, id))
		return NULL;
	return r;
}

static long walk_step(__u64 i, struct choice *ch)
{
	__u32 *slot = at(&slots, ch->off + (ch->first + i) % ch->len);

	if (!slot || !eligible(ch, *slot))
		return 0;
	ch->best = *slot + 1;
	return 1;
}

/* Forward from first to the next server that may take it. */
static __always_inline void walk(struct choice *ch, struct span in, __u32 limit)
{
	ch->off = in.off;
	ch->len = in.len;
	if (!in.len || walk_step(0, ch))
		return;
	bpf_loop(in.len < limit ? in.len : limit, walk_step, ch, 0);
}

/* Takes the server with the least active / weight. Of equals the first stays:
 * whose turn it is by weight. What IPVS's wlc adds for connections that are
 * closing is history, and the server that has none of it, since it has just
 * returned, would get every connection. */
static __always_inline void compare(struct choice *ch, __u32 id)
{
	const struct real *r = eligible(ch, id);
	const struct tally *t = at(&tallies, id);
	__u64 active;

	if (!r || !t)
		return;
	active = READ_ONCE(t->active);
	if (ch->best && active * ch->weight >= ch->active * r->weight)
		return;
	ch->best = id + 1;
	ch->active = active;
	ch->weight = r->weight;
}

static long exact_step(__u64 i, struct choice *ch)
{
	__u32 *slot = at(&slots, ch->off + (ch->first + i) % ch->len);

	if (slot)
		compare(ch, *slot);
	return 0;
}

static long draw_step(__u64 i, struct choice *ch)
{
	__u32 *slot = at(&slots, ch->off + splitmix(ch->first + i) % ch->len);

	if (slot)
		compare(ch, *slot);
	return 0;
}

static __always_inline void least(struct choice *ch, const struct service *s)
{
	__u32 *turn;

	if (!s->members.len || !s->table.len)
		return;
	ch->off = s->table.off;
	ch->len = s->table.len;
	if (s->members.len > EXACT) {
		ch->first = bpf_get_prandom_u32();
		bpf_loop(CANDIDATES, draw_step, ch, 0);
		return;
	}
	turn = at(&slots, ch->off + ch->first % ch->len);
	if (turn)
		compare(ch, *turn);
	ch->off = s->members.off;
	ch->len = s->members.len;
	bpf_loop(ch->len, exact_step, ch, 0);
}

/* The id of the chosen server, or -1 if none may take the connection. opening
 * is the index + 1 of what was tried already, or 0. */
__noinline int pick(const struct service *s, __u32 service, const struct tuple *key, __u32 opening)
{
	struct choice ch = { .service = service, .opening = opening };
	__u32 *cursor = at(&cursors, service);

	if (!s || !key || !cursor)
		return -1;
	switch (s->scheduler) {
	case SCHED_SH:
		ch.first = client_hash(key->saddr, 0, s->seed);
		break;
	case SCHED_MAGLEV:
		ch.first = client_hash(key->saddr, bpf_ntohs(key->sport), s->seed);
		break;
	default:
		ch.first = __sync_fetch_and_add(cursor, 1);
	}
	if (s->scheduler == SCHED_LC || s->scheduler == SCHED_WLC || s->scheduler == SCHED_LOAD)
		least(&ch, s);
	if (!ch.best)
		walk(&ch, s->table, WALK);
	if (!ch.best)
		walk(&ch, s->members, MAX_MEMBERS);
	return ch.best - 1;
}
