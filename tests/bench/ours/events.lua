-- SPDX-License-Identifier: Apache-2.0
-- a 40-byte event for each getppid call of one process, as text
local bpf, out = require "bpf", require "out"

local prog = bpf.load{ define = { PID = tonumber(arg[1]) }, text = [[
struct event { u64 ns; u32 pid, cpu; u64 number; char comm[16]; };
EVENTS(events, struct event, 4096);
BPF_PERCPU_ARRAY(numbers, u64, 1);

TRACEPOINT_PROBE(syscalls, sys_enter_getppid)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 zero = 0;
    u64 *n = numbers.lookup(&zero);
    if (id >> 32 != PID || !n)
        return 0;
    struct event e = { .ns = bpf_ktime_get_ns(), .pid = id >> 32,
        .cpu = bpf_get_smp_processor_id(), .number = (*n)++ };
    bpf_get_current_comm(&e.comm, sizeof(e.comm));
    events.submit(args, &e);
    return 0;
}
]] }
prog.events:each(out.columns{
  { "ns", "%d" }, { "pid", "%-7d" }, { "cpu", "%3d" }, { "number", "%10d" }, { "comm", "%s" },
})
prog:attach()
print("Tracing")
bpf.run()
