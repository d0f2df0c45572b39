-- SPDX-License-Identifier: Apache-2.0
-- tool_dist: the distributions of runqlat and its kin, as text, JSON and CSV; their names.

local hist = require "hist"
local out = require "out"
local sys = require "sys"
local there = require "args_there"
local time = require "time"

local M = {}

local function title(comm_of)
  return comm_of and function(id)
    local comm = comm_of(id)
    return comm and ("%d %s"):format(id, comm) or tostring(id)
  end
end

-- as JSON a histogram is an object, as CSV a row for each of its buckets
local function print_data(rows, list, opts, comm_of)
  local stamp = opts.timestamp and time.iso() or nil
  local tables = hist.to_table(list, { label = opts.label, total = opts.total })
  for _, t in ipairs(tables[1] and tables or { tables }) do
    t.comm = comm_of and t.key and comm_of(t.key) or nil
    if out.mode() == "json" then
      t.time = stamp
      print(out.json(t))
    else
      for _, b in ipairs(t.buckets) do
        rows:row{ time = stamp, key = t.key, comm = t.comm, unit = opts.label, lo = b.lo, hi = b.hi,
          count = b.count }
      end
    end
  end
end

--- Lets the first line of CSV, out.columns()'s heading, be printed once the run has begun.
function M.heading(columns)
  if out.mode() == "csv" then
    after(0, function() columns:header() end)
  end
end

--- A function(list, total, comm_of) that prints a list of {key=, slot=, count=}. opts: label, the
--- unit; section, what a key is, or nil where there are none; named, whether keys have names, which
--- comm_of(key) then tells; timestamp.
function M.printer(opts)
  local columns = { { "unit" }, { "lo", "%d" }, { "hi", "%d" }, { "count", "%d" } }
  if opts.section then
    table.insert(columns, 1, { "key", "%s", key = opts.section })
  end
  if opts.named then
    table.insert(columns, 2, { "comm" })
  end
  if opts.timestamp then
    table.insert(columns, 1, { "time" })
  end
  local rows = out.columns(columns)
  M.heading(rows)
  return function(list, total, comm_of)
    if out.mode() ~= "text" then
      return print_data(rows, list, { label = opts.label, total = total,
        timestamp = opts.timestamp }, comm_of)
    end
    if opts.timestamp then
      print(time.stamp())
    end
    hist.print(list, { label = opts.label, section = opts.section, total = total,
      key = title(comm_of) })
    print()
  end
end

--- What a map of id and {comm=} names now: a function(id) -> COMM, or nil.
function M.namer(map)
  local names = {}
  for _, e in ipairs(map:snapshot()) do
    names[e.key] = e.value.comm
  end
  return function(id)
    return names[id]
  end
end

--- The process of a thread that runs now, or nil.
function M.process_of(tid)
  return sys.pid_namespace_is_initial() and there.process_of(tid) or nil
end

return M
