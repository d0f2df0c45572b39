#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 10-offcputime: microseconds that threads wait off the CPU, by stack, folded for flame(8)
local bpf, stack = require "bpf", require "stack"
local prog = bpf.load[[
struct off { u64 since; struct who { u32 tgid; int kernel, user; char comm[16]; } who; };
BPF_HASH(leaving, u32, struct off);
BPF_HASH(sums, struct who, u64);
BPF_STACK_TRACE(stacks, 16384);

TRACEPOINT_PROBE(sched, sched_switch)
{
    u32 prev = args->prev_pid, next = args->next_pid;
    struct off *came = leaving.lookup(&next), off = { .since = bpf_ktime_get_ns() };
    if (came) {
        struct off was = *came;
        leaving.delete(&next);
        if (off.since < was.since)
            LOSS(negative);          /* clocks of 3.10 may do that */
        else
            sums.increment(was.who, off.since - was.since);
    }
    off.who.tgid = bpf_get_current_pid_tgid() >> 32;
    off.who.user = stacks.get_stackid(args, BPF_F_USER_STACK);
    off.who.kernel = stacks.get_stackid(args, 0);
    if (off.who.kernel < 0)
        LOSS(stack);
    bpf_get_current_comm(&off.who.comm, sizeof(off.who.comm));
    if (prev && leaving.update(&prev, &off))
        LOSS(map_full);
    return 0;
}
]]
on_exit(function()
  for _, e in ipairs(prog.sums:top()) do
    print(("%s %d"):format(stack.fold(prog.stacks, e.key), e.value // 1000))
  end
end)
bpf.run()
