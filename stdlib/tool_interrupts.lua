-- SPDX-License-Identifier: Apache-2.0
-- tool_interrupts: what softirqs and hardirqs print of the times of interrupt handlers.

local cpus = require "tool_cpus"
local dist = require "tool_dist"
local out = require "out"
local report = require "tool_report"
local time = require "time"

local M = {}

local function columns_of(opts, what)
  local unit = opts.nanoseconds and "nsecs" or "usecs"
  local list = { { what.name, what.format, title = what.name:upper() },
    { "count", "%10d", title = "COUNT" } }
  if not what.counts then
    list[3] = { "total", opts.nanoseconds and "%16d" or "%16.1f", title = "TOTAL_" .. unit,
      key = "total_" .. unit }
  end
  if opts.per_cpu then
    table.insert(list, 1, { "cpu", "%4d", title = "CPU" })
  end
  if opts.timestamp and out.mode() ~= "text" then
    table.insert(list, 1, { "time" })
  end
  return out.columns(list)
end

local function totals_printer(prog, opts, what)
  local columns = columns_of(opts, what)
  dist.heading(columns)
  return function()
    local rows = cpus.sums(prog.totals:drain(), opts.per_cpu, what.of)
    table.sort(rows, function(a, b) return cpus.less(a, b, what.counts and "count" or "ns") end)
    if opts.timestamp and out.mode() == "text" then
      print(time.stamp())
    end
    for _, row in ipairs(rows) do
      columns:row{ time = opts.timestamp and time.iso() or nil, cpu = row.cpu, [what.name] = row.of,
        count = row.count, total = opts.nanoseconds and row.ns or row.ns / 1000 }
    end
    if out.mode() == "text" then print() end
  end
end

local function dist_printer(prog, opts, what)
  local show = dist.printer{ label = opts.nanoseconds and "nsecs" or "usecs",
    timestamp = opts.timestamp, section = opts.per_cpu and what.name .. "/cpu" or what.name }
  return function()
    local list = {}
    for i, e in ipairs(prog.dist:drain()) do
      local name = what.of(e.key)
      list[i] = { slot = e.key.slot, count = e.value,
        key = opts.per_cpu and ("%s/%d"):format(name, what.cpu(e.key)) or name }
    end
    show(list)
  end
end

--- Runs prog to the end, and prints its map totals, {count=, ns=} by what has a cpu, or with
--- opts.dist its map dist, counts by the same and a slot. opts: dist, per_cpu, timestamp,
--- nanoseconds, interval, duration. what: name, the kind's; format, of its column; of(key), the
--- name of one; cpu(key), the CPU in a key of dist; outputs, how many; counts: there are no times.
function M.run(prog, opts, what)
  report.run{ interval = opts.interval, count = what.outputs, duration = opts.duration, bare = true,
    output = (opts.dist and dist_printer or totals_printer)(prog, opts, what) }
end

return M
