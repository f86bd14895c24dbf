/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "place.h"
#include "segment.h"
#include "send.h"
#include "sticky.h"

/* The first packet of a connection. */

/* Keeps of the SYN what it takes to make it again. */
static __always_inline int keep_syn(struct __sk_buff *skb, const struct packet *p, struct conn *c, __u32 id)
{
	int slot = take_opening(id);
	struct opening *o = slot < 0 ? NULL : at(&openings, slot);
	__u32 len = p->options;

	if (!o)
		return REASON_DROP_FULL;
	o->isn = p->seq;
	o->sent = p->now;
	o->window = p->window;
	o->tos = p->tos;
	o->ttl = p->ttl - 1;
	o->flags = p->flags;
	o->tried_len = 0;
	o->no_replay = p->payload > 0 || p->fragment;
	__builtin_memset(o->options, 0, sizeof(o->options));
	o->options_len = len;
	c->opening = slot + 1;
	if (!len)
		return 0;
	opaque(len);
	if (len < 4 || len > MAX_OPTIONS || /* four bytes are the unit */
	    bpf_skb_load_bytes(skb, p->l4 + sizeof(struct tcphdr), o->options, len))
		o->no_replay = 1;
	return 0;
}

static __always_inline void fill(struct __sk_buff *skb, const struct packet *p, struct conn *c, __u32 service)
{
	__u32 mtu = 0;

	__builtin_memset(c, 0, sizeof(*c));
	copy16(c->client, p->key.saddr);
	copy16(c->vip, p->key.daddr);
	c->cport = p->key.sport;
	c->vport = p->key.dport;
	c->proto = p->key.proto;
	c->family = p->family;
	c->service = service;
	c->ifindex = skb->ifindex;
	bpf_check_mtu(skb, c->ifindex, &mtu, 0, 0);
	c->mtu = mtu;
	c->seen = c->server_seen = p->now;
	c->client_next = p->seq + 1;
}

/* Takes back a connection that could not be made. */
static __always_inline int undo(struct conn *c, __u32 id, int service, int reason)
{
	forget_opening(c, id);
	c->state = STATE_DEAD;
	give_id(id);
	return leave(service, reason, DROP);
}

/* Half of the room for half-open connections is used: most who ask now are not
 * where they say, and would wash those who are out of the memory of clients. */
static __always_inline bool flooded(void)
{
	const struct settings *set = at(&config, 0);
	const struct gauge *g = at(&gauges, 0);

	return set && g && g->opening > set->openings / 2;
}

static __always_inline void begin(struct conn *c, __u32 real)
{
	struct tally *t = at(&tallies, real);
	struct volume *v = at(&traffic, real);
	bool tcp = c->proto == IPPROTO_TCP;

	if (v)
		v->conns++;
	if (t && tcp)
		__sync_fetch_and_add(&t->syns, 1);
	if (tcp)
		gauge_opening(1);
	account(real, CLASS_ACTIVE, 1);
	c->flags = tcp ? 0 : CONN_UNANSWERED;
	WRITE_ONCE(c->state, tcp ? STATE_OPENING : STATE_UDP);
}

/* Places a new connection with real, or if its tuple is taken there, as another
 * port of the client or VIP may have it, with the next. 0, or why not. */
static __always_inline int place_somewhere(const struct packet *p, struct conn *c, __u32 id, __u32 real)
{
	const struct service *s = at(&services, c->service);
	struct opening *o;
	int next, drop = 0;

	for (int i = 0; i < 3; i++) {
		drop = place(c, id, real, s);
		o = c->opening ? at(&openings, c->opening - 1) : NULL;
		if (!drop || !o || o->tried_len >= MAX_TRIES)
			break;
		o->tried[o->tried_len & (MAX_TRIES - 1)] = real;
		o->tried_len++;
		next = pick(s, c->service, &p->key, c->opening);
		if (next < 0)
			break;
		real = next;
	}
	return drop;
}

__noinline int open_on(struct __sk_buff *skb, struct packet *p, __u32 service, __u32 real, int reason)
{
	const struct service *s = at(&services, service);
	struct tuple key __attribute__((aligned(8)));
	struct conn *c;
	__u32 handle;
	int id, drop = 0;

	if (!p || !s)
		return leave(-1, REASON_DROP_FAILED, DROP);
	id = take_id();
	c = id < 0 ? NULL : at(&conns, id);
	if (!c)
		return leave(service, REASON_DROP_FULL, DROP);
	handle = (__u32)id << 1;
	fill(skb, p, c, service);
	if (c->proto == IPPROTO_TCP)
		drop = keep_syn(skb, p, c, id);
	if (!drop)
		drop = place_somewhere(p, c, id, real);
	if (drop)
		return undo(c, id, service, drop);
	real = c->real;
	if (add(&p->key, handle)) {
		key_out(&key, c);
		change_entry(&key, id << 1 | FROM_SERVER, NO_HANDLE);
		return undo(c, id, service, REASON_DROP_BUSY);
	}
	begin(c, real);
	if (s->sticky && reason != REASON_FORWARD_STICKY && !flooded())
		stick(s, c, p->now);
	return send_to_server(skb, p, c, id, reason);
}

/* Chooses a server for the packet's connection, and sends it there. */
__noinline int open_conn(struct __sk_buff *skb, struct packet *p, __u32 service)
{
	const struct service *s = at(&services, service);
	int real = -1, reason = REASON_FORWARD_STICKY;

	if (!p || !s)
		return leave(-1, REASON_DROP_FAILED, DROP);
	if (s->sticky)
		real = sticky_real(s, service, p);
	if (real < 0) {
		reason = REASON_FORWARD_NEW;
		real = pick(s, service, &p->key, 0);
	}
	if (real >= 0)
		return open_on(skb, p, service, real, reason);
	if (p->key.proto == IPPROTO_TCP)
		return leave_reset(service, REASON_RESET_NO_SERVER, answer_reset(skb, p));
	return leave(service, REASON_DROP_NO_SERVER, DROP);
}

/* While tables are merged, a packet of no connection may be of one that is not
 * there yet: it is sent again, and a RST would be wrong. */
static __always_inline bool merging(void)
{
	const struct settings *set = at(&config, 0);

	return set && set->merging;
}

/* A packet to a VIP that belongs to no connection. */
static __always_inline int unknown(struct __sk_buff *skb, struct packet *p, __u32 service)
{
	if (p->bad)
		return leave(service, p->bad, DROP);
	if (p->key.proto == IPPROTO_UDP)
		return open_conn(skb, p, service);
	if ((p->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN)
		return open_conn(skb, p, service);
	if ((p->flags & (TCP_ACK | TCP_RST)) == TCP_ACK && !merging())
		return leave_reset(service, REASON_RESET_NO_CONN, answer_reset(skb, p));
	return leave(service, REASON_DROP_NO_CONN, DROP);
}
