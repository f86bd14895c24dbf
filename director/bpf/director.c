//go:build ignore

// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
#include "maps.h"

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

SEC("tc")
int forward(struct __sk_buff *skb)
{
	return -1;
}

SEC("tc")
int collect(struct __sk_buff *skb)
{
	return 0;
}
