#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 02-histogram: sizes of read calls as a histogram, printed on Ctrl-C
local bpf, hist = require "bpf", require "hist"

local prog = bpf.load[[
BPF_HASH(sizes, u32, u64, 128);

TRACEPOINT_PROBE(syscalls, sys_exit_read)
{
    u32 slot = LOG2_SLOT(args->ret > 0 ? args->ret : 0);
    sizes.atomic_increment(slot);
    return 0;
}
]]

on_exit(function()
  hist.print(prog.sizes, { label = "bytes" })
end)
bpf.run()
