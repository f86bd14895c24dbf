/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "failover.h"

static __always_inline int udp_from_client(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	const struct real *r = at(&reals, c->real);

	if (!r)
		return leave(c->service, REASON_DROP_FAILED, DROP);
	c->seen = p->now;
	if (unlikely(is_dead(c, r)))
		return move_udp(skb, p, c, id);
	return send_to_server(skb, p, c, id, REASON_FORWARD_IN);
}

static __always_inline int udp_from_server(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	if (c->state == STATE_MOVED)
		return leave(c->service, REASON_DROP_LATE, DROP);
	c->seen = p->now;
	c->server_seen = p->now;
	return send_to_client(skb, p, c, id);
}
