#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 04-uprobe: calls of the C library's malloc by process, the top ten each second
local bpf = require "bpf"

local prog = bpf.load[[
struct who { char comm[16]; };
BPF_HASH(calls, struct who, u64);

int on_malloc(struct pt_regs *ctx)
{
    struct who who = {};
    bpf_get_current_comm(&who.comm, sizeof(who.comm));
    calls.increment(who);
    return 0;
}
]]
prog:uprobe("on_malloc", { path = "c", sym = "malloc" })

every(1, function()
  local list = prog.calls:drain()
  table.sort(list, function(a, b) return a.value > b.value end)
  for i = 1, math.min(10, #list) do
    print(("%-16s %d"):format(list[i].key.comm, list[i].value))
  end
  print()
end)
bpf.run()
