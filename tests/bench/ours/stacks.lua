-- SPDX-License-Identifier: Apache-2.0
-- counts stacks of getppid in `paths`, then symbolizes and folds them: stacks.lua PATHS COUNT
local bpf, stack = require "bpf", require "stack"
local n = tonumber(arg[2])

local prog = bpf.load[[
struct who { int kernel, user; u32 tgid; char comm[TASK_COMM_LEN]; };
BPF_HASH(counts, struct who, u64, 262144);
BPF_STACK_TRACE(stacks, 524288);
BPF_ARRAY(calls, u64, 1);
TRACEPOINT_PROBE(syscalls, sys_enter_getppid)
{
    struct who w = {};
    bpf_get_current_comm(&w.comm, sizeof(w.comm));
    if (w.comm[0] != 'p' || w.comm[1] != 'a' || w.comm[2] != 't' || w.comm[3] != 'h')
        return 0;
    w.tgid = bpf_get_current_pid_tgid() >> 32;
    w.kernel = stacks.get_stackid(args, 0);
    w.user = stacks.get_stackid(args, BPF_F_USER_STACK);
    counts.increment(w);
    calls.increment(0);
    return 0;
}
]]
local paths
after(0, function()
  paths = io.popen(arg[1] .. " " .. n, "w")
  paths:write("\n")
  paths:flush()
end)
every(0.05, function()
  if prog.calls[0] >= n then bpf.stop() end
end)
bpf.run(60)
print("Tracing")
for who, count in pairs(prog.counts) do
  print(stack.fold(prog.stacks, who) .. " " .. count)
end
