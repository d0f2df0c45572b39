#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 01-hello: count a tracepoint, print the count once a second
local bpf = require "bpf"

local prog = bpf.load[[
BPF_PERCPU_ARRAY(hits, u64, 1);

TRACEPOINT_PROBE(sched, sched_switch)
{
    u32 zero = 0;
    u64 *n = hits.lookup(&zero);
    if (n)
        (*n)++;
    return 0;
}
]]

every(1, function()
  print(("%d context switches"):format(prog.hits[0]))
end)
bpf.run()
