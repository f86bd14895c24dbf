/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "schedule.h"

/* Persistence (ipvsadm -p): clients of one prefix keep their server, over all
 * ports of a service, until they have not come for a while. A server that
 * takes nothing new loses them, as with IPVS's expire_quiescent_template. */

static __always_inline void sticky_key(struct affinity_key *k, const void *client, __u32 service, __u8 bits)
{
	__u64 *prefix = (__u64 *)k->prefix;

	copy16(k->prefix, client);
	k->service = service;
	if (bits < 64) {
		prefix[0] &= bits ? bpf_cpu_to_be64(~0ULL << (64 - bits)) : 0;
		prefix[1] = 0;
	} else if (bits < 128) {
		prefix[1] &= bits > 64 ? bpf_cpu_to_be64(~0ULL << (128 - bits)) : 0;
	}
}

/* The id of the server that the client has, or -1. */
__noinline int sticky_real(const struct service *s, __u32 service, const struct packet *p)
{
	struct affinity_key k __attribute__((aligned(8)));
	struct choice ch = { .service = service };
	const struct real *r;
	struct affinity *a;

	if (!s || !p)
		return -1;
	sticky_key(&k, p->key.saddr, service, s->sticky_bits);
	a = bpf_map_lookup_elem(&sticky, &k);
	if (!a || past(p->now, a->seen, s->sticky))
		return -1;
	r = eligible(&ch, a->real);
	if (!r || r->generation != a->generation)
		return -1;
	a->seen = p->now;
	return a->real;
}

__noinline int stick(const struct service *s, const struct conn *c, __u32 now)
{
	struct affinity a = {};
	struct affinity_key k __attribute__((aligned(8)));

	if (!s || !c)
		return 0;
	a.real = c->real;
	a.generation = c->generation;
	a.seen = now;
	sticky_key(&k, c->client, c->service, s->sticky_bits);
	return bpf_map_update_elem(&sticky, &k, &a, BPF_ANY);
}
