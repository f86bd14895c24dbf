//go:build ignore

// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
#include "gc.h"
#include "icmp.h"
#include "tcp.h"
#include "udp.h"

char _license[] SEC("license") = "GPL";

/* Types that Go uses and no map mentions. */
const enum reason *unused_reason __attribute__((unused));
const enum conn_state *unused_state __attribute__((unused));
const enum conn_flag *unused_flag __attribute__((unused));
const enum scheduler *unused_scheduler __attribute__((unused));
const enum mode *unused_mode __attribute__((unused));
const enum on_failure *unused_failure __attribute__((unused));
const enum real_state *unused_real_state __attribute__((unused));
const enum ask_kind *unused_ask_kind __attribute__((unused));
const struct ask *unused_ask __attribute__((unused));

#define HEADERS 128 /* bytes that a verdict needs to see */

/* The service at an address, port and protocol; 0 and 0 for the address. -1: none. */
static __always_inline int service_at(const struct packet *p, __be16 port, __u8 proto)
{
	struct vip v __attribute__((aligned(8))) = { .port = port, .proto = proto };
	__u32 *service;

	copy16(v.addr, p->key.daddr);
	service = bpf_map_lookup_elem(&vips, &v);
	return service ? (int)*service : -1;
}

static __always_inline int known(struct __sk_buff *skb, struct packet *p, __u32 handle)
{
	__u32 id = handle >> 1;
	struct conn *c = at(&conns, id);
	bool tcp = p->key.proto == IPPROTO_TCP;

	if (unlikely(!c))
		return leave(-1, REASON_DROP_FAILED, DROP);
	if (unlikely(p->bad))
		return leave(c->service, p->bad, DROP);
	if (handle & FROM_SERVER)
		return tcp ? tcp_from_server(skb, p, c, id) : udp_from_server(skb, p, c, id);
	return tcp ? tcp_from_client(skb, p, c, id) : udp_from_client(skb, p, c, id);
}

/* Whether the connection is still one between the packet's addresses. */
static __always_inline bool is_between(const struct conn *c, const struct packet *p, __u32 handle)
{
	if (class_of(c->state) == CLASS_NONE || c->proto != p->key.proto)
		return false;
	if (handle & FROM_SERVER)
		return same16(c->server, p->key.saddr) && same16(c->local, p->key.daddr);
	return same16(c->client, p->key.saddr) && same16(c->vip, p->key.daddr);
}

/* Fragments after the first carry no ports: they go where the first went. */
__noinline int later_fragment(struct __sk_buff *skb, struct packet *p)
{
	struct fragment f __attribute__((aligned(8))) = {};
	__u32 *handle;
	struct conn *c;
	int service;

	if (!p)
		return DROP;
	f.id = p->fragment_id;
	f.proto = p->key.proto;
	copy16(f.saddr, p->key.saddr);
	copy16(f.daddr, p->key.daddr);
	handle = bpf_map_lookup_elem(&fragments, &f);
	c = handle ? at(&conns, *handle >> 1) : NULL;
	if (c && is_between(c, p, *handle)) {
		if (*handle & FROM_SERVER)
			return send_to_client(skb, p, c, *handle >> 1);
		return send_to_server(skb, p, c, *handle >> 1, REASON_FORWARD_IN);
	}
	service = service_at(p, 0, 0);
	if (service < 0)
		return leave(-1, REASON_PASS_OTHER, PASS);
	return leave(service, REASON_DROP_FRAGMENT, DROP);
}

/* Neither TCP nor UDP that can be looked up. */
__noinline int other(struct __sk_buff *skb, struct packet *p)
{
	int verdict, service;

	if (!p)
		return DROP;
	if (!p->bad && is_icmp(p) && is_icmp_error(p)) {
		verdict = icmp_error(skb, p);
		if (verdict != CONTINUE)
			return verdict;
	}
	if (p->family == 6 && (p->key.proto == IPPROTO_HOPOPTS || p->key.proto == IPPROTO_ROUTING ||
			       p->key.proto == IPPROTO_DSTOPTS || p->key.proto == IPPROTO_AH))
		return leave(-1, REASON_PASS_EXTENSION, PASS);
	service = service_at(p, 0, 0);
	if (service < 0)
		return leave(-1, REASON_PASS_OTHER, PASS);
	if (p->bad)
		return leave(service, p->bad, DROP);
	return leave(service, REASON_PASS_HOST, PASS);
}

static __always_inline int forward_packet(struct __sk_buff *skb, struct packet *p)
{
	__u32 handle;
	int service;

	if (unlikely(p->fragment == LATER_PART))
		return later_fragment(skb, p);
	if (p->key.proto != IPPROTO_TCP && p->key.proto != IPPROTO_UDP)
		return other(skb, p);
	handle = find(&p->key);
	if (likely(handle != NO_HANDLE))
		return known(skb, p, handle);
	service = service_at(p, p->key.dport, p->key.proto);
	if (service >= 0)
		return unknown(skb, p, service);
	if (unlikely(p->bad))
		return other(skb, p);
	return leave(-1, REASON_PASS_OTHER, PASS);
}

/* Attached where packets come in, on the clients' side and on the servers'. */
SEC("tc")
int forward(struct __sk_buff *skb)
{
	struct packet p = {};
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	int verdict;

	/* Frames for others, as a promiscuous interface sees them, and those of
	 * a VLAN, whose own interface they belong to, are none of ours. */
	if (unlikely(skb->pkt_type != PACKET_HOST || skb->vlan_present))
		return leave(-1, REASON_PASS_OTHER, PASS);
	if (unlikely(data + HEADERS > data_end && skb->len > data_end - data)) {
		bpf_skb_pull_data(skb, skb->len < HEADERS ? skb->len : HEADERS);
		data = (void *)(long)skb->data;
		data_end = (void *)(long)skb->data_end;
	}
	verdict = parse(&p, data, data_end, skb->len);
	if (verdict != CONTINUE)
		return verdict;
	p.now = tick();
	return forward_packet(skb, &p);
}

/* Run once after loading: starts the timer of garbage collection, or hands it
 * over from an older program. */
SEC("tc")
int collect(struct __sk_buff *skb)
{
	struct gc *value = at(&gc, 0);

	if (!value)
		return 1;
	bpf_timer_init(&value->timer, &gc, 1 /* CLOCK_MONOTONIC */);
	if (bpf_timer_set_callback(&value->timer, gc_tick))
		return 2;
	return bpf_timer_start(&value->timer, 0, 0) ? 3 : 0;
}

/* One step of garbage collection, for tests. */
SEC("tc")
int sweep(struct __sk_buff *skb)
{
	return sweep_some();
}

/* Adds an entry that may be there already. */
static __always_inline bool has(const struct tuple *k, __u32 handle)
{
	return !add(k, handle) || lookup(k) == handle;
}

/* Adds a connection to the index, where it may be already. 0, or what is wrong. */
__noinline int adopt_one(__u32 id)
{
	struct tuple key __attribute__((aligned(8)));
	struct conn *c = at(&conns, id);

	if (!c)
		return 1; /* no such record */
	key_out(&key, c);
	if (c->sport && !has(&key, id << 1 | FROM_SERVER))
		return 2; /* its way back is taken */
	if (c->state == STATE_MOVED)
		return 0;
	key_in(&key, c);
	if (has(&key, id << 1))
		return 0;
	key_out(&key, c);
	change_entry(&key, id << 1 | FROM_SERVER, NO_HANDLE);
	return 3; /* its way in is taken */
}

struct adoption {
	struct __sk_buff *skb;
	__u32 failed;
};

static long adopt_step(__u64 i, struct adoption *a)
{
	__u32 off = ETH_HLEN + i * sizeof(__u32), id, err;

	if (bpf_skb_load_bytes(a->skb, off, &id, sizeof(id)))
		return 1;
	err = adopt_one(id);
	a->failed += !!err;
	return !!bpf_skb_store_bytes(a->skb, off, &err, sizeof(err), 0);
}

/* Adds the connections whose ids are behind an Ethernet header to the index:
 * user space has copied their records from an older table. In the place of each
 * id it leaves what adopt_one says of it. Gives the number of those not added. */
SEC("tc")
int adopt(struct __sk_buff *skb)
{
	struct adoption a = { .skb = skb };

	bpf_loop((skb->len - ETH_HLEN) / sizeof(__u32), adopt_step, &a, 0);
	return a.failed;
}

/* Takes the entry of a tuple out of the index if it leads to a handle: both are
 * behind an Ethernet header. 0 if it was there. The connection goes on. */
SEC("tc")
int disown(struct __sk_buff *skb)
{
	struct tuple key __attribute__((aligned(8)));
	__u32 handle;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &key, sizeof(key)) ||
	    bpf_skb_load_bytes(skb, ETH_HLEN + sizeof(key), &handle, sizeof(handle)))
		return 1;
	return change_entry(&key, handle, NO_HANDLE) ? 2 : 0;
}

/* Ends the connection of the tuple behind an Ethernet header. 1 if there was one. */
SEC("tc")
int end(struct __sk_buff *skb)
{
	struct tuple key __attribute__((aligned(8)));
	__u32 handle;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &key, sizeof(key)))
		return -1;
	handle = lookup(&key);
	return handle == NO_HANDLE ? 0 : end_conn(at(&conns, handle >> 1), handle >> 1);
}
