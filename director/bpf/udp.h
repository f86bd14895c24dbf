/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "failover.h"

static __always_inline int udp_from_client(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct real *r = at(&reals, c->real);

	if (!r)
		return leave(c->service, REASON_DROP_FAILED, DROP);
	if (unlikely(c->ifindex != skb->ifindex) && !client_moved(skb, c, r))
		return leave(c->service, REASON_DROP_SIDE, DROP);
	touch(&c->seen, p->now);
	if (unlikely(is_dead(c, r)))
		return move_udp(skb, p, c, id);
	return send_to_server(skb, p, c, id, REASON_FORWARD_IN);
}

static __always_inline int udp_from_server(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct real *r = at(&reals, c->real);

	if (c->state == STATE_MOVED)
		return leave(c->service, REASON_DROP_LATE, DROP);
	if (!r || unlikely(wrong_side(skb, c, r)))
		return leave(c->service, REASON_DROP_SIDE, DROP);
	touch(&c->seen, p->now);
	touch(&c->server_seen, p->now);
	if (unlikely(c->flags & CONN_UNANSWERED))
		become(c, STATE_UDP, STATE_UDP, 0, CONN_UNANSWERED);
	return send_to_client(skb, p, c, id);
}
