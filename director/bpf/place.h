/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "schedule.h"
#include "table.h"

/* A connection's server side: its tuple, and its move to another server. */

#define PORTS 64 /* source ports tried in mode fullnat */

/* Makes room for a tuple whose last connection is over. A client that uses its
 * port again may do so at once; other clients wait (see port_step). */
static __always_inline bool evict_closed(const struct tuple *key)
{
	__u32 handle = lookup(key);
	struct conn *old;

	if (handle == NO_HANDLE)
		return true;
	old = at(&conns, handle >> 1);
	if (!old)
		return false;
	switch (READ_ONCE(old->state)) {
	case STATE_MOVED:
	case STATE_CLOSE:
	case STATE_TIME_WAIT:
		return end_conn(old, handle >> 1);
	}
	return false;
}

struct port_search {
	__u32 handle;
	__u32 start, stride, min, range;
	__be16 port; /* that was found, or 0 */
};

SCRATCH(wanted, struct tuple); /* the tuple for which room is sought */

/* A tuple stays taken through TIME_WAIT, so that the server never sees it
 * again while it remembers it (RFC 6191). */
static long port_step(__u64 i, struct port_search *f)
{
	struct tuple *key = at(&wanted, 0);
	struct conn *c = at(&conns, f->handle >> 1);

	if (!key || !c)
		return 1;
	key->dport = bpf_htons(f->min + (f->start + i * f->stride) % f->range);
	c->lport = key->dport; /* before the entry: it is what others compare with */
	if (add(key, f->handle))
		return 0;
	f->port = key->dport;
	return 1;
}

static __always_inline int take_port(struct conn *c, __u32 handle, const struct service *s, struct tuple *key)
{
	const struct settings *set = at(&config, 0);
	struct port_search f = { .handle = handle, .min = s->lport_min };

	f.range = s->lport_max - s->lport_min + 1;
	f.start = client_hash(c->client, c->cport, set ? set->seed : 0);
	f.stride = f.range > PORTS * PORTS ? f.start >> 8 | 1 : 1; /* all of a small range */
	key_out(key, c);
	if (f.min > s->lport_max)
		return REASON_DROP_NO_PORT;
	bpf_loop(PORTS, port_step, &f, 0);
	return f.port ? 0 : REASON_DROP_NO_PORT;
}

/* In mode nat the server sees the client's own address and port. */
static __always_inline int keep_port(struct conn *c, __u32 handle, struct tuple *key)
{
	c->lport = c->cport;
	key_out(key, c);
	if (!add(key, handle))
		return 0;
	if (evict_closed(key) && !add(key, handle))
		return 0;
	return REASON_DROP_COLLISION;
}

/* Gives the connection its server and puts the way back into the index. 0, or the
 * reason to drop. */
__noinline int place(struct conn *c, __u32 id, __u32 real, const struct service *s)
{
	const struct real *r = at(&reals, real);
	struct tuple *key = at(&wanted, 0);
	__u32 handle = id << 1 | FROM_SERVER;
	int reason;

	if (!c || !s || !r || !key)
		return REASON_DROP_FAILED;
	c->real = real;
	c->generation = r->generation;
	copy16(c->server, r->addr);
	c->sport = r->port ? r->port : c->vport;
	if (s->mode == MODE_FULLNAT) {
		copy16(c->local, r->source);
		reason = take_port(c, handle, s, key);
	} else {
		copy16(c->local, c->client);
		reason = keep_port(c, handle, key);
	}
	if (reason)
		c->sport = 0; /* no tuple: that of another connection is not ours to end */
	c->diff = bpf_csum_diff((__be32 *)c->client, 32, (__be32 *)c->server, 32, 0);
	return reason;
}

/* Leaves a tombstone at the tuple of the server that is given up, so that what
 * it still sends is known for what it is. */
__noinline int bury(const struct conn *c, __u32 own, __u32 now)
{
	struct tuple key __attribute__((aligned(8)));
	struct conn *t;
	__u32 handle;
	int id;

	if (!c || !c->sport) /* it has no tuple: see place */
		return 0;
	id = take_id();
	t = id < 0 ? NULL : at(&conns, id);
	handle = (__u32)id << 1 | FROM_SERVER;
	key_out(&key, c);
	if (!t) {
		change_entry(&key, own, NO_HANDLE);
		return 0;
	}
	*t = *c;
	t->opening = 0;
	t->lock = 0;
	t->seen = now;
	t->flags = 0;
	t->state = STATE_MOVED;
	return change_entry(&key, own, handle);
}

/* Moves a connection to another server. The caller holds the lock. */
static __always_inline int move(struct conn *c, __u32 id, __u32 real, const struct service *s, __u32 now)
{
	enum class class = class_of(c->state);
	struct tally *t = at(&tallies, real);
	int reason;

	bury(c, id << 1 | FROM_SERVER, now);
	account(c->real, class, -1);
	reason = place(c, id, real, s);
	account(c->real, class, 1);
	if (t && c->proto == 6) /* TCP */
		__sync_fetch_and_add(&t->syns, 1);
	return reason;
}
