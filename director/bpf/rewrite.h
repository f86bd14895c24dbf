/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "parse.h"
#include "table.h"
#include <bpf/bpf_core_read.h>

/* Translation of addresses and ports, and the way out. Checksums are changed
 * by difference, so that they may be whole, partial (to be finished by the
 * device) or complete (summed by it). */

enum { CHECKSUM_NONE, CHECKSUM_UNNECESSARY, CHECKSUM_COMPLETE, CHECKSUM_PARTIAL }; /* linux/skbuff.h */

struct sk_buff___own {
	__u8 ip_summed : 2;
} __attribute__((preserve_access_index));

extern void *bpf_cast_to_kern_ctx(void *obj) __ksym;

/* What the kernel knows of the packet's checksum. */
static __always_inline __u8 ip_summed(struct __sk_buff *skb)
{
	struct sk_buff___own *own = bpf_cast_to_kern_ctx(skb);

	return BPF_CORE_READ_BITFIELD(own, ip_summed);
}

static __always_inline __u64 ipv6_flag(void)
{
	const struct settings *set = at(&config, 0);

	return set ? set->ipv6_csum : 0;
}

static __always_inline void write6(__be32 *to, const void *from)
{
	for (int i = 0; i < 4; i++)
		to[i] = ((const __u32 *)from)[i];
}

static __always_inline int rewrite_ip(struct __sk_buff *skb, struct packet *p, void *data, void *data_end,
				      const void *src, const void *dst, __u32 diff)
{
	if (p->family == 4) {
		struct iphdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > data_end)
			return DROP;
		ip->saddr = v4(src);
		ip->daddr = v4(dst);
		ip->ttl--;
		/* TTL is the first byte of its word. */
		ip->check = adjust(ip->check, (__u64)diff + bpf_htons(0xfeff));
	} else {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > data_end)
			return DROP;
		write6(ip->saddr.in6_u.u6_addr32, src);
		write6(ip->daddr.in6_u.u6_addr32, dst);
		ip->hop_limit--;
		/* No checksum in the packet changes along: one that the device has
		 * summed up must. Others are none of it, which is no error here. */
		bpf_csum_update(skb, bpf_htons(0xfffe));
	}
	return CONTINUE;
}

/* The transport checksum after addresses and ports have changed by diff and
 * ports. A partial one covers the pseudo header only, so far. */
static __always_inline void fix_sum(__u16 *sum, __u8 proto, bool partial, __u32 diff, __u64 ports)
{
	if (proto == IPPROTO_UDP && !*sum)
		return; /* none was made (RFC 768) */
	*sum = partial ? fold((__u64)*sum + diff) : adjust(*sum, diff + ports);
	if (proto == IPPROTO_UDP && !*sum)
		*sum = 0xffff;
}

/* The same by the kernel's helper, where the device has summed up the packet
 * and that sum is to be kept true. */
static __always_inline int fix_complete(struct __sk_buff *skb, const struct packet *p, __u32 diff, __u64 ports)
{
	__u64 zero = p->key.proto == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u64 pseudo = BPF_F_PSEUDO_HDR | (p->family == 6 ? ipv6_flag() : 0);
	__u32 check = p->l4 + (p->key.proto == IPPROTO_UDP ? 6 : 16);

	if (bpf_l4_csum_replace(skb, check, 0, diff, pseudo | zero))
		return DROP;
	return bpf_l4_csum_replace(skb, check, 0, fold(ports), zero) ? DROP : CONTINUE;
}

/* Writes the addresses and ports of connection c: to the server, or back to
 * the client. The TTL was looked at before. */
static __always_inline int rewrite(struct __sk_buff *skb, struct packet *p, const struct conn *c, bool back)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	__be16 sport = back ? c->vport : c->lport, dport = back ? c->cport : c->sport;
	const void *src = back ? c->vip : c->local, *dst = back ? c->client : c->server;
	__u32 diff = back ? ~c->diff : c->diff;
	__u8 summed = ip_summed(skb);
	struct tcphdr *tcp;
	struct udphdr *l4;
	__u64 ports;

	if (rewrite_ip(skb, p, data, data_end, src, dst, diff) != CONTINUE)
		return DROP;
	if (p->fragment == LATER_PART)
		return CONTINUE;
	l4 = data + (p->l4 & 127);
	tcp = (void *)l4;
	if ((void *)(l4 + 1) > data_end)
		return DROP;
	ports = change(l4->source, sport) + change(l4->dest, dport);
	l4->source = sport;
	l4->dest = dport;
	if (unlikely(summed == CHECKSUM_COMPLETE))
		return fix_complete(skb, p, diff, ports);
	if (p->key.proto == IPPROTO_UDP) {
		fix_sum(&l4->check, IPPROTO_UDP, summed == CHECKSUM_PARTIAL, diff, ports);
		return CONTINUE;
	}
	if ((void *)(tcp + 1) > data_end)
		return DROP;
	fix_sum(&tcp->check, IPPROTO_TCP, summed == CHECKSUM_PARTIAL, diff, ports);
	return CONTINUE;
}

static __always_inline int to_server(const struct real *r)
{
	struct bpf_redir_neigh hop = {};

	if (!r->nexthop_family)
		return bpf_redirect_neigh(r->ifindex, NULL, 0, 0);
	hop.nh_family = r->nexthop_family == 4 ? 2 : 10; /* AF_INET, AF_INET6 */
	if (r->nexthop_family == 4)
		hop.ipv4_nh = v4(r->nexthop);
	else
		write6(hop.ipv6_nh, r->nexthop);
	return bpf_redirect_neigh(r->ifindex, &hop, sizeof(hop), 0);
}

/* By the route to the client, out of the interface that it came in by. */
static __always_inline int to_client(__u32 ifindex)
{
	return bpf_redirect_neigh(ifindex, NULL, 0, 0);
}

/* Whether the packet, or each segment that it will be cut into, is longer than
 * the MTU in bytes; 0: not known. */
static __always_inline bool too_big(const struct __sk_buff *skb, const struct packet *p, __u32 mtu)
{
	__u32 len = p->end - ETH_HLEN;

	if (!mtu || len <= mtu)
		return false;
	if (!skb->gso_size)
		return true;
	return p->l4 - ETH_HLEN + (p->key.proto == IPPROTO_TCP ? sizeof(struct tcphdr) + p->options :
		sizeof(struct udphdr)) + skb->gso_size > mtu;
}

/* Asks user space to tell the sender, and drops. */
__noinline int refuse_too_big(struct __sk_buff *skb, struct packet *p, __u32 mtu)
{
	struct ask *a = bpf_ringbuf_reserve(&asks, sizeof(*a), 0);
	__u32 len;

	if (!a)
		return DROP;
	len = p ? p->end - ETH_HLEN : 0;
	if (len > sizeof(a->head))
		len = sizeof(a->head);
	a->kind = ASK_TOO_BIG;
	a->ifindex = skb->ifindex;
	a->mtu = mtu;
	a->len = len;
	opaque(len);
	if (len < 20 || len > sizeof(a->head) || bpf_skb_load_bytes(skb, ETH_HLEN, a->head, len))
		bpf_ringbuf_discard(a, 0);
	else
		bpf_ringbuf_submit(a, 0);
	return DROP;
}
