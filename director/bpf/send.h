/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "rewrite.h"

/* The last steps of a packet of a known connection. */

static __always_inline void remember_fragment(const struct packet *p, __u32 handle)
{
	struct fragment f __attribute__((aligned(8))) = { .id = p->fragment_id, .proto = p->key.proto };

	copy16(f.saddr, p->key.saddr);
	copy16(f.daddr, p->key.daddr);
	bpf_map_update_elem(&fragments, &f, &handle, BPF_ANY);
}

__noinline int send_to_server(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id,
				     enum reason reason)
{
	const struct real *r;
	struct volume *v;

	if (!p || !c || !(r = at(&reals, c->real)))
		return leave(-1, REASON_DROP_FAILED, DROP);
	if (unlikely(p->ttl <= 1))
		return leave(c->service, REASON_DROP_TTL, DROP);
	if (unlikely(too_big(skb, p, r->mtu)))
		return leave(c->service, REASON_DROP_TOO_BIG, refuse_too_big(skb, p, r->mtu));
	if (unlikely(p->fragment == FIRST_PART))
		remember_fragment(p, id << 1);
	if (rewrite(skb, p, c, false) != CONTINUE)
		return leave(c->service, REASON_DROP_FAILED, DROP);
	v = at(&traffic, c->real);
	if (v) {
		v->in_packets++;
		v->in_bytes += skb->len;
	}
	return leave(c->service, reason, to_server(r));
}

__noinline int send_to_client(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id)
{
	struct volume *v;

	if (!p || !c)
		return leave(-1, REASON_DROP_FAILED, DROP);
	if (unlikely(p->ttl <= 1))
		return leave(c->service, REASON_DROP_TTL, DROP);
	if (unlikely(too_big(skb, p, c->mtu)))
		return leave(c->service, REASON_DROP_TOO_BIG, refuse_too_big(skb, p, c->mtu));
	if (unlikely(p->fragment == FIRST_PART))
		remember_fragment(p, id << 1 | FROM_SERVER);
	if (rewrite(skb, p, c, true) != CONTINUE)
		return leave(c->service, REASON_DROP_FAILED, DROP);
	v = at(&traffic, c->real);
	if (v) {
		v->out_packets++;
		v->out_bytes += skb->len;
	}
	return leave(c->service, REASON_FORWARD_OUT, to_client(c->ifindex));
}
