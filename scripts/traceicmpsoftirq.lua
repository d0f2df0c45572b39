-- SPDX-License-Identifier: Apache-2.0
-- traceicmpsoftirq: which task a CPU was running when it answered an ICMP echo
--
-- tgid    pid     comm            icmp_seq   cpu saddr           daddr
-- 0       0       swapper/0       128          0 192.0.2.1       192.0.2.2
-- 6       6       ksoftirqd/0     129          0 192.0.2.1       192.0.2.2
--
-- swapper/N: an idle CPU took the packet. ksoftirqd/N: the softirq was
-- deferred to the thread. Any other task was interrupted.
local args, bpf, cpus, out = require "args", require "bpf", require "tool_cpus", require "out"

local opts = args.parse{
  name = "traceicmpsoftirq",
  summary = "Trace which task is on the CPU when the kernel answers an ICMP echo request (IPv4).",
  options = {
    { "-c", "--cpu", type = "cpus", help = "these CPUs only, such as 3 or 0,2-3" },
    { "-a", "--address", type = "ipv4", help = "requests from or to this address only" },
    { "-i", "--id", type = "uint", max = 65535, help = "this ICMP id only (ping's id)" },
    { "-d", "--delay", help = "microseconds since net_rx was raised on the CPU, and since it began" },
    { "-T", "-t", "--timestamp", help = "the time of each request in front" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "json", "csv" } },
  examples = {
    { "traceicmpsoftirq", "all echo requests" },
    { "traceicmpsoftirq -c 0 10", "those that CPU 0 answers, for 10 seconds" },
    { "traceicmpsoftirq -a 10.0.0.1", "those from or to 10.0.0.1" },
    { "traceicmpsoftirq -d", "with the time that the soft interrupt waited for its turn" },
  },
}

-- why a CPU's net_rx runs, and since when: raised again while it runs, it runs again
local DELAY = [[
#define NET_RX 3
struct net_rx { u64 pending, raised, began; };
BPF_PERCPU_ARRAY(net_rx, struct net_rx, 1);

static inline struct net_rx *net_rx_of(u32 vec)
{
    u32 zero = 0;
    return vec == NET_RX ? net_rx.lookup(&zero) : 0;
}

TRACEPOINT_PROBE(irq, softirq_raise)
{
    struct net_rx *s = net_rx_of(args->vec);
    if (s && !s->pending)
        s->pending = bpf_ktime_get_ns();
    return 0;
}

TRACEPOINT_PROBE(irq, softirq_entry)
{
    struct net_rx *s = net_rx_of(args->vec);
    if (!s)
        return 0;
    s->began = bpf_ktime_get_ns();
    s->raised = s->pending;
    s->pending = 0;
    return 0;
}

TRACEPOINT_PROBE(irq, softirq_exit)
{
    struct net_rx *s = net_rx_of(args->vec);
    if (s)
        s->began = s->raised = 0;
    return 0;
}
]]

local prog = bpf.load{
  define = { CPUS = cpus.given(opts.cpu), ADDRESS = opts.address and opts.address.be32 & 0xffffffff,
    ICMP_ID = opts.id, DELAY = opts.delay },
  text = cpus.TEXT .. (opts.delay and DELAY or "") .. [[
#include <linux/skbuff.h>
#include <linux/ip.h>
#include <linux/icmp.h>

struct echo {
    u64 ktime, raised, began;        /* 0: not seen */
    u32 tgid, pid, saddr, daddr, cpu;
    u16 id, seq;
    char comm[TASK_COMM_LEN];
};
EVENTS(echoes, struct echo);

int kprobe__icmp_echo(struct pt_regs *ctx)
{
    struct sk_buff *skb = ARG(icmp_echo, skb);
    struct echo e = {};
    struct icmphdr icmp;
    struct iphdr ip;
    u64 id = bpf_get_current_pid_tgid();

    e.cpu = bpf_get_smp_processor_id();
    if (!on_wanted_cpu())
        return 0;
    bpf_probe_read_kernel(&icmp, sizeof(icmp), skb->head + skb->transport_header);
    bpf_probe_read_kernel(&ip, sizeof(ip), skb->head + skb->network_header);
#ifdef ICMP_ID
    if (icmp.un.echo.id != htons(ICMP_ID))
        return 0;
#endif
#ifdef ADDRESS
    if (ip.saddr != ADDRESS && ip.daddr != ADDRESS)
        return 0;
#endif
#ifdef DELAY
    struct net_rx *s = net_rx_of(NET_RX);
    if (s) {
        e.raised = s->raised;
        e.began = s->began;
    }
#endif
    e.ktime = bpf_ktime_get_ns();
    e.tgid = id >> 32;
    e.pid = id;
    e.saddr = ip.saddr;
    e.daddr = ip.daddr;
    e.id = icmp.un.echo.id;
    e.seq = icmp.un.echo.sequence;
    bpf_get_current_comm(&e.comm, sizeof(e.comm));
    echoes.submit(ctx, &e);
    return 0;
}
]] }
cpus.limit(prog, opts.cpu)

local columns = {
  { "tgid", "%-7d" }, { "pid", "%-7d" }, { "comm", "%-15s" },
  { "seq", "%-9d", title = "icmp_seq", key = "icmp_seq", as = "be16" },
}
local function usecs_since(member)
  return function(e)
    local ns = e.ktime - e[member]   -- negative, if the clock went back: not known
    return e[member] ~= 0 and ns >= 0 and ns / 1000 or nil
  end
end
if opts.delay then
  columns[#columns + 1] = { usecs_since("raised"), "%12.1f", title = "raised_us", key = "raised_us" }
  columns[#columns + 1] = { usecs_since("began"), "%12.1f", title = "began_us", key = "began_us" }
end
if opts.timestamp then
  table.insert(columns, 1, { "ktime", "%-15s", title = "time", key = "time", as = "time" })
end
columns[#columns + 1] = { "cpu", "%4d" }
if out.mode() ~= "text" then
  columns[#columns + 1] = { "id", as = "be16", key = "icmp_id" }
end
columns[#columns + 1] = { "saddr", "%-15s", as = "ipv4" }
columns[#columns + 1] = { "daddr", as = "ipv4" }
prog.echoes:each(out.columns(columns))
bpf.run(opts.duration)
