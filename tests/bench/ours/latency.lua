-- SPDX-License-Identifier: Apache-2.0
-- a tracepoint program that needs no header
require("bpf").load[[
BPF_HASH(since, u32, u64);
BPF_HISTOGRAM(times);
TRACEPOINT_PROBE(irq, softirq_entry)
{
    u32 cpu = bpf_get_smp_processor_id();
    u64 now = bpf_ktime_get_ns();
    since.update(&cpu, &now);
    return 0;
}
TRACEPOINT_PROBE(irq, softirq_exit)
{
    u32 cpu = bpf_get_smp_processor_id();
    u64 *then = since.lookup(&cpu);
    if (then)
        times.increment(bpf_log2l(bpf_ktime_get_ns() - *then));
    return 0;
}
]]
