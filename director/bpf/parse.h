/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "util.h"
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#define PACKET_HOST 0 /* linux/if_packet.h */

/* Of linux/icmp.h and linux/icmpv6.h, which want the C library. */
#define ICMP_DEST_UNREACH 3
#define ICMP_FRAG_NEEDED 4
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PARAMPROB 4

#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define IP6_MF 0x0001
#define IP6_OFFSET 0xfff8

#define TCP_FIN 1
#define TCP_SYN 2
#define TCP_RST 4
#define TCP_ACK 16

enum fragment_part { WHOLE, FIRST_PART, LATER_PART };

/* What is known of a packet. Numbers are in host byte order but key's. */
struct packet {
	struct tuple key;
	__u32 now;     /* tick */
	__u32 l4;      /* offset of the transport header from the Ethernet header */
	__u32 end;     /* offset of the end of the IP packet */
	__u32 seq, ack;
	__u32 payload; /* bytes of data in a segment */
	__u32 fragment_id;
	__u16 window;  /* network byte order */
	__u8 family;
	__u8 flags;    /* of TCP */
	__u8 type, code; /* of ICMP */
	__u8 ttl, tos;
	__u8 fragment; /* enum fragment_part */
	__u8 bad;      /* enum reason: why a packet of ours must be dropped */
	__u8 options;  /* bytes of TCP options */
} __attribute__((aligned(8)));

struct fragment_header {
	__u8 nexthdr;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

static __always_inline int parse_ip(struct packet *p, void *data, void *data_end, __u32 len)
{
	struct iphdr *ip = data + ETH_HLEN;
	__u32 head, total;
	__u16 off;

	if ((void *)(ip + 1) > data_end)
		return leave(-1, REASON_DROP_MALFORMED, DROP);
	head = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (!total && len > 65535) /* BIG TCP */
		total = len - ETH_HLEN;
	if (head < sizeof(*ip) || ip->version != 4 || total < head || total > len - ETH_HLEN)
		return leave(-1, REASON_DROP_MALFORMED, DROP);
	off = bpf_ntohs(ip->frag_off);
	if (off & (IP_MF | IP_OFFSET))
		p->fragment = off & IP_OFFSET ? LATER_PART : FIRST_PART;
	p->fragment_id = ip->id;
	p->family = 4;
	p->ttl = ip->ttl;
	p->tos = ip->tos;
	p->l4 = ETH_HLEN + head;
	p->end = ETH_HLEN + total;
	p->key.proto = ip->protocol;
	map4(p->key.saddr, ip->saddr);
	map4(p->key.daddr, ip->daddr);
	return CONTINUE;
}

static __always_inline int parse_ipv6(struct packet *p, void *data, void *data_end, __u32 len)
{
	struct ipv6hdr *ip = data + ETH_HLEN;
	struct fragment_header *part = (void *)(ip + 1);
	__u32 total, *s, *d;

	if ((void *)(ip + 1) > data_end)
		return leave(-1, REASON_DROP_MALFORMED, DROP);
	total = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if (total == sizeof(*ip) && len > 65535)
		total = len - ETH_HLEN;
	if (ip->version != 6 || total > len - ETH_HLEN)
		return leave(-1, REASON_DROP_MALFORMED, DROP);
	p->family = 6;
	p->ttl = ip->hop_limit;
	p->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
	p->l4 = ETH_HLEN + sizeof(*ip);
	p->end = ETH_HLEN + total;
	p->key.proto = ip->nexthdr;
	s = (__u32 *)p->key.saddr;
	d = (__u32 *)p->key.daddr;
	for (int i = 0; i < 4; i++) {
		s[i] = ip->saddr.in6_u.u6_addr32[i];
		d[i] = ip->daddr.in6_u.u6_addr32[i];
	}
	if (p->key.proto != IPPROTO_FRAGMENT)
		return CONTINUE;
	if ((void *)(part + 1) > data_end)
		return leave(-1, REASON_DROP_MALFORMED, DROP);
	p->key.proto = part->nexthdr;
	p->fragment_id = part->id;
	if (part->offset & bpf_htons(IP6_MF | IP6_OFFSET)) /* else atomic: RFC 6946 */
		p->fragment = part->offset & bpf_htons(IP6_OFFSET) ? LATER_PART : FIRST_PART;
	p->l4 += sizeof(*part);
	return CONTINUE;
}

static __always_inline void parse_tcp(struct packet *p, void *l4, void *data_end)
{
	struct tcphdr *tcp = l4;

	if ((void *)(tcp + 1) > data_end || tcp->doff < 5 || p->l4 + tcp->doff * 4 > p->end) {
		p->bad = REASON_DROP_MALFORMED;
		return;
	}
	p->flags = ((__u8 *)tcp)[13];
	p->seq = bpf_ntohl(tcp->seq);
	p->ack = bpf_ntohl(tcp->ack_seq);
	p->window = tcp->window;
	p->options = tcp->doff * 4 - sizeof(*tcp);
	p->payload = p->end - p->l4 - tcp->doff * 4;
}

/* A first fragment is shorter than its datagram; 0 is a jumbogram (RFC 2675). */
static __always_inline bool udp_length_fits(const struct packet *p, __u32 len)
{
	if (!len)
		return p->family == 6 && p->end > 65535;
	return len >= sizeof(struct udphdr) && (p->fragment || len <= p->end - p->l4);
}

/* The transport header, as far as a verdict needs it. */
static __always_inline int parse_transport(struct packet *p, void *data, void *data_end)
{
	void *l4 = data + (p->l4 & 127);
	struct udphdr *ports = l4; /* TCP's ports are at the same place */

	if (p->fragment == LATER_PART)
		return CONTINUE;
	if ((void *)(ports + 1) > data_end || p->l4 + sizeof(*ports) > p->end) {
		p->bad = REASON_DROP_MALFORMED;
		return CONTINUE;
	}
	switch (p->key.proto) {
	case IPPROTO_TCP:
		p->key.sport = ports->source;
		p->key.dport = ports->dest;
		parse_tcp(p, l4, data_end);
		break;
	case IPPROTO_UDP:
		p->key.sport = ports->source;
		p->key.dport = ports->dest;
		if (!udp_length_fits(p, bpf_ntohs(ports->len)))
			p->bad = REASON_DROP_MALFORMED;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		p->type = ((__u8 *)l4)[0];
		p->code = ((__u8 *)l4)[1];
		break;
	}
	return CONTINUE;
}

static __always_inline int parse(struct packet *p, void *data, void *data_end, __u32 len)
{
	struct ethhdr *eth = data;
	int verdict;

	if ((void *)(eth + 1) > data_end)
		return leave(-1, REASON_PASS_NOT_IP, PASS);
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		verdict = parse_ip(p, data, data_end, len);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		verdict = parse_ipv6(p, data, data_end, len);
	else
		return leave(-1, REASON_PASS_NOT_IP, PASS);
	if (verdict != CONTINUE)
		return verdict;
	return parse_transport(p, data, data_end);
}

static __always_inline bool is_icmp(const struct packet *p)
{
	return p->key.proto == (p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* An error quotes the packet that it is about (RFC 792, RFC 4443 2.1). */
static __always_inline bool is_icmp_error(const struct packet *p)
{
	if (p->family == 6)
		return p->type >= ICMPV6_DEST_UNREACH && p->type <= ICMPV6_PARAMPROB;
	return p->type == ICMP_DEST_UNREACH || p->type == ICMP_TIME_EXCEEDED ||
	       p->type == ICMP_PARAMETERPROB;
}

/* One that says that the server cannot be reached; too big is none. */
static __always_inline bool is_unreachable(const struct packet *p)
{
	if (p->family == 6)
		return p->type == ICMPV6_DEST_UNREACH;
	return p->type == ICMP_DEST_UNREACH && p->code != ICMP_FRAG_NEEDED;
}
