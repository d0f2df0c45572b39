#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 06-oneliners: who reads files and sockets in small pieces; one-liners instead of C, and
-- what they have counted as data
local bpf, out, probe = require "bpf", require "out", require "probe"

-- filter: an expression; by: a histogram for each of its values
local reads = probe.hist("syscall:read", "retval", { by = "comm", filter = "retval > 0" })
local failed = probe.count("syscall:read", { filter = "retval < 0" })

local columns = out.columns{
  { "key", "%-24s", title = "process" }, { "count", "%9d", title = "reads" },
  { "p50", "%9d", title = "median" }, { "p99", "%9d", title = "p99" },
}

on_exit(function()
  for _, h in ipairs(reads:data()) do
    if h.p50 <= 64 then
      columns:row(h)
    end
  end
  print(failed:hits() .. " reads failed")
end)
bpf.run()
