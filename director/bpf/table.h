/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "index.h"

/* The connection table. One record for each connection, reached from both
 * directions through the index. An entry of that is the lock on a tuple, and
 * nothing but the record's own end takes its tuples out again. */

enum class { CLASS_NONE, CLASS_ACTIVE, CLASS_INACTIVE };

static __always_inline enum class class_of(__u8 state)
{
	switch (state) {
	case STATE_OPENING:
	case STATE_ANSWERED:
	case STATE_ESTABLISHED:
	case STATE_UDP:
		return CLASS_ACTIVE;
	case STATE_FIN_WAIT:
	case STATE_TIME_WAIT:
	case STATE_CLOSE:
		return CLASS_INACTIVE;
	}
	return CLASS_NONE;
}

/* The client has not shown yet that it receives what is sent to it. */
static __always_inline bool half_open(__u8 state)
{
	return state == STATE_OPENING || state == STATE_ANSWERED;
}

static __always_inline void account(__u32 real, enum class class, int delta)
{
	struct tally *t = at(&tallies, real);

	if (!t)
		return;
	if (class == CLASS_ACTIVE)
		__sync_fetch_and_add(&t->active, delta);
	else if (class == CLASS_INACTIVE)
		__sync_fetch_and_add(&t->inactive, delta);
}

static __always_inline void gauge_opening(int delta)
{
	struct gauge *g = at(&gauges, 0);

	if (g)
		__sync_fetch_and_add(&g->opening, delta);
}

/* The four bytes from state on, which change together. */
union status {
	struct {
		__u8 state, flags, repeats, spare;
	};
	__u32 word;
};

/* Goes from one state to the next, and counts it once however many CPUs try. */
static __always_inline bool become(struct conn *c, __u8 from, __u8 state, __u8 set, __u8 clear)
{
	__u32 *word = (__u32 *)&c->state;

	for (int i = 0; i < 4; i++) {
		union status old, new;

		old.word = READ_ONCE(*word);
		if (old.state != from || from == STATE_DEAD || from == STATE_FREE)
			return false;
		new = old;
		new.state = state;
		new.flags = (old.flags & ~clear) | set;
		if (__sync_val_compare_and_swap(word, old.word, new.word) != old.word)
			continue;
		if (class_of(from) != class_of(state)) {
			account(c->real, class_of(from), -1);
			account(c->real, class_of(state), 1);
		}
		if (half_open(from) && !half_open(state))
			gauge_opening(-1);
		return true;
	}
	return false;
}

static __always_inline bool try_lock(struct conn *c)
{
	return __sync_val_compare_and_swap(&c->lock, 0, 1) == 0;
}

static __always_inline void unlock(struct conn *c)
{
	WRITE_ONCE(c->lock, 0);
}

static __always_inline void key_in(struct tuple *k, const struct conn *c)
{
	copy16(k->saddr, c->client);
	copy16(k->daddr, c->vip);
	k->sport = c->cport;
	k->dport = c->vport;
	k->proto = c->proto;
	__builtin_memset(k->pad, 0, sizeof(k->pad));
}

static __always_inline void key_out(struct tuple *k, const struct conn *c)
{
	copy16(k->saddr, c->server);
	copy16(k->daddr, c->local);
	k->sport = c->sport;
	k->dport = c->lport;
	k->proto = c->proto;
	__builtin_memset(k->pad, 0, sizeof(k->pad));
}

/* An id for a new connection, or -1: never used ones first, then the one that
 * was given back longest ago. */
static __always_inline int take_id(void)
{
	const struct settings *set = at(&config, 0);
	struct gauge *g = at(&gauges, 0);
	__u32 id;

	if (!set || !g)
		return -1;
	if (READ_ONCE(g->fresh) < set->conns) {
		id = __sync_fetch_and_add(&g->fresh, 1);
		if (id < set->conns)
			goto taken;
		__sync_fetch_and_add(&g->fresh, -1);
	}
	if (bpf_map_pop_elem(&released, &id))
		return -1;
taken:
	__sync_fetch_and_add(&g->used, 1);
	return id;
}

static __always_inline void give_id(__u32 id)
{
	struct gauge *g = at(&gauges, 0);

	if (g)
		__sync_fetch_and_add(&g->used, -1);
	bpf_map_push_elem(&released, &id, 0);
}

static __always_inline void forget_opening(struct conn *c, __u32 id)
{
	struct opening *o;

	if (!c->opening)
		return;
	o = at(&openings, c->opening - 1);
	if (o)
		__sync_val_compare_and_swap(&o->conn, id + 1, 0);
	c->opening = 0;
}

/* Ends a connection's record. Safe to call from several CPUs at once. */
__noinline int end_conn(struct conn *c, __u32 id)
{
	struct tuple key __attribute__((aligned(8)));
	__u8 state;

	if (!c)
		return 0;
	state = READ_ONCE(c->state);
	if (state == STATE_FREE || state == STATE_DEAD || !try_lock(c))
		return 0;
	if (!become(c, state, STATE_DEAD, 0, 0xff)) {
		unlock(c);
		return 0;
	}
	if (state != STATE_MOVED) {
		key_in(&key, c);
		change_entry(&key, id << 1, NO_HANDLE);
	}
	key_out(&key, c);
	change_entry(&key, id << 1 | FROM_SERVER, NO_HANDLE);
	forget_opening(c, id);
	unlock(c);
	give_id(id);
	return 1;
}

#define NEAR 4    /* slots of openings at the head looked at for a free one */
#define PROBES 12 /* and more at random, in case many of the head's neighbours wait */

/* A slot of openings for connection id. The head stays where slots are free, so
 * that few are in use, and warm in the cache, as long as clients are answered.
 * Under a flood it goes round: the oldest half-open connection makes room, and
 * never one that its client has acknowledged. -1: none to be had. */
__noinline int take_opening(__u32 id)
{
	const struct settings *set = at(&config, 0);
	struct gauge *g = at(&gauges, 0);
	struct opening *o;
	struct conn *old;
	__u32 head, slot, held;

	if (!set || !g)
		return -1;
	head = READ_ONCE(g->head);
	for (int i = 0; i < PROBES; i++) {
		slot = (i < NEAR ? head + i : bpf_get_prandom_u32()) & (set->openings - 1);
		o = at(&openings, slot);
		if (!o)
			return -1;
		if (READ_ONCE(o->conn) || __sync_val_compare_and_swap(&o->conn, 0, id + 1))
			continue;
		if (i)
			WRITE_ONCE(g->head, slot);
		return slot;
	}
	slot = head & (set->openings - 1);
	WRITE_ONCE(g->head, head + 1);
	o = at(&openings, slot);
	held = o ? READ_ONCE(o->conn) : 0;
	old = held ? at(&conns, held - 1) : NULL;
	if (!old || !half_open(old->state) || old->opening != slot + 1 || !end_conn(old, held - 1))
		return -1;
	__sync_fetch_and_add(&g->displaced, 1);
	return __sync_val_compare_and_swap(&o->conn, 0, id + 1) ? -1 : slot;
}
