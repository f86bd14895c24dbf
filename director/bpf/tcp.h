/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "failover.h"

/* States of a TCP connection, as seen from between. */

/* Bytes that a server may send before the first ACK that comes through: more
 * than an initial window (RFC 6928). */
#define MAX_FIRST_ACK (1 << 20)

static __always_inline bool is_plain(const struct packet *p)
{
	return !(p->flags & (TCP_SYN | TCP_FIN | TCP_RST));
}

#define NEAR_FIN (1 << 16)  /* bytes between what is next and a FIN that counts */
#define NEAR_DATA (1 << 24) /* and any segment: what may be lost on the way here */

static __always_inline bool is_near(__u32 seq, __u32 next, __u32 bytes)
{
	return seq - next + bytes <= 2 * bytes;
}

/* Whether the segment may end the connection: a RST has to be exact, and a FIN
 * about where the sender is, or a stranger could have the connection forgotten
 * that its ends would keep (RFC 5961). next, or next2, is what comes next. */
static __always_inline bool may_end(const struct packet *p, __u32 next, __u32 next2)
{
	if (p->flags & TCP_RST)
		return p->seq == next || p->seq == next2;
	return is_near(p->seq, next, NEAR_FIN);
}

static __always_inline __u32 next_of(const struct packet *p)
{
	return p->seq + p->payload + !!(p->flags & TCP_SYN) + !!(p->flags & TCP_FIN);
}

/* Keeps count of what the client has sent and acknowledged, as far as it is
 * plausible. */
static __always_inline void track_client(const struct packet *p, struct conn *c)
{
	__u32 next = next_of(p);

	if (p->flags & TCP_ACK && p->ack != c->client_ack)
		c->client_ack = p->ack;
	if (after(next, c->client_next))
		c->client_next = next;
	else if (p->payload && c->repeats < 255)
		c->repeats++;
}

static __always_inline void closing(struct conn *c, __u32 id, __u8 state, const struct packet *p, __u8 mine,
				    __u8 other)
{
	bool half = half_open(state); /* a move to another server may be under way */

	if (half && !try_lock(c))
		return;
	if (half)
		forget_opening(c, id);
	if (p->flags & TCP_RST)
		become(c, state, STATE_CLOSE, 0, CONN_ALIVE_CLIENT | CONN_ALIVE_SERVER);
	else if (state != STATE_TIME_WAIT)
		become(c, state, c->flags & other ? STATE_TIME_WAIT : STATE_FIN_WAIT, mine, 0);
	if (half)
		unlock(c);
}

/* After a RST that the other side did not take (RFC 5961) both speak on. */
static __always_inline void revive(struct conn *c, __u8 mine, __u8 other)
{
	bool both = c->flags & other;

	become(c, STATE_CLOSE, both ? STATE_ESTABLISHED : STATE_CLOSE, mine,
	       both ? CONN_ALIVE_CLIENT | CONN_ALIVE_SERVER | CONN_FIN_CLIENT | CONN_FIN_SERVER : 0);
}

/* The same tuple for a new connection. */
static __always_inline int renew(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	__u32 service = c->service;

	if (!end_conn(c, id))
		return leave(service, REASON_DROP_BUSY, DROP);
	return open_conn(skb, p, service);
}

__noinline int client_syn(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct real *r;
	struct opening *o;

	if (!p || !c || !(r = at(&reals, c->real)))
		return leave(-1, REASON_DROP_FAILED, DROP);
	switch (c->state) {
	case STATE_OPENING:
		o = opening_of(c, id);
		if (o && o->isn == p->seq)
			return repeated_syn(skb, p, c, id);
		if (o)
			return renew(skb, p, c, id);
		break; /* another CPU has just gone on with it */
	case STATE_TIME_WAIT:
	case STATE_CLOSE:
		return renew(skb, p, c, id);
	}
	/* A live server answers it by an ACK, to which a client that has forgotten
	 * the connection sends a RST (RFC 9293, 3.5.1); its next SYN begins anew. */
	if (is_dead(c, r))
		return renew(skb, p, c, id);
	c->seen = p->now;
	return send_to_server(skb, p, c, id, REASON_FORWARD_REPEATED);
}

/* The client's ACK, if it is not made up: who sends from an address that is not
 * its own does not know what the server has answered. */
static __always_inline void acknowledged(const struct packet *p, struct conn *c, __u32 id)
{
	const struct opening *o = opening_of(c, id);

	if (!(p->flags & TCP_ACK) || !o || p->ack - o->server_isn - 1 >= MAX_FIRST_ACK)
		return;
	forget_opening(c, id);
	become(c, STATE_ANSWERED, STATE_ESTABLISHED, 0, 0);
}

static __always_inline void client_event(const struct packet *p, struct conn *c, __u32 id, __u32 next)
{
	__u8 state = c->state;

	if (p->flags & (TCP_FIN | TCP_RST)) {
		if (may_end(p, next, next))
			closing(c, id, state, p, CONN_FIN_CLIENT, CONN_FIN_SERVER);
	} else if (state == STATE_ANSWERED) {
		acknowledged(p, c, id);
	} else if (state == STATE_CLOSE) {
		revive(c, CONN_ALIVE_CLIENT, CONN_ALIVE_SERVER);
	}
}

static __always_inline int tcp_from_client(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct real *r = at(&reals, c->real);
	__u32 next = c->client_next;
	int verdict;

	if (!r)
		return leave(c->service, REASON_DROP_FAILED, DROP);
	if (unlikely(c->ifindex != skb->ifindex) && !client_moved(skb, c, r))
		return leave(c->service, REASON_DROP_SIDE, DROP);
	if ((p->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		return client_syn(skb, p, c, id);
	if (is_near(p->seq, next, NEAR_DATA))
		track_client(p, c);
	if (unlikely(is_dead(c, r))) {
		verdict = dead_server(skb, p, c, id);
		if (verdict != CONTINUE)
			return verdict;
	}
	touch(&c->seen, p->now);
	if (c->state != STATE_ESTABLISHED || !is_plain(p))
		client_event(p, c, id, next);
	return send_to_server(skb, p, c, id, REASON_FORWARD_IN);
}

/* Whether the connection is still with the server that sent the packet: another
 * CPU may have moved it since it was looked up. */
static __always_inline bool is_from(const struct packet *p, const struct conn *c)
{
	return same16(p->key.saddr, c->server) && p->key.sport == c->sport && p->key.dport == c->lport;
}

/* The server's SYN-ACK. It is the client's first word of a server only if the
 * connection is not just being moved to another: the lock decides. */
static __always_inline int answered(const struct packet *p, struct conn *c, struct opening *o)
{
	struct tally *t = at(&tallies, c->real);
	bool ours;

	if (!try_lock(c))
		return leave(c->service, REASON_DROP_BUSY, DROP);
	ours = is_from(p, c) && become(c, STATE_OPENING, STATE_ANSWERED, 0, 0);
	if (ours)
		o->server_isn = p->seq;
	unlock(c);
	if (!ours)
		return leave(c->service, REASON_DROP_LATE, DROP);
	if (!t)
		return CONTINUE;
	__sync_fetch_and_add(&t->synacks, 1);
	t->answered_at = p->now;
	if (t->streak)
		t->streak = 0;
	return CONTINUE;
}

/* A word of the server before the connection is established, or a last one. */
__noinline int server_event(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	struct opening *o;
	int verdict;
	__u8 state;

	if (!p || !c)
		return CONTINUE;
	state = c->state;
	if (state == STATE_MOVED) {
		if ((p->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
			return leave_reset(c->service, REASON_RESET_LATE, answer_reset(skb, p));
		return leave(c->service, REASON_DROP_LATE, DROP);
	}
	if (half_open(state) && !is_from(p, c))
		return leave(c->service, REASON_DROP_LATE, DROP);
	if (state == STATE_OPENING) {
		o = opening_of(c, id);
		if (!o || p->ack != o->isn + 1)
			return CONTINUE; /* of an older connection: the client will answer it */
		if (p->flags & TCP_RST) {
			verdict = retry_in_place(skb, p, c, id, FAILED_RESET);
			if (verdict != CONTINUE)
				return verdict;
		} else if (p->flags & TCP_SYN) {
			return answered(p, c, o);
		}
	}
	if (p->flags & (TCP_FIN | TCP_RST)) {
		if (!c->server_next || may_end(p, c->server_next, c->client_ack))
			closing(c, id, state, p, CONN_FIN_SERVER, CONN_FIN_CLIENT);
	} else if (state == STATE_CLOSE)
		revive(c, CONN_ALIVE_SERVER, CONN_ALIVE_CLIENT);
	return CONTINUE;
}

static __always_inline int tcp_from_server(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct real *r = at(&reals, c->real);
	int verdict;

	if (!r)
		return leave(c->service, REASON_DROP_FAILED, DROP);
	if (unlikely(wrong_side(skb, c, r)))
		return leave(c->service, REASON_DROP_SIDE, DROP);
	if (c->state != STATE_ESTABLISHED || !is_plain(p)) {
		verdict = server_event(skb, p, c, id);
		if (verdict != CONTINUE)
			return verdict;
	}
	if (unlikely(r->generation != c->generation) && !(p->flags & TCP_RST))
		return leave_reset(c->service, REASON_RESET_LATE, answer_reset(skb, p));
	touch(&c->seen, p->now);
	touch(&c->server_seen, p->now);
	if (!(p->flags & TCP_RST) && (after(next_of(p), c->server_next) || !c->server_next))
		c->server_next = next_of(p);
	if (c->repeats)
		c->repeats = 0;
	return send_to_client(skb, p, c, id);
}
