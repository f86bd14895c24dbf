/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

#include "util.h"

/* The index: from the tuple of a packet to its connection, in one cache line
 * and without a lock. A bucket holds entries of 32 bits: a tag of the hash, the
 * connection's id, and the direction. The tuple itself is compared with the
 * connection's record, which the packet needs anyway. A bucket that is full
 * spills into a second one. The kernel's hash table takes three lines and
 * twice the memory for the same. */

#define FROM_SERVER 1u /* bit of a handle: id << 1 | direction */
#define HANDLE_BITS 25
#define HANDLE ((1u << HANDLE_BITS) - 1)
#define NO_HANDLE (~0u)
#define EEXIST 17
#define ENOSPC 28
#define EAGAIN 11

/* Where a tuple's entry is to be. */
struct home {
	__u32 first, second; /* buckets */
	__u32 tag;           /* at its place in an entry; never 0 */
};

static __always_inline bool tuple_is(const struct conn *c, const struct tuple *k, __u32 handle)
{
	if (handle & FROM_SERVER)
		return c->sport == k->sport && c->lport == k->dport && c->proto == k->proto &&
		       same16(c->server, k->saddr) && same16(c->local, k->daddr);
	return c->cport == k->sport && c->vport == k->dport && c->proto == k->proto &&
	       same16(c->client, k->saddr) && same16(c->vip, k->daddr);
}

static __always_inline struct home locate(const struct tuple *k)
{
	const struct settings *set = at(&config, 0);
	const __u64 *w = (const __u64 *)k;
	struct home h = {};
	__u32 mask;
	__u64 sum;

	if (!set)
		return h;
	mask = set->buckets - 1;
	sum = mix(mix(set->seed, w[0]), w[1]);
	sum = mix(mix(sum, w[2]), w[3]);
	sum = mix(sum, (__u64)k->sport << 24 | (__u64)k->dport << 8 | k->proto);
	h.first = sum & mask;
	h.second = (sum >> 25) & mask;
	h.tag = ((sum >> 57) + !(sum >> 57)) << HANDLE_BITS;
	return h;
}

static __always_inline __u32 search(const struct bucket *b, const struct tuple *k, __u32 tag)
{
#pragma clang loop unroll(full)
	for (int i = 0; i < ENTRIES; i++) {
		__u32 e = READ_ONCE(b->entries[i]), handle = e & HANDLE;

		if (likely((e & ~HANDLE) != tag))
			continue;
		const struct conn *c = at(&conns, handle >> 1);

		if (c && tuple_is(c, k, handle))
			return handle;
	}
	return NO_HANDLE;
}

/* The handle of the tuple's connection, or NO_HANDLE. */
static __always_inline __u32 find(const struct tuple *k)
{
	struct home where = locate(k);
	const struct bucket *b = at(&buckets, where.first);
	__u32 handle;

	if (!b)
		return NO_HANDLE;
	handle = search(b, k, where.tag);
	if (likely(handle != NO_HANDLE || !READ_ONCE(b->spilled)))
		return handle;
	b = at(&buckets, where.second);
	return b ? search(b, k, where.tag) : NO_HANDLE;
}

/* The same as a function of its own, for where speed is not all. */
__noinline __u32 lookup(const struct tuple *k)
{
	return k ? find(k) : NO_HANDLE;
}

/* Replaces one entry of a bucket by another; 0 is a free one. The caller holds
 * the lock. */
static __always_inline int replace(struct bucket *b, __u32 from, __u32 to)
{
#pragma clang loop unroll(disable)
	for (int i = 0; i < ENTRIES; i++) {
		if (b->entries[i] != from)
			continue;
		WRITE_ONCE(b->entries[i], to);
		return 0;
	}
	return -ENOSPC;
}

__noinline int replace_in(__u32 bucket, __u32 from, __u32 to)
{
	struct bucket *b = at(&buckets, bucket);
	int err;

	if (!b)
		return -ENOSPC;
	bpf_spin_lock(&b->lock);
	err = replace(b, from, to);
	bpf_spin_unlock(&b->lock);
	return err;
}

/* Adds to the first bucket, if that is still of the version seen: 0, or 1 if
 * it is full, or -EAGAIN. */
static __always_inline int add_first(struct bucket *b, __u32 entry, __u32 version)
{
	int err;

	bpf_spin_lock(&b->lock);
	if (b->version != version) {
		bpf_spin_unlock(&b->lock);
		return -EAGAIN;
	}
	b->version++;
	err = replace(b, 0, entry);
	if (err)
		__sync_fetch_and_add(&b->spilled, 1); /* it is lowered without the lock */
	bpf_spin_unlock(&b->lock);
	return err ? 1 : 0;
}

/* Adds an entry unless there is one of that tuple: 0, or an error. */
__noinline int add(const struct tuple *k, __u32 handle)
{
	struct home where;
	struct bucket *b;
	__u32 version;
	int err = -EAGAIN;

	if (!k)
		return -ENOSPC;
	where = locate(k);
	b = at(&buckets, where.first);
	if (!b)
		return -ENOSPC;
	for (int i = 0; i < 3 && err == -EAGAIN; i++) {
		version = READ_ONCE(b->version);
		if (lookup(k) != NO_HANDLE)
			return -EEXIST;
		err = add_first(b, where.tag | handle, version);
	}
	if (err != 1)
		return err;
	err = replace_in(where.second, 0, where.tag | handle);
	if (err)
		__sync_fetch_and_add(&b->spilled, -1);
	return err;
}

/* Replaces a tuple's entry by another, or by none: NO_HANDLE. */
__noinline int change_entry(const struct tuple *k, __u32 handle, __u32 next)
{
	struct home where;
	struct bucket *b;
	__u32 to;

	if (!k)
		return -1;
	where = locate(k);
	to = next == NO_HANDLE ? 0 : where.tag | next;
	if (!replace_in(where.first, where.tag | handle, to))
		return 0;
	if (replace_in(where.second, where.tag | handle, to))
		return -1;
	b = at(&buckets, where.first);
	if (b && !to)
		__sync_fetch_and_add(&b->spilled, -1);
	return 0;
}
