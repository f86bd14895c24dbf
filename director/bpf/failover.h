/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "open.h"

/* What happens to a connection when its server fails. While it is opening it
 * goes to another server; once established it is never translated anew: its
 * client is told by a RST, so that it can connect again. */

static __always_inline struct opening *opening_of(const struct conn *c, __u32 id)
{
	struct opening *o = c->opening ? at(&openings, c->opening - 1) : NULL;

	return o && o->conn == id + 1 ? o : NULL;
}

static __always_inline bool is_dead(const struct conn *c, const struct real *r)
{
	return r->generation != c->generation || r->state == REAL_DOWN || r->state == REAL_ABSENT;
}

/* Whether the packet came in where the connection's server is. A client cannot
 * send in the name of a server where these have an interface of their own. */
static __always_inline bool on_server_side(const struct __sk_buff *skb, const struct conn *c)
{
	const struct real *r = at(&reals, c->real);

	return r && skb->ifindex == r->ifindex;
}

/* A packet in the server's name that came in where the client is. */
static __always_inline bool wrong_side(const struct __sk_buff *skb, const struct conn *c, const struct real *r)
{
	return skb->ifindex == c->ifindex && c->ifindex != r->ifindex;
}

/* A client's packets come in elsewhere now: another route, or its interface was
 * made anew. Not where the servers are, though. */
static __always_inline bool client_moved(const struct __sk_buff *skb, struct conn *c, const struct real *r)
{
	if (skb->ifindex == r->ifindex)
		return false;
	c->ifindex = skb->ifindex;
	return true;
}

enum failure { FAILED_SILENT, FAILED_RESET, FAILED_UNREACHABLE };

static __always_inline void blame(__u32 real, enum failure why)
{
	struct tally *t = at(&tallies, real);

	if (!t)
		return;
	__sync_fetch_and_add(&t->streak, 1);
	if (why == FAILED_RESET)
		__sync_fetch_and_add(&t->resets, 1);
	else if (why == FAILED_UNREACHABLE)
		__sync_fetch_and_add(&t->unreachable, 1);
	else
		__sync_fetch_and_add(&t->misses, 1);
}

#define MOVES 3 /* servers tried at once where tuples are taken */

/* Moves an opening connection to a server that was not tried yet. 0, or why
 * not: REASON_DROP_NO_SERVER if there is none left. If its tuple is taken at
 * every server that was tried it ends, and begins anew with its next SYN. */
__noinline int reselect(struct conn *c, __u32 id, struct opening *o, __u32 now)
{
	const struct service *s;
	struct tuple key __attribute__((aligned(8)));
	int real, reason = REASON_DROP_NO_SERVER;

	if (!c || !o || !(s = at(&services, c->service)))
		return REASON_DROP_FAILED;
	if (!try_lock(c))
		return REASON_DROP_BUSY;
	key_in(&key, c);
	if (c->state != STATE_OPENING)
		reason = REASON_DROP_BUSY;
	for (int i = 0; i < MOVES && c->state == STATE_OPENING; i++) {
		if (o->tried_len + 1 >= s->tries || o->tried_len >= MAX_TRIES)
			break;
		o->tried[o->tried_len & (MAX_TRIES - 1)] = c->real;
		o->tried_len++;
		real = pick(s, c->service, &key, c->opening);
		if (real < 0)
			break;
		reason = move(c, id, real, s, now);
		if (!reason)
			break;
	}
	o->sent = now;
	if (!reason && s->sticky)
		stick(s, c, now);
	unlock(c);
	if (!c->sport)
		end_conn(c, id);
	return reason;
}

/* The client has sent its SYN again. */
__noinline int repeated_syn(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct service *s;
	const struct real *r;
	struct opening *o;
	int reason;

	if (!p || !c || !(s = at(&services, c->service)) || !(r = at(&reals, c->real)) || !(o = opening_of(c, id)))
		return leave(-1, REASON_DROP_FAILED, DROP);
	c->seen = p->now;
	if (!is_dead(c, r) && r->state != REAL_EJECTED && !past(p->now, o->sent, s->retry))
		return send_to_server(skb, p, c, id, REASON_FORWARD_REPEATED);
	blame(c->real, FAILED_SILENT);
	reason = reselect(c, id, o, p->now);
	if (!reason)
		return send_to_server(skb, p, c, id, REASON_RETRY_SILENT);
	if (reason != REASON_DROP_NO_SERVER)
		return leave(c->service, reason, DROP);
	if (is_dead(c, r)) {
		reason = c->service;
		end_conn(c, id);
		return leave_reset(reason, REASON_RESET_NO_SERVER, answer_reset(skb, p));
	}
	o->tried_len = 0; /* everyone had a turn: once more round */
	o->sent = p->now;
	return send_to_server(skb, p, c, id, REASON_FORWARD_REPEATED);
}

/* Makes of a server's refusal the client's SYN to the next server. CONTINUE
 * when there is none, and the refusal is to be passed on. */
__noinline int retry_in_place(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id,
				     enum failure why)
{
	struct segment *s = new_segment();
	const struct real *r;
	struct opening *o;
	int reason;

	if (!p || !c || !s || !(o = opening_of(c, id)))
		return CONTINUE;
	blame(c->real, why);
	if (o->no_replay)
		return CONTINUE;
	reason = reselect(c, id, o, p->now);
	if (reason == REASON_DROP_NO_SERVER)
		return CONTINUE;
	if (reason || !(r = at(&reals, c->real)))
		return leave(c->service, reason ? reason : REASON_DROP_FAILED, DROP);
	copy16(s->src, c->local);
	copy16(s->dst, c->server);
	s->sport = c->lport;
	s->dport = c->sport;
	s->seq = o->isn;
	s->window = o->window;
	s->flags = o->flags;
	s->ttl = o->ttl;
	s->tos = o->tos;
	s->family = c->family;
	s->options_len = o->options_len;
	s->opening = c->opening;
	c->seen = p->now;
	if (make_segment(skb, p, s))
		return leave(c->service, REASON_DROP_FAILED, DROP);
	return leave(c->service, why == FAILED_RESET ? REASON_RETRY_RESET : REASON_RETRY_UNREACHABLE, to_server(r));
}

/* Refuses an opening connection towards its client, in the buffer of what a
 * server or the network said of it. */
__noinline int tell_client(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id, __u32 isn)
{
	struct segment *s = new_segment();

	if (!p || !c || !s)
		return DROP;
	s->flags = TCP_RST | TCP_ACK;
	s->ttl = 64;
	s->ack = isn + 1;
	copy16(s->src, c->vip);
	copy16(s->dst, c->client);
	s->sport = c->vport;
	s->dport = c->cport;
	s->family = c->family;
	if (make_segment(skb, p, s))
		return DROP;
	forget_opening(c, id);
	become(c, STATE_OPENING, STATE_CLOSE, 0, 0);
	return to_client(c->ifindex);
}

/* A client's packet of a connection whose server is dead. CONTINUE if it is to
 * be sent on all the same. */
__noinline int dead_server(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct service *s;
	const struct real *r;
	bool silent;

	if (!p || !c || !(s = at(&services, c->service)) || !(r = at(&reals, c->real)))
		return CONTINUE;
	if (p->flags & TCP_RST)
		return CONTINUE;
	if (r->generation == c->generation) {
		if (s->on_failure == FAIL_DRAIN)
			return CONTINUE;
		silent = !after(c->server_seen, r->down_at) &&
			 (past(p->now, r->down_at, s->silence) || c->repeats >= 3);
		if (s->on_failure == FAIL_RESET_IF_SILENT && !silent)
			return CONTINUE;
	}
	if (!try_lock(c))
		return leave(c->service, REASON_DROP_BUSY, DROP);
	forget_opening(c, id);
	become(c, c->state, STATE_CLOSE, 0, 0);
	unlock(c);
	return leave_reset(c->service, REASON_RESET_DEAD, answer_reset(skb, p));
}

/* UDP has no state to lose: it goes to another server at once. */
__noinline int move_udp(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct service *s;
	const struct real *r;
	int real, reason = REASON_DROP_NO_SERVER;

	if (!p || !c || !(s = at(&services, c->service)))
		return leave(-1, REASON_DROP_FAILED, DROP);
	if (!try_lock(c))
		return leave(c->service, REASON_DROP_BUSY, DROP);
	r = at(&reals, c->real);
	if (c->state != STATE_UDP || !r || !is_dead(c, r)) { /* another CPU was faster */
		unlock(c);
		return leave(c->service, REASON_DROP_BUSY, DROP);
	}
	real = pick(s, c->service, &p->key, 0);
	if (real >= 0)
		reason = move(c, id, real, s, p->now);
	unlock(c);
	if (!c->sport) /* the tuple is taken: the next packet begins anew */
		end_conn(c, id);
	if (reason)
		return leave(c->service, reason, DROP);
	if (s->sticky)
		stick(s, c, p->now);
	return send_to_server(skb, p, c, id, REASON_MOVED);
}
