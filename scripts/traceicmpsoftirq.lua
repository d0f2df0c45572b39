-- SPDX-License-Identifier: Apache-2.0
-- traceicmpsoftirq: which task a CPU was running when it answered an ICMP echo
--
-- tgid    pid     comm            icmp_seq
-- 0       0       swapper/0       128
-- 6       6       ksoftirqd/0     129
--
-- swapper/N: an idle CPU took the packet. ksoftirqd/N: the softirq was
-- deferred to the thread. Any other task was interrupted.
local args, bpf, out = require "args", require "bpf", require "out"

local opts = args.parse{
  name = "traceicmpsoftirq",
  summary = "Trace which task is on the CPU when the kernel answers an ICMP echo request.",
  options = {
    { "-c", "--cpu", type = "cpu", help = "this CPU only" },
    { "-a", "--address", type = "ipv4", help = "requests from or to this address only" },
    { "-i", "--id", type = "uint", max = 65535, help = "this ICMP id only (ping's id)" },
    { "-t", "--timestamp", help = "the time of each request in front" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "json", "csv" } },
  examples = {
    { "traceicmpsoftirq", "all echo requests" },
    { "traceicmpsoftirq -c 0 10", "those that CPU 0 answers, for 10 seconds" },
    { "traceicmpsoftirq -a 10.0.0.1", "those from or to 10.0.0.1" },
  },
}

local prog = bpf.load{
  define = { CPU = opts.cpu, ADDRESS = opts.address and opts.address.be32 & 0xffffffff, ICMP_ID = opts.id },
  text = [[
#include <linux/skbuff.h>
#include <linux/ip.h>
#include <linux/icmp.h>

struct echo {
    u64 ktime;
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
#ifdef CPU
    if (e.cpu != CPU)
        return 0;
#endif
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

local columns = {
  { "tgid", "%-7d" }, { "pid", "%-7d" }, { "comm", "%-15s" },
  { "seq", "%d", title = "icmp_seq", key = "icmp_seq", as = "be16" },
}
if opts.timestamp then
  table.insert(columns, 1, { "ktime", "%-15s", title = "time", key = "time", as = "time" })
end
if out.mode() ~= "text" then
  columns[#columns + 1] = { "cpu" }
  columns[#columns + 1] = { "id", as = "be16", key = "icmp_id" }
  columns[#columns + 1] = { "saddr", as = "ipv4" }
  columns[#columns + 1] = { "daddr", as = "ipv4" }
end
prog.echoes:each(out.columns(columns))
bpf.run(opts.duration)
