-- SPDX-License-Identifier: Apache-2.0
-- tool_skb_code: the C of tool_skb, behind that of tool_net.

local M = {}

--- C that follows packets; tool_skb adds the functions that are probed.
--- An skb is in the map `tracks` from the first hop at which the filter matches until it is freed;
--- a copy enters it by its original. A call is told from others by its frame on the stack: an entry
--- of an skb that is not followed deletes what a return that was missed has left there.
M.C = [[
#include <linux/netfilter.h>
#if !defined(MOONTRACE_KERNEL_TYPES) || defined(TABLE_TYPES)
#include <linux/netfilter/x_tables.h>
#include <net/netfilter/nf_tables.h>
#define HAVE_TABLES
#endif
struct xt_table;
struct nft_pktinfo;

/* where the headers are; FOLLOWED: not looked at; ORIGIN: AT_NETWORK, and IP may begin here */
enum how { AT_NETWORK, AT_DATA, FOLLOWED, ORIGIN };
enum event { HOP, RETURN, COPY, DROP, CONSUME, FREE, ENTER };

struct track { u64 last, path, branch, number, on_device; };
struct hop {
    u64 ns, delta, path, branch, other;         /* other: the branch of a copy, or where it fell */
    u64 ip;                                     /* the function, or 0 */
    u32 number, pid, cpu, length;
    s32 stack, verdict;
    u32 reason, hook;
    u8 event, pf, kind, function[5];
    struct net_place at, peer;
    struct net_flow flow;
    char comm[TASK_COMM_LEN], table[32], chain[32];
};
enum kind { OTHER, HOOK, TABLE, CHAIN };        /* for kernels that hide their addresses */
struct call { u64 branch, skb, ip, kind; u32 pf, hook; char table[32], chain[32]; };

BPF_HASH(tracks, u64, struct track, TRACKS);
BPF_HASH(calls, u64, struct call, 4096);
BPF_ARRAY(live, u32, 1);
BPF_PERCPU_ARRAY(scratch, struct hop, 1);
BPF_PERCPU_ARRAY(called, struct call, 1);
BPF_PERCPU_ARRAY(ids, u64, 1);
EVENTS(hops, struct hop, 64);
#ifdef STACKS
BPF_STACK_TRACE(stacks, STACKS);
#endif

#ifdef __x86_64__
#define POPPED 8                        /* the return address */
#else
#define POPPED 0
#endif

static inline u64 new_id(void)
{
    u32 zero = 0;
    u64 *n = ids.lookup(&zero);
    if (!n)
        return 0;
    *n += 1;
    return (u64)bpf_get_smp_processor_id() << 40 | *n;
}

static inline struct hop *new_hop(void)
{
    u32 zero = 0;
    struct hop *h = scratch.lookup(&zero);
    if (h)
        __builtin_memset(h, 0, sizeof(*h));
    return h;
}

/* what all events have; the track moves on */
static inline void fill(void *ctx, struct hop *h, struct track *t, struct sk_buff *skb, u64 ip,
                        int event)
{
    u64 now = bpf_ktime_get_ns();

    h->ns = now;
    h->delta = t->number ? now - t->last : 0;
    if ((s64)h->delta < 0) {
        LOSS(negative);                 /* clocks of 3.10 may do that */
        h->delta = 0;
    }
    h->path = t->path;
    h->branch = t->branch;
    h->number = t->number;
    h->event = event;
    h->ip = ip;
    h->pid = bpf_get_current_pid_tgid();
    h->cpu = bpf_get_smp_processor_id();
    NET_READ(h->length, skb->len);
    bpf_get_current_comm(&h->comm, sizeof(h->comm));
    h->stack = -1;
#ifdef STACKS
    h->stack = stacks.get_stackid(ctx, 0);
    if (h->stack < 0)
        LOSS(stack);
#endif
    t->last = now;
    t->number += 1;
}

/* while probes are attached, one by one, the end of a packet may be missed: none begins */
static inline int is_live(void)
{
    u32 zero = 0, *on = live.lookup(&zero);

    return on && *on;
}

/* Where IP sends an skb that has no device, but had one, it is another one at the same place, and
 * the end of the first was missed: only sockets that receive take the device away, and they do not
 * send what they receive. Packets in tunnels come here again with their device. */
static inline int is_another(struct track *t, struct sk_buff *skb, int how)
{
    struct net_device *dev;

    if (how == FOLLOWED)
        return 0;
    NET_READ(dev, skb->dev);
    if (how == ORIGIN && t->on_device && !dev)
        return 1;
    if (dev)
        t->on_device = 1;
    return 0;
}

/* not one that nobody saw for too long, or that ended: the memory is another packet's by now */
static inline int is_followed(struct sk_buff *skb, int how)
{
    u64 key = (u64)skb;
    struct track *t = tracks.lookup(&key);

    if (!t)
        return 0;
    if ((s64)(bpf_ktime_get_ns() - t->last) < (s64)MAX_AGE && !is_another(t, skb, how))
        return 1;
    tracks.delete(&key);
    LOSS(unmatched);
    return 0;
}

static inline int follow(struct sk_buff *skb)
{
    u64 key = (u64)skb;
    struct track first = {};

    first.last = bpf_ktime_get_ns();
    first.path = first.branch = new_id();
    if (!tracks.update(&key, &first))
        return 1;
    LOSS(map_full);
    return 0;
}

/* The hop of an skb that is followed, or is from now on; else NULL. The track is looked up again
 * before its use: old verifiers lose what they knew of a pointer that was put aside. */
static inline struct hop *arrive(void *ctx, struct sk_buff *skb, u64 ip, int how)
{
    u64 key = (u64)skb;
    int followed = is_followed(skb, how);
    struct track *t;
    struct hop *h;

    if (!followed && (how == FOLLOWED || !is_live()))
        return 0;
    h = new_hop();
    if (!h)
        return 0;
    if (how != FOLLOWED) {
        net_place_of(skb, &h->at);
        net_parse(skb, how == AT_DATA, &h->flow);
        if (!followed && (!net_wanted(&h->flow, &h->at) || !follow(skb)))
            return 0;
    }
    t = tracks.lookup(&key);
    if (!t)
        return 0;
    fill(ctx, h, t, skb, ip, HOP);
    return h;
}

static inline int pass(struct pt_regs *ctx, struct sk_buff *skb, int how)
{
    struct hop *h = arrive(ctx, skb, PT_REGS_IP(ctx), how);

    if (h)
        hops.submit(ctx, h);
    return 0;
}

static inline int leave(void *ctx, struct sk_buff *skb, u64 ip, int event, u64 where, u32 reason)
{
    u64 key = (u64)skb;
    struct track *t = tracks.lookup(&key);
    struct hop *h;

    if (!t)
        return 0;
    h = new_hop();
    t = tracks.lookup(&key);
    if (!h || !t)
        return 0;
    fill(ctx, h, t, skb, ip, event);
    h->other = where;
    h->reason = reason;
    hops.submit(ctx, h);
    tracks.delete(&key);
    return 0;
}

/* ---- calls whose return matters ---- */

static inline struct call *new_call(struct pt_regs *ctx, struct sk_buff *skb)
{
    u64 frame = PT_REGS_SP(ctx), key = (u64)skb;
    u32 zero = 0;
    struct call *c = called.lookup(&zero);
    struct track *t;

    if (!c)
        return 0;
    __builtin_memset(c, 0, sizeof(*c));
    t = tracks.lookup(&key);
    if (!t) {
        calls.delete(&frame);
        return 0;
    }
    c->branch = t->branch;
    c->skb = (u64)skb;
    c->ip = PT_REGS_IP(ctx);
    return c;
}

/* no hop, but what a drop that comes before the return belongs to */
static inline void tell_call(struct pt_regs *ctx, struct call *c)
{
    struct hop *h = new_hop();
    struct track *t;

    if (!h)
        return;
    t = tracks.lookup(&c->skb);
    if (!t)
        return;
    h->ns = bpf_ktime_get_ns();
    h->path = t->path;
    h->branch = t->branch;
    h->event = ENTER;
    h->ip = c->ip;
    h->kind = c->kind;
    h->pf = c->pf;
    h->hook = c->hook;
    __builtin_memcpy(h->table, c->table, sizeof(h->table));
    __builtin_memcpy(h->chain, c->chain, sizeof(h->chain));
    hops.submit(ctx, h);
}

static inline void keep_call(struct pt_regs *ctx, struct call *c)
{
    u64 frame = PT_REGS_SP(ctx);

    if (calls.update(&frame, c))
        LOSS(map_full);
}

static inline int copy_begins(struct pt_regs *ctx, struct sk_buff *skb)
{
    struct call *c = new_call(ctx, skb);

    if (c)
        keep_call(ctx, c);
    return 0;
}

static inline void follow_copy(struct pt_regs *ctx, struct call *c, u64 key)
{
    struct hop *h = new_hop();
    struct track *t, copy;

    if (!h)
        return;
    t = tracks.lookup(&c->skb);
    if (!t || t->branch != c->branch)
        return;
    fill(ctx, h, t, (struct sk_buff *)c->skb, c->ip, COPY);
    copy = *t;
    copy.branch = new_id();
    h->other = copy.branch;
    if (tracks.update(&key, &copy))
        LOSS(map_full);
    else
        hops.submit(ctx, h);
}

int copy_ends(struct pt_regs *ctx)
{
    u64 frame = PT_REGS_SP(ctx) - POPPED, key = PT_REGS_RC(ctx);
    struct call *c = calls.lookup(&frame);

    if (!c)
        return 0;
    if (key)
        follow_copy(ctx, c, key);
    calls.delete(&frame);
    return 0;
}

/* an skb that was freed or stolen meanwhile is not looked at again */
static inline void tell_verdict(struct pt_regs *ctx, struct call *c)
{
    struct hop *h = new_hop();
    struct track *t;

    if (!h)
        return;
    t = tracks.lookup(&c->skb);
    if (!t || t->branch != c->branch)
        return;
    fill(ctx, h, t, (struct sk_buff *)c->skb, c->ip, RETURN);
    net_place_of((struct sk_buff *)c->skb, &h->at);
    h->verdict = PT_REGS_RC(ctx);
    h->kind = c->kind;
    h->pf = c->pf;
    h->hook = c->hook;
    __builtin_memcpy(h->table, c->table, sizeof(h->table));
    __builtin_memcpy(h->chain, c->chain, sizeof(h->chain));
    hops.submit(ctx, h);
}

int verdict(struct pt_regs *ctx)
{
    u64 frame = PT_REGS_SP(ctx) - POPPED;
    struct call *c = calls.lookup(&frame);

    if (!c)
        return 0;
    tell_verdict(ctx, c);
    calls.delete(&frame);
    return 0;
}

static inline int hook_begins(struct pt_regs *ctx, struct sk_buff *skb,
                              struct nf_hook_state *state)
{
    struct hop *h = arrive(ctx, skb, PT_REGS_IP(ctx), AT_NETWORK);
    u64 frame = PT_REGS_SP(ctx);
    struct call *c;
    u8 pf;

    if (!h) {
        calls.delete(&frame);
        return 0;
    }
    c = new_call(ctx, skb);
    if (!c)
        return 0;
    NET_READ(pf, state->pf);
    NET_READ(h->hook, state->hook);
    h->kind = c->kind = HOOK;
    h->pf = c->pf = pf;
    c->hook = h->hook;
    hops.submit(ctx, h);
    keep_call(ctx, c);
    return 0;
}

/* iptables: the hook's name is that of the chain that it begins with */
static inline int table_begins(struct pt_regs *ctx, struct sk_buff *skb,
                               struct nf_hook_state *state, struct xt_table *table)
{
    struct call *c = new_call(ctx, skb);
    u8 pf;

    if (!c)
        return 0;
    NET_READ(pf, state->pf);
    NET_READ(c->hook, state->hook);
    c->kind = TABLE;
    c->pf = pf;
#ifdef HAVE_TABLES
    bpf_probe_read_kernel(&c->table, sizeof(c->table), &table->name);
#endif
    tell_call(ctx, c);
    keep_call(ctx, c);
    return 0;
}

#ifdef HAVE_TABLES
/* an array, or a pointer since 4.14 */
#define READ_NAME(into, name) \
    __builtin_choose_expr(__builtin_types_compatible_p(typeof(name), char *), \
        read_text(into, (void *)&(name)), bpf_probe_read_kernel(into, sizeof(into), &(name)))
static inline int read_text(char *into, void *pointer)
{
    char *text;

    bpf_probe_read_kernel(&text, sizeof(text), pointer);
    return bpf_probe_read_kernel_str(into, 32, text);
}
#endif

/* the chain, on kernels before 4.4 and on EL7 */
static inline void *private_of(void *ops)
{
    void *priv;

    NET_READ(priv, ((struct nf_hook_ops *)ops)->priv);
    return priv;
}

static inline int chain_begins(struct pt_regs *ctx, struct nft_pktinfo *pkt, void *priv)
{
    struct sk_buff *skb;
    struct call *c;

    bpf_probe_read_kernel(&skb, sizeof(skb), pkt);      /* the first member, always */
    c = new_call(ctx, skb);
    if (!c)
        return 0;
    c->kind = CHAIN;
    c->pf = 255;                        /* no hook of its own */
#ifdef HAVE_TABLES
    struct nft_chain *chain = priv;
    struct nft_table *table;

    NET_READ(table, chain->table);
    READ_NAME(c->chain, chain->name);
    READ_NAME(c->table, table->name);
#endif
    tell_call(ctx, c);
    keep_call(ctx, c);
    return 0;
}

/* ---- from device to device ---- */

/* struct veth_priv, behind the device, begins with the peer, whose peer is this one */
static inline struct net_device **veth_peer(struct net_device *dev)
{
    return (void *)dev + ((sizeof(*dev) + 31) & ~31UL);
}

static inline int veth_transmits(struct pt_regs *ctx, struct sk_buff *skb, struct net_device *dev)
{
    struct hop *h = arrive(ctx, skb, PT_REGS_IP(ctx), AT_NETWORK);
    struct net_device *peer = 0, *back = 0;

    if (!h)
        return 0;
    NET_READ(peer, *veth_peer(dev));
    if (peer)
        NET_READ(back, *veth_peer(peer));
    if (peer && back == dev)
        net_place(peer, &h->peer);
    hops.submit(ctx, h);
    return 0;
}

/* struct net_bridge_port begins so; the device has the port as its handler's data */
struct bridge_port { void *bridge; struct net_device *dev; };

static inline int bridge_forwards(struct pt_regs *ctx, struct sk_buff *skb, const void *to)
{
    struct hop *h = arrive(ctx, skb, PT_REGS_IP(ctx), AT_NETWORK);
    struct bridge_port *port = (void *)to;
    struct net_device *dev = 0;
    void *back = 0;

    if (!h)
        return 0;
    if (port)
        NET_READ(dev, port->dev);
    if (dev)
        NET_READ(back, dev->rx_handler_data);
    if (dev && back == to)
        net_place(dev, &h->peer);
    hops.submit(ctx, h);
    return 0;
}

/* ---- tracepoints ---- */

TRACEPOINT_PROBE(skb, kfree_skb)
{
    u32 reason = 0;
#ifdef HAVE_REASON
    reason = args->reason;
#endif
    return leave(args, (struct sk_buff *)args->skbaddr, 0, DROP, (u64)args->location, reason);
}

TRACEPOINT_PROBE(skb, consume_skb)
{
    return leave(args, (struct sk_buff *)args->skbaddr, 0, CONSUME, 0, 0);
}

static inline int traced(void *ctx, const void *skb, int how, int verdict, u8 id)
{
    struct hop *h = arrive(ctx, (struct sk_buff *)skb, 0, how);

    if (!h)
        return 0;
    h->verdict = verdict;
    h->function[0] = id;
    hops.submit(ctx, h);
    return 0;
}
]]

return M
