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
	__u32 *handle = bpf_map_lookup_elem(&flows, key);
	struct conn *old;

	if (!handle)
		return true;
	old = at(&conns, *handle >> 1);
	if (!old)
		return false;
	switch (READ_ONCE(old->state)) {
	case STATE_MOVED:
	case STATE_CLOSE:
	case STATE_TIME_WAIT:
		return end_conn(old, *handle >> 1);
	}
	return false;
}

struct port_search {
	struct tuple key;
	__u32 handle;
	__u32 start, stride, min, range;
	bool found;
} __attribute__((aligned(8)));

/* A tuple stays taken through TIME_WAIT, so that the server never sees it
 * again while it remembers it (RFC 6191). */
static long port_step(__u64 i, struct port_search *f)
{
	f->key.dport = bpf_htons(f->min + (f->start + i * f->stride) % f->range);
	f->found = !bpf_map_update_elem(&flows, &f->key, &f->handle, BPF_NOEXIST);
	return f->found;
}

static __always_inline int take_port(struct conn *c, const struct service *s, struct port_search *f)
{
	const struct settings *set = at(&config, 0);

	f->min = s->lport_min;
	f->range = s->lport_max - s->lport_min + 1;
	f->start = client_hash(c->client, c->cport, set ? set->seed : 0);
	f->stride = f->range > PORTS * PORTS ? f->start >> 8 | 1 : 1; /* all of a small range */
	c->lport = 0;
	key_out(&f->key, c);
	if (f->min > s->lport_max)
		return REASON_DROP_NO_PORT;
	bpf_loop(PORTS, port_step, f, 0);
	if (!f->found)
		return REASON_DROP_NO_PORT;
	c->lport = f->key.dport;
	return 0;
}

/* In mode nat the server sees the client's own address and port. */
static __always_inline int keep_port(struct conn *c, struct port_search *f)
{
	c->lport = c->cport;
	key_out(&f->key, c);
	if (!bpf_map_update_elem(&flows, &f->key, &f->handle, BPF_NOEXIST))
		return 0;
	if (evict_closed(&f->key) && !bpf_map_update_elem(&flows, &f->key, &f->handle, BPF_NOEXIST))
		return 0;
	return REASON_DROP_COLLISION;
}

/* Gives the connection its server and puts the way back into flows. 0, or the
 * reason to drop. */
__noinline int place(struct conn *c, __u32 id, __u32 real, const struct service *s)
{
	const struct real *r = at(&reals, real);
	struct port_search f = { .handle = id << 1 | FROM_SERVER };
	int reason;

	if (!c || !s || !r)
		return REASON_DROP_FAILED;
	c->real = real;
	c->generation = r->generation;
	copy16(c->server, r->addr);
	c->sport = r->port ? r->port : c->vport;
	if (s->mode == MODE_FULLNAT) {
		copy16(c->local, r->source);
		reason = take_port(c, s, &f);
	} else {
		copy16(c->local, c->client);
		reason = keep_port(c, &f);
	}
	if (reason)
		c->sport = 0; /* no tuple: that of another connection is not ours to end */
	c->diff = bpf_csum_diff((__be32 *)c->client, 32, (__be32 *)c->server, 32, 0);
	return reason;
}

/* Leaves a tombstone at the tuple of the server that is given up, so that what
 * it still sends is known for what it is. */
__noinline int bury(const struct conn *c, __u32 now)
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
		bpf_map_delete_elem(&flows, &key);
		return 0;
	}
	*t = *c;
	t->opening = 0;
	t->lock = 0;
	t->seen = now;
	t->flags = 0;
	t->state = STATE_MOVED;
	return bpf_map_update_elem(&flows, &key, &handle, BPF_ANY);
}

/* Moves a connection to another server. The caller holds the lock. */
static __always_inline int move(struct conn *c, __u32 id, __u32 real, const struct service *s, __u32 now)
{
	enum class class = class_of(c->state);
	struct tally *t = at(&tallies, real);
	int reason;

	bury(c, now);
	account(c->real, class, -1);
	reason = place(c, id, real, s);
	account(c->real, class, 1);
	if (t && c->proto == 6) /* TCP */
		__sync_fetch_and_add(&t->syns, 1);
	return reason;
}
