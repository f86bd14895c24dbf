/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "failover.h"

/* ICMP errors about packets that were translated: the packet that they quote
 * is translated back, so that its sender knows it (RFC 5508, RFC 7915 4.2). */

/* The first bytes of the quoted packet: its IP header without options, and
 * eight bytes of the transport header. */
struct quote4 {
	struct iphdr ip;
	struct udphdr l4;
};

struct quote6 {
	struct ipv6hdr ip;
	struct udphdr l4;
};

union quote {
	struct quote4 four;
	struct quote6 six;
} __attribute__((aligned(8)));

/* A quote, and the connection that it belongs to. */
struct quoted {
	union quote q;
	struct tuple key; /* as an answer to the quoted packet would have */
	__u32 handle;     /* of the index */
};

SCRATCH(quotes, struct quoted);

#define QUOTE_SIZE(p) ((p)->family == 4 ? sizeof(struct quote4) : sizeof(struct quote6))

__noinline int read_quote(struct __sk_buff *skb, struct packet *p, struct quoted *e)
{
	const struct udphdr *l4;
	union quote *q;
	struct tuple *k;

	if (!p || !e || p->l4 + 8 + QUOTE_SIZE(p) > p->end)
		return -1;
	q = &e->q;
	k = &e->key;
	if (p->l4 + 8 + QUOTE_SIZE(p) > p->end) /* what is behind is not of the packet */
		return -1;
	if (p->family == 4) {
		if (bpf_skb_load_bytes(skb, p->l4 + 8, &q->four, sizeof(q->four)) ||
		    q->four.ip.version != 4 || q->four.ip.ihl != 5 ||
		    q->four.ip.frag_off & bpf_htons(IP_OFFSET))
			return -1;
		map4(k->saddr, q->four.ip.daddr);
		map4(k->daddr, q->four.ip.saddr);
		k->proto = q->four.ip.protocol;
		l4 = &q->four.l4;
	} else {
		if (bpf_skb_load_bytes(skb, p->l4 + 8, &q->six, sizeof(q->six)) || q->six.ip.version != 6)
			return -1;
		write6((__be32 *)k->saddr, q->six.ip.daddr.in6_u.u6_addr32);
		write6((__be32 *)k->daddr, q->six.ip.saddr.in6_u.u6_addr32);
		k->proto = q->six.ip.nexthdr;
		l4 = &q->six.l4;
	}
	if (k->proto != IPPROTO_TCP && k->proto != IPPROTO_UDP)
		return -1;
	k->sport = l4->dest;
	k->dport = l4->source;
	return 0;
}

/* What the checksum in a quoted UDP header becomes; 0 stays: none was made. */
static __always_inline void fix_udp(struct udphdr *l4, __u8 proto, __u64 diff)
{
	if (proto == IPPROTO_UDP && l4->check)
		l4->check = adjust(l4->check, diff);
}

/* Translates a quote on the stack; gives the change of its sum. */
static __always_inline __u32 translate_quote(struct packet *p, union quote *q, const struct tuple *k,
					     const void *src, const void *dst, __be16 sport, __be16 dport)
{
	union quote old = *q;
	__u64 diff;
	struct udphdr *l4 = p->family == 4 ? &q->four.l4 : &q->six.l4;

	diff = change(l4->source, sport) + change(l4->dest, dport);
	if (p->family == 4) {
		__u32 addrs = bpf_csum_diff((__be32 *)&old.four.ip.saddr, 8, NULL, 0, 0);

		q->four.ip.saddr = v4(src);
		q->four.ip.daddr = v4(dst);
		addrs = bpf_csum_diff(NULL, 0, (__be32 *)&q->four.ip.saddr, 8, addrs);
		q->four.ip.check = adjust(q->four.ip.check, addrs);
		q->four.l4.source = sport;
		q->four.l4.dest = dport;
		fix_udp(&q->four.l4, k->proto, diff + addrs);
		return bpf_csum_diff((__be32 *)&old.four, sizeof(old.four), (__be32 *)&q->four, sizeof(q->four), 0);
	}
	__u32 addrs = bpf_csum_diff((__be32 *)&old.six.ip.saddr, 32, NULL, 0, 0);

	write6(q->six.ip.saddr.in6_u.u6_addr32, src);
	write6(q->six.ip.daddr.in6_u.u6_addr32, dst);
	addrs = bpf_csum_diff(NULL, 0, (__be32 *)&q->six.ip.saddr, 32, addrs);
	q->six.l4.source = sport;
	q->six.l4.dest = dport;
	fix_udp(&q->six.l4, k->proto, diff + addrs);
	return bpf_csum_diff((__be32 *)&old.six, sizeof(old.six), (__be32 *)&q->six, sizeof(q->six), 0);
}

/* The checksum of a quoted TCP header, where the quote is long enough. */
static __always_inline __u64 fix_tcp(struct __sk_buff *skb, struct packet *p, const struct tuple *k, __u64 diff)
{
	__u32 off = p->l4 + 8 + QUOTE_SIZE(p) + 8; /* 16 bytes into the header */
	__u16 old, new;

	if (k->proto != IPPROTO_TCP || off + 2 > p->end || bpf_skb_load_bytes(skb, off, &old, 2))
		return 0;
	new = adjust(old, diff);
	if (bpf_skb_store_bytes(skb, off, &new, 2, 0))
		return 0;
	return change(old, new);
}

/* Sends the error on: to the server if it is about a reply, else to the
 * client. Its outer source changes if it is the server itself. */
__noinline int translate_error(struct __sk_buff *skb, struct packet *p, struct conn *c, struct quoted *e)
{
	enum reason reason;
	union quote *q;
	struct tuple *k;
	bool back;
	__u8 addrs[64] __attribute__((aligned(8))); /* outer: old, new */
	const struct real *r;
	void *data, *data_end;
	__u64 sum, ports;
	__u32 outer, store;
	int err;

	if (!p || !c || !e || !(r = at(&reals, c->real)))
		return leave(-1, REASON_DROP_FAILED, DROP);
	q = &e->q;
	k = &e->key;
	back = e->handle & FROM_SERVER;
	reason = back ? REASON_FORWARD_ICMP_OUT : REASON_FORWARD_ICMP_IN;
	if (p->ttl <= 1)
		return leave(c->service, REASON_DROP_TTL, DROP);
	copy16(addrs, p->key.saddr);
	copy16(addrs + 16, p->key.daddr);
	copy16(addrs + 32, p->key.saddr);
	if (back) {
		if (same16(p->key.saddr, c->server))
			copy16(addrs + 32, c->vip);
		copy16(addrs + 48, c->client);
		ports = change(c->lport, c->cport) + change(c->sport, c->vport);
		sum = translate_quote(p, q, k, c->client, c->vip, c->cport, c->vport);
		sum += fix_tcp(skb, p, k, (__u64)(__u32)~c->diff + ports);
	} else {
		if (c->lport != c->cport || !same16(c->client, c->local)) {
			if (same16(p->key.saddr, c->client))
				copy16(addrs + 32, c->local);
		}
		copy16(addrs + 48, c->server);
		ports = change(c->cport, c->lport) + change(c->vport, c->sport);
		sum = translate_quote(p, q, k, c->server, c->local, c->sport, c->lport);
		sum += fix_tcp(skb, p, k, (__u64)c->diff + ports);
	}
	outer = bpf_csum_diff((__be32 *)addrs, 32, (__be32 *)(addrs + 32), 32, 0);
	store = p->l4 + 8;
	err = p->family == 4 ? bpf_skb_store_bytes(skb, store, &q->four, sizeof(q->four), 0) :
			       bpf_skb_store_bytes(skb, store, &q->six, sizeof(q->six), 0);
	if (err || bpf_l4_csum_replace(skb, p->l4 + 2, 0, fold(sum), 0))
		return leave(c->service, REASON_DROP_FAILED, DROP);
	if (p->family == 6 &&
	    bpf_l4_csum_replace(skb, p->l4 + 2, 0, outer, BPF_F_PSEUDO_HDR | ipv6_flag()))
		return leave(c->service, REASON_DROP_FAILED, DROP);
	data = (void *)(long)skb->data;
	data_end = (void *)(long)skb->data_end;
	if (rewrite_ip(skb, p, data, data_end, addrs + 32, addrs + 48, outer) != CONTINUE)
		return leave(c->service, REASON_DROP_FAILED, DROP);
	return leave(c->service, reason, back ? to_client(c->ifindex) : to_server(r));
}

/* A server, or the network before it, says that the SYN did not get through.
 * It must quote the SYN's sequence number, as strangers cannot (RFC 5927). */
static __always_inline int unreachable(struct __sk_buff *skb, struct packet *p, struct conn *c, __u32 id, union quote *q)
{
	const struct opening *o;
	__be32 seq;
	int verdict;

	if (!c || !q)
		return CONTINUE;
	if (c->proto == IPPROTO_UDP) {
		if (c->flags & CONN_UNANSWERED && !(c->flags & CONN_BLAMED) &&
		    become(c, STATE_UDP, STATE_UDP, CONN_BLAMED, 0))
			blame(c->real, FAILED_UNREACHABLE);
		return CONTINUE;
	}
	o = opening_of(c, id);
	seq = p->family == 4 ? *(__be32 *)&q->four.l4.len : *(__be32 *)&q->six.l4.len;
	if (c->state != STATE_OPENING || !o || bpf_ntohl(seq) != o->isn)
		return CONTINUE;
	verdict = retry_in_place(skb, p, c, id, FAILED_UNREACHABLE);
	if (verdict != CONTINUE)
		return verdict;
	/* All were tried. ICMP is a soft error to many clients, who would go on
	 * waiting: a RST is not. */
	return leave_reset(c->service, REASON_RESET_NO_SERVER, tell_client(skb, p, c, id, o->isn));
}

static __always_inline int icmp_error(struct __sk_buff *skb, struct packet *p)
{
	struct quoted *e = at(&quotes, 0);
	struct conn *c;
	int verdict;

	if (!e)
		return CONTINUE;
	__builtin_memset(e, 0, sizeof(*e));
	if (read_quote(skb, p, e) || !same16(p->key.daddr, e->key.daddr))
		return CONTINUE; /* not to whom the quoted packet is from */
	e->handle = lookup(&e->key);
	if (e->handle == NO_HANDLE)
		return CONTINUE;
	c = at(&conns, e->handle >> 1);
	if (!c)
		return CONTINUE;
	if (c->state == STATE_MOVED)
		return leave(c->service, REASON_DROP_LATE, DROP);
	if (e->handle & FROM_SERVER && is_unreachable(p) && on_server_side(skb, c)) {
		verdict = unreachable(skb, p, c, e->handle >> 1, &e->q);
		if (verdict != CONTINUE)
			return verdict;
	}
	return translate_error(skb, p, c, e);
}
