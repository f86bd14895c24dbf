/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
#pragma once

/* The values of the maps, shared with Go: bpf2go makes Go types of them.
 *
 * Addresses are 16 bytes; IPv4 is ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that
 * both families take one path. Ports are in network byte order. A tick is
 * 2^20 ns of CLOCK_MONOTONIC (1.05 ms) in 32 bits; ticks are only compared by
 * their difference. A field that is added takes spare bytes, and 0 in it means
 * what its absence meant: pinned maps outlive the program. */

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#define MAX_SERVICES 256
#define MAX_REALS 65536   /* an id fits in 16 bits, see opening.tried */
#define MAX_MEMBERS 1024  /* real servers of one service */
#define MAX_TRIES 16      /* servers tried for one connection */
#define MAX_OPTIONS 40    /* bytes of TCP options in a SYN */
#define SLOTS (1 << 20)   /* members and tables of all services together */
#define TICK_SHIFT 20

/* How a packet left the program. Counted in reasons[service][reason]. */
enum reason {
	REASON_NONE,
	/* passed to the host untouched */
	REASON_PASS_NOT_IP,    /* neither IPv4 nor IPv6 */
	REASON_PASS_OTHER,     /* no VIP and no connection of ours */
	REASON_PASS_EXTENSION, /* IPv6 extension headers that are not followed */
	REASON_PASS_HOST,      /* to a VIP, for the host: ICMP echo, another protocol */
	/* forwarded */
	REASON_FORWARD_IN,         /* client to server, known connection */
	REASON_FORWARD_OUT,        /* server to client */
	REASON_FORWARD_NEW,        /* first packet of a connection, scheduled */
	REASON_FORWARD_STICKY,     /* first packet, by persistence */
	REASON_FORWARD_REPEATED,   /* SYN again, to the same server */
	REASON_FORWARD_ICMP_IN,    /* ICMP error about a reply, to the server */
	REASON_FORWARD_ICMP_OUT,   /* ICMP error about a request, to the client */
	REASON_RETRY_SILENT,       /* SYN again, to another server: no SYN-ACK came */
	REASON_RETRY_RESET,        /* SYN rebuilt from a server's RST */
	REASON_RETRY_UNREACHABLE,  /* SYN rebuilt from an ICMP unreachable */
	REASON_MOVED,              /* UDP, moved off a dead server */
	/* answered */
	REASON_RESET_DEAD,      /* RST to the client: the connection's server is dead */
	REASON_RESET_NO_SERVER, /* RST to a SYN: no server may take it */
	REASON_RESET_NO_CONN,   /* RST to a packet of no connection */
	REASON_RESET_LATE,      /* RST to a late SYN-ACK of a server that was left */
	/* dropped */
	REASON_DROP_MALFORMED,  /* header lengths that cannot be */
	REASON_DROP_FRAGMENT,   /* fragment to a VIP without its first part known */
	REASON_DROP_TTL,        /* TTL or hop limit at its end */
	REASON_DROP_TOO_BIG,    /* larger than the way's MTU; told to the sender */
	REASON_DROP_NO_SERVER,  /* no server may take it */
	REASON_DROP_NO_CONN,    /* to a VIP, of no connection, not answered */
	REASON_DROP_LATE,       /* from a server that the connection has left */
	REASON_DROP_FULL,       /* connection table full */
	REASON_DROP_NO_PORT,    /* fullnat: no free source port */
	REASON_DROP_COLLISION,  /* nat: the server has this client's port already */
	REASON_DROP_BUSY,       /* another CPU is moving this connection */
	REASON_DROP_FAILED,     /* a helper refused */
	REASON_DROP_SIDE,       /* came in on the other side of the director */
	REASON_MAX,
};

enum conn_state {
	STATE_FREE,        /* not in use */
	STATE_OPENING,     /* SYN forwarded, no SYN-ACK yet */
	STATE_ANSWERED,    /* SYN-ACK forwarded */
	STATE_ESTABLISHED, /* the client has acknowledged */
	STATE_FIN_WAIT,    /* one side has closed */
	STATE_TIME_WAIT,   /* both sides have */
	STATE_CLOSE,       /* a RST went through */
	STATE_UDP,         /* no states */
	STATE_MOVED,       /* tombstone of a server that was left while opening */
	STATE_DEAD,        /* out of the index, waits to be freed */
	STATE_MAX,
};

enum conn_flag {
	CONN_FIN_CLIENT = 1,   /* FIN seen from the client */
	CONN_FIN_SERVER = 2,   /* FIN seen from the server */
	CONN_ALIVE_CLIENT = 4, /* the client spoke after a RST */
	CONN_ALIVE_SERVER = 8, /* the server spoke after a RST */
	CONN_UNANSWERED = 64,  /* UDP: the server has not answered yet */
	CONN_BLAMED = 128,     /* UDP: its failure was counted */
};

enum scheduler { SCHED_RR, SCHED_WRR, SCHED_LC, SCHED_WLC, SCHED_SH, SCHED_MAGLEV, SCHED_LOAD };
enum mode { MODE_NAT, MODE_FULLNAT };
enum on_failure { FAIL_RESET_IF_SILENT, FAIL_RESET, FAIL_DRAIN };

enum real_state {
	REAL_ABSENT,   /* slot not in use */
	REAL_UP,       /* takes new connections if its weight is not 0 */
	REAL_DRAINING, /* keeps what it has */
	REAL_EJECTED,  /* takes nothing new: fails new connections; keeps what it has */
	REAL_DOWN,     /* dead since down_at: on_failure decides on what it has */
};

/* A packet's addresses, as it comes in; what the index is by. */
struct tuple {
	__u8 saddr[16];
	__u8 daddr[16];
	__be16 sport;
	__be16 dport;
	__u8 proto;
	__u8 pad[3];
};

/* A connection: what is the same for all its packets in the first half. The
 * client sends client:cport -> vip:vport, the server sees local:lport ->
 * server:sport; local is client in mode nat. */
struct conn {
	__u8 client[16];
	__u8 vip[16];
	__u8 server[16];
	__u8 local[16];
	__be16 cport, vport, sport, lport;
	__u32 real;
	__u32 generation; /* of the real server when it was chosen */
	__u32 ifindex;    /* where the client's packets come in */
	__u32 diff;       /* checksum difference of the addresses, client to server */
	__u16 service;
	__u8 proto;
	__u8 family; /* 4 or 6 */
	__u32 opening; /* index in openings + 1 while opening, else 0 */
	/* changes with packets */
	__u32 lock;        /* 1: a CPU is changing more than time stamps */
	__u8 state;        /* enum conn_state */
	__u8 flags;        /* enum conn_flag */
	__u8 repeats;      /* client segments seen again without a word of the server */
	__u8 spare;
	__u32 seen;        /* tick of the last packet of either side */
	__u32 server_seen; /* tick of the server's last packet */
	__u32 client_next; /* next sequence number that the client will send */
	__u32 client_ack;  /* what the client has acknowledged last */
	__u32 mtu;         /* of the way back to the client */
	__u32 server_next; /* next sequence number that the server will send; 0: not known */
};

#define ENTRIES 13 /* of a bucket */

/* A cache line of the index: see index.h. */
struct bucket {
	struct bpf_spin_lock lock;
	__u32 version; /* raised with every entry that is added */
	__u32 spilled; /* entries that this bucket had no room for */
	__u32 entries[ENTRIES];
};

/* What is kept of a client's SYN until the client has proved by its ACK that it
 * is there. A ring: under a flood the oldest is given up first. */
struct opening {
	__u32 conn; /* id + 1, or 0 */
	__u32 isn;
	__u32 sent; /* tick of the SYN to the present server */
	__u32 server_isn; /* once the server has answered */
	__u16 window; /* as in the header */
	__u8 tos;
	__u8 ttl;
	__u8 options_len;
	__u8 tried_len;
	__u8 no_replay; /* the SYN carried data: RFC 7413 */
	__u8 flags;     /* of TCP: SYN, and what ECN adds (RFC 3168) */
	__u16 tried[MAX_TRIES];
	__u8 options[MAX_OPTIONS];
	__u8 spare[32];
};

/* Written by user space only. */
struct real {
	__u8 addr[16];
	__u8 nexthop[16]; /* neighbour on ifindex: the server or a gateway to it */
	__u8 source[16];  /* fullnat: the address that the server sees */
	__u32 ifindex;
	__u32 mtu;        /* of the way; 0: not known */
	__u32 weight;     /* 256 is 1.0; 0 takes nothing new */
	__u32 generation; /* raised to retire all connections */
	__u32 service;
	__u32 down_at; /* tick */
	__be16 port;   /* 0: the port that the client asked for */
	__u8 state;    /* enum real_state */
	__u8 nexthop_family; /* 4 or 6 */
	__u8 spare[52];
};

/* Written by the datapath only. Totals count up; active and inactive are
 * present numbers. */
struct tally {
	__u32 active;   /* opening to established */
	__u32 inactive; /* closing */
	__u32 streak;   /* failures to open since the last success */
	__u32 answered_at; /* tick of the last SYN-ACK */
	__u64 syns;
	__u64 synacks;
	__u64 misses;      /* SYNs not answered in time */
	__u64 resets;      /* RSTs to SYNs */
	__u64 unreachable; /* ICMP unreachables */
	__u64 spare;
};

/* Per CPU. */
struct volume {
	__u64 conns;
	__u64 in_packets, in_bytes;   /* to the server */
	__u64 out_packets, out_bytes; /* from it */
};

/* Part of slots: members of a service or a scheduler's table. */
struct span {
	__u32 off;
	__u32 len;
};

/* Written by user space only. */
struct service {
	char name[32];
	struct span members; /* every real server once */
	struct span table;   /* sequence of real servers by weight, or Maglev's */
	__u64 seed;          /* of hashes: equal on directors that share the VIP */
	__u32 sticky;        /* ticks of persistence; 0: none */
	__u32 retry;         /* ticks until a repeated SYN goes elsewhere */
	__u32 silence;       /* ticks for reset-if-silent */
	__u16 lport_min, lport_max; /* fullnat, host byte order */
	__u8 scheduler;
	__u8 mode;
	__u8 on_failure;
	__u8 sticky_bits; /* length of the client prefix, of 128 */
	__u8 tries;
	__u8 in_use;
	__u8 spare[50];
};

/* Key of vips. Port and protocol 0: the address itself. */
struct vip {
	__u8 addr[16];
	__be16 port;
	__u8 proto;
	__u8 pad;
};

/* Which connection the later fragments of a datagram belong to. */
struct fragment {
	__u8 saddr[16];
	__u8 daddr[16];
	__u32 id; /* IPv4: 16 bits of it */
	__u8 proto;
	__u8 pad[3];
};

struct affinity_key {
	__u8 prefix[16];
	__u32 service;
};

struct affinity {
	__u32 real;
	__u32 generation;
	__u32 seen; /* tick of the last new connection */
	__u32 spare;
};

/* One for the whole datapath; written by user space. */
struct settings {
	__u64 seed; /* random, of hashes that clients must not foresee */
	__u32 timeouts[STATE_MAX]; /* ticks by enum conn_state */
	__u32 conns;    /* entries of conns in use */
	__u32 openings; /* entries of openings in use, a power of two */
	__u32 gc_batch; /* connections looked at in one step */
	__u32 gc_every; /* ns between steps */
	__u32 ipv6_csum; /* BPF_F_IPV6 where the kernel has it, else 0 */
	__u32 buckets;   /* entries of buckets in use, a power of two */
	__u32 merging;   /* not 0: tables are being merged, and connections not all there yet */
	__u8 spare[36];
};

/* One; written by the datapath. */
struct gauge {
	__u32 fresh;   /* ids below are or were in use */
	__u32 used;    /* ids in use */
	__u32 head;    /* next of openings */
	__u32 opening; /* connections that the client has not acknowledged yet */
	__u32 cursor;  /* of garbage collection */
	__u32 sweeps;  /* whole rounds of it */
	__u64 displaced; /* openings given up for newer ones */
	__u64 expired;
	__u64 gc_steps;
	__u32 press; /* how much sooner what is over is forgotten, as a power of two */
	__u8 spare[12];
};

/* What the datapath asks user space to do; in the ring buffer asks. */
enum ask_kind {
	ASK_TOO_BIG = 1, /* send an ICMP too big to the sender of head */
};

struct ask {
	__u32 kind;
	__u32 ifindex; /* where the packet came in */
	__u32 mtu;
	__u32 len; /* of head */
	__u8 head[128]; /* from the IP header on, as it came in */
};
