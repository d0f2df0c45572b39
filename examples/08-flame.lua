#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 08-flame: where the CPUs spend their time, as a flame graph: 08-flame.lua OUT.svg
local bpf, flame, stack = require "bpf", require "flame", require "stack"

local prog = bpf.load[[
#include <uapi/linux/bpf_perf_event.h>
struct who { u32 tgid; int kernel, user; char comm[TASK_COMM_LEN]; };
BPF_HASH(samples, struct who, u64);
BPF_STACK_TRACE(stacks, 16384);

int on_sample(struct bpf_perf_event_data *ctx)
{
    struct who who = { .tgid = bpf_get_current_pid_tgid() >> 32 };
    if (!who.tgid)                   /* idle */
        return 0;
    who.kernel = stacks.get_stackid(ctx, 0);
    who.user = stacks.get_stackid(ctx, BPF_F_USER_STACK);
    if (who.user < 0 && who.kernel < 0)
        LOSS(stack);
    bpf_get_current_comm(&who.comm, sizeof(who.comm));
    samples.increment(who);
    return 0;
}
]]
prog:perf_event("on_sample", { event = "cpu-clock", frequency = 99 })

on_exit(function()
  local stacks = {}
  for i, e in ipairs(prog.samples:top()) do
    stacks[i] = { stack.fold(prog.stacks, e.key, { kernel_suffix = true }), e.value }
  end
  assert(flame.save(arg[1] or "out.svg", flame.svg(flame.tree(stacks), { title = "CPU time" })))
end)
bpf.run()
