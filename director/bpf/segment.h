/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "rewrite.h"

/* TCP segments of our own, made in the buffer of the packet that called for
 * them: a SYN to the next server, a RST to either side. */

struct segment {
	__u8 src[16];
	__u8 dst[16];
	__be16 sport, dport;
	__u32 seq, ack;
	__u16 window; /* network byte order */
	__u8 flags;
	__u8 ttl, tos;
	__u8 family;
	__u8 options_len;
	__u8 spare;
	__u32 opening; /* index + 1: whose options go along; 0: none */
} __attribute__((aligned(8)));

SCRATCH(segments, struct segment); /* calls that use it do not nest */

static __always_inline struct segment *new_segment(void)
{
	struct segment *s = at(&segments, 0);

	if (s)
		__builtin_memset(s, 0, sizeof(*s));
	return s;
}

struct header {
	struct tcphdr tcp;
	__u8 options[MAX_OPTIONS];
} __attribute__((aligned(8)));

static __always_inline int store_ip(struct __sk_buff *skb, const struct segment *s, __u32 len)
{
	if (s->family == 4) {
		struct iphdr ip = {
			.version = 4, .ihl = 5, .tos = s->tos, .tot_len = bpf_htons(len + sizeof(ip)),
			.frag_off = bpf_htons(IP_DF), .ttl = s->ttl, .protocol = IPPROTO_TCP,
			.saddr = v4(s->src), .daddr = v4(s->dst),
		};
		ip.check = ~fold(bpf_csum_diff(NULL, 0, (__be32 *)&ip, sizeof(ip), 0));
		return bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0);
	}
	struct ipv6hdr ip = {
		.version = 6, .payload_len = bpf_htons(len), .nexthdr = IPPROTO_TCP, .hop_limit = s->ttl,
		.priority = s->tos >> 4,
	};
	ip.flow_lbl[0] = s->tos << 4;
	write6(ip.saddr.in6_u.u6_addr32, s->src);
	write6(ip.daddr.in6_u.u6_addr32, s->dst);
	return bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0);
}

/* Makes the packet the segment. The packet is TCP or ICMP of the same family,
 * with an IP header without options or extensions. 0, or an error. */
__noinline int make_segment(struct __sk_buff *skb, struct packet *p, struct segment *s)
{
	struct header h = {};
	__u32 l4, len, sum;
	bool partial;

	if (!p || !s)
		return -1;
	l4 = ETH_HLEN + (s->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	len = sizeof(struct tcphdr) + (s->options_len & 63);
	partial = p->key.proto == IPPROTO_TCP && ip_summed(skb) == CHECKSUM_PARTIAL;
	if (p->l4 != l4 || len > sizeof(h))
		return -1;
	/* What is much longer cannot be grown. Growing, though, makes a checksum
	 * that the device had summed up plain again. */
	if ((skb->len > l4 + sizeof(h) && bpf_skb_change_tail(skb, l4 + sizeof(h), 0)) ||
	    bpf_skb_change_tail(skb, l4 + sizeof(h) + 4, 0) || bpf_skb_change_tail(skb, l4 + len, 0))
		return -1;
	if (s->opening) {
		const struct opening *o = at(&openings, s->opening - 1);

		if (!o)
			return -1;
		__builtin_memcpy(h.options, o->options, sizeof(h.options));
	}
	h.tcp.source = s->sport;
	h.tcp.dest = s->dport;
	h.tcp.seq = bpf_htonl(s->seq);
	h.tcp.ack_seq = bpf_htonl(s->ack);
	((__u8 *)&h.tcp)[12] = len << 2;
	((__u8 *)&h.tcp)[13] = s->flags;
	h.tcp.window = s->window;
	sum = bpf_csum_diff(NULL, 0, (__be32 *)s->src, 32, bpf_htons(IPPROTO_TCP));
	sum = fold((__u64)sum + bpf_htons(len));
	h.tcp.check = partial ? sum : ~fold(bpf_csum_diff(NULL, 0, (__be32 *)&h, sizeof(h), sum));
	if (store_ip(skb, s, len))
		return -1;
	if (s->options_len)
		return bpf_skb_store_bytes(skb, l4, &h, len < sizeof(h) ? len : sizeof(h), 0);
	return bpf_skb_store_bytes(skb, l4, &h, sizeof(h.tcp), 0);
}

/* Counts an answer that was made, or that it could not be. */
static __always_inline int leave_reset(int service, enum reason reason, int verdict)
{
	return leave(service, verdict == DROP ? REASON_DROP_FAILED : reason, verdict);
}

/* Answers the packet with a RST to its sender (RFC 9293, 3.10.7.1). */
__noinline int answer_reset(struct __sk_buff *skb, struct packet *p)
{
	struct segment *s = new_segment();

	if (!p || !s)
		return DROP;
	copy16(s->src, p->key.daddr);
	copy16(s->dst, p->key.saddr);
	s->sport = p->key.dport;
	s->dport = p->key.sport;
	s->family = p->family;
	s->ttl = 64;
	s->flags = TCP_RST;
	s->seq = p->ack;
	if (!(p->flags & TCP_ACK)) {
		s->flags = TCP_RST | TCP_ACK;
		s->seq = 0;
		s->ack = p->seq + p->payload + !!(p->flags & TCP_SYN) + !!(p->flags & TCP_FIN);
	}
	if (make_segment(skb, p, s))
		return DROP;
	return to_client(skb->ifindex);
}
