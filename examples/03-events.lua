#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 03-events: a row for each exit of a process, formatted without entering Lua
local bpf, out = require "bpf", require "out"

local prog = bpf.load[[
struct left { u64 ktime, pid; char comm[TASK_COMM_LEN]; };
EVENTS(exits, struct left);

TRACEPOINT_PROBE(sched, sched_process_exit)
{
    struct left e = { .ktime = bpf_ktime_get_ns(), .pid = args->pid };
    bpf_get_current_comm(&e.comm, sizeof(e.comm));
    exits.submit(args, &e);
    return 0;
}
]]

prog.exits:each(out.columns{
  { "ktime", "%-15s", title = "time", as = "time" }, { "pid", "%-7d" }, { "comm" },
})
bpf.run()
