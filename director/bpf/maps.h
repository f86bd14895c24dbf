/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "types.h"
#include <bpf/bpf_helpers.h>

/* All maps are pinned under their names. Sizes marked (set) are replaced from
 * the configuration before loading. Maps that user space reads or writes
 * without system calls are mapped into its memory. */

#define MAP(NAME, TYPE, KEY, VALUE, ENTRIES, FLAGS) \
	struct {                                    \
		__uint(type, TYPE);                 \
		__type(key, KEY);                   \
		__type(value, VALUE);               \
		__uint(max_entries, ENTRIES);       \
		__uint(map_flags, FLAGS);           \
	} NAME SEC(".maps")

MAP(vips, BPF_MAP_TYPE_HASH, struct vip, __u32, 65536, BPF_F_NO_PREALLOC);
MAP(services, BPF_MAP_TYPE_ARRAY, __u32, struct service, MAX_SERVICES, BPF_F_MMAPABLE);
MAP(reals, BPF_MAP_TYPE_ARRAY, __u32, struct real, 4096, BPF_F_MMAPABLE); /* (set) */
MAP(tallies, BPF_MAP_TYPE_ARRAY, __u32, struct tally, 4096, BPF_F_MMAPABLE); /* (set) */
MAP(traffic, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct volume, 4096, 0); /* (set) */
MAP(slots, BPF_MAP_TYPE_ARRAY, __u32, __u32, SLOTS, BPF_F_MMAPABLE);
MAP(cursors, BPF_MAP_TYPE_ARRAY, __u32, __u32, MAX_SERVICES, 0);
MAP(conns, BPF_MAP_TYPE_ARRAY, __u32, struct conn, 262144, BPF_F_MMAPABLE); /* (set) */
MAP(openings, BPF_MAP_TYPE_ARRAY, __u32, struct opening, 65536, 0); /* (set) */
/* Where packets of either direction find their connection: see index.h. The flag
 * puts the first value at the start of a page, so that each has one cache line;
 * the kernel refuses to map what has a lock in it. */
MAP(buckets, BPF_MAP_TYPE_ARRAY, __u32, struct bucket, 131072, BPF_F_MMAPABLE); /* (set) a power of two */
MAP(sticky, BPF_MAP_TYPE_LRU_HASH, struct affinity_key, struct affinity, 65536, 0); /* (set) */
/* First fragments that went through: fragment -> handle, as in the index. */
MAP(fragments, BPF_MAP_TYPE_LRU_HASH, struct fragment, __u32, 8192, 0);
MAP(reasons, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, (MAX_SERVICES + 1) * REASON_MAX, 0);
MAP(config, BPF_MAP_TYPE_ARRAY, __u32, struct settings, 1, BPF_F_MMAPABLE);
MAP(gauges, BPF_MAP_TYPE_ARRAY, __u32, struct gauge, 1, BPF_F_MMAPABLE);

/* Ids that were freed, first in first out, so that one rests before it is used
 * again. Ids never used come from gauges.fresh. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__type(value, __u32);
	__uint(max_entries, 262144); /* (set) as conns */
} released SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} asks SEC(".maps");

struct gc {
	struct bpf_timer timer;
};

MAP(gc, BPF_MAP_TYPE_ARRAY, __u32, struct gc, 1, 0);
