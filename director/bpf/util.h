/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "maps.h"
#include <bpf/bpf_endian.h>
#include <linux/pkt_cls.h>

#define CONTINUE -2 /* no verdict yet */
#define PASS -1     /* TCX_NEXT: other programs, then the host */
#define DROP TC_ACT_SHOT

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

static __always_inline void *at(void *map, __u32 i)
{
	return bpf_map_lookup_elem(map, &i);
}

static __always_inline __u32 tick(void)
{
	return bpf_ktime_get_coarse_ns() >> TICK_SHIFT;
}

/* One value for each CPU, beside the stack, which is small. Without its type,
 * so that Go need not know it. */
#define SCRATCH(NAME, VALUE)                              \
	struct {                                          \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);  \
		__uint(key_size, sizeof(__u32));          \
		__uint(value_size, sizeof(VALUE));        \
		__uint(max_entries, 1);                   \
	} NAME SEC(".maps")

/* Keeps the compiler from merging comparisons into ones that the verifier
 * cannot follow. */
#define opaque(x) asm volatile("" : "+r"(x))

/* Tells whether tick a is after b. */
static __always_inline bool after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* Writes only what is new: the line may be another CPU's as well. */
static __always_inline void touch(__u32 *at, __u32 now)
{
	if (*at != now)
		*at = now;
}

/* Tells whether tick then is at least span ticks ago. Ticks of another CPU, or
 * of user space, may be a little ahead: that is no age, not a very great one. */
static __always_inline bool past(__u32 now, __u32 then, __u32 span)
{
	return (__s32)(now - then) >= (__s32)span;
}

/* Counts the reason and gives back the verdict. service is an id, or -1. */
static __always_inline int leave(int service, enum reason reason, int verdict)
{
	__u64 *n = at(&reasons, (service + 1) * REASON_MAX + reason);

	if (n)
		(*n)++;
	return verdict;
}

/* Copies of addresses in eight-byte steps: both are aligned to eight. */
static __always_inline void copy16(void *to, const void *from)
{
	((__u64 *)to)[0] = ((const __u64 *)from)[0];
	((__u64 *)to)[1] = ((const __u64 *)from)[1];
}

static __always_inline bool same16(const void *a, const void *b)
{
	return ((const __u64 *)a)[0] == ((const __u64 *)b)[0] &&
	       ((const __u64 *)a)[1] == ((const __u64 *)b)[1];
}

/* ::ffff:a.b.c.d, the address in network byte order. */
static __always_inline void map4(void *to, __be32 addr)
{
	((__u64 *)to)[0] = 0;
	((__u32 *)to)[2] = bpf_htonl(0xffff);
	((__u32 *)to)[3] = addr;
}

static __always_inline __be32 v4(const void *addr)
{
	return ((const __u32 *)addr)[3];
}

/* One's complement sums (RFC 1071); any byte order, as long as it is one. */
static __always_inline __u32 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

/* The checksum after diff was added to what it covers (RFC 1624, eqn. 3). */
static __always_inline __u16 adjust(__u16 check, __u64 diff)
{
	return ~fold((__u64)(__u16)~check + (diff & 0xffffffff) + (diff >> 32));
}

/* How the sum changes when a 16-bit word does. */
static __always_inline __u64 change(__u16 from, __u16 to)
{
	return (__u64)(__u16)~from + to;
}

static __always_inline __u64 mix(__u64 h, __u64 w)
{
	h = (h ^ w) * 0xff51afd7ed558ccdULL;
	return h ^ h >> 32;
}

