#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 05-arguments: bytes asked for by vfs_read, by process; the argument by its name
local bpf = require "bpf"

local prog = bpf.load[[
BPF_HASH(bytes, u32, u64);

int kprobe__vfs_read(struct pt_regs *ctx)
{
    u32 tgid = bpf_get_current_pid_tgid() >> 32;
    bytes.increment(tgid, ARG(vfs_read, count));
    return 0;
}
]]

on_exit(function()
  for _, e in ipairs(prog.bytes:top(10)) do
    print(("%-8d %d bytes"):format(e.key, e.value))
  end
end)
bpf.run()
