-- SPDX-License-Identifier: Apache-2.0
-- tool_report: what funccount and its kin have counted, at intervals and at the end.

local bpf = require "bpf"
local out = require "out"
local probe = require "probe"
local probe_args = require "probe_args"
local probe_spec = require "probe_spec"
local probe_trace = require "probe_trace"
local time = require "time"
local value = require "probe_value"

local M = {}

-- fn(...) while the module's function `name` is `other`
local function with(module, name, other, fn, ...)
  local own = module[name]
  module[name] = other
  local result = table.pack(pcall(fn, ...))
  module[name] = own
  if not result[1] then
    error(result[2], 0)
  end
  return result[2]
end

--- What begin, a function of the module probe, makes of the spec, or of a list of specs, each a
--- site of its own.
function M.attach(begin, spec, ...)
  if type(spec) == "string" then
    return begin(spec, ...)
  end
  local sites = {}
  for i, one in ipairs(spec) do
    sites[i] = probe_spec.parse(one)
  end
  return with(probe_args, "resolve", function() return sites end, begin, spec[1], ...)
end

--- Entries of a handle of the module probe, taken out unless keep: {rec=, value=, n values by
--- number (not of stacks)}.
function M.entries(h, keep)
  if h.plan.members == 0 then
    return { { rec = {}, value = h:take_hits(not keep) } }
  end
  local map, list = h.program.values, {}
  for i, e in ipairs(keep and map:snapshot() or map:drain()) do
    list[i] = { rec = e.key, value = e.value }
    for j, f in ipairs(h.plan.sites[1].fields) do
      if f.expr.kind ~= "kstack" and f.expr.kind ~= "ustack" then
        list[i][j] = value.of(h, f, e.key)
      end
    end
  end
  return list
end

--- Sorts entries by their count, the smallest first, then by their names.
function M.sort(entries)
  table.sort(entries, function(a, b)
    if a.value ~= b.value then
      return a.value < b.value
    end
    return tostring(a[1]) < tostring(b[1])
  end)
  return entries
end

-- values of an event: of the expressions by number, and whose it is by name
local function event_of(h, names, e)
  local event, n = {}, 0
  for i, f in ipairs(h.plan.sites[1].fields) do
    local name = names[i]
    if name == "kernel" or name == "user" then
      event[name] = e[f.member]
    elseif name then
      event[name] = value.of(h, f, e)
    else
      n = n + 1
      event[n] = value.of(h, f, e)
    end
  end
  return event
end

--- A handle of the module probe that calls fn(h, event) for each event: the values of the
--- expressions by number; ns, pid, tid, comm, cpu, and with stacks = {kernel=true, user=true} the
--- ids kernel and user.
function M.trace(spec, expressions, opts, stacks, fn)
  local by, names = table.move(expressions, 1, #expressions, 1, {}), {}
  local function add(name, text)
    by[#by + 1] = text
    names[#by] = name
  end
  for _, name in ipairs{ "ns", "pid", "tid", "comm", "cpu" } do
    add(name, name)
  end
  if stacks.kernel then
    add("kernel", "kstack")
  end
  if stacks.user then
    add("user", "ustack")
  end
  local h
  h = with(probe_trace, "open", function(_, program)
    program.events:each(function(e) fn(h, event_of(h, names, e)) end)
  end, probe.trace, spec, ("%s"):rep(#by), by, opts)
  return h
end

--- Runs, and prints: opts.output() each opts.interval seconds and at the end, which is after
--- opts.duration seconds, opts.count outputs, or by a signal. opts.timestamp: the time in front of
--- each; opts.stamped: so, and nothing else; opts.bare: the output alone.
function M.run(opts)
  local last = opts.count
  local duration = opts.duration
  if opts.interval and last then
    duration = math.min(duration or math.huge, opts.interval * last)
  end
  local text = out.mode() == "text" and not opts.bare
  local function output()
    if opts.stamped and text then
      print(("[%s]"):format(time.stamp()))
    elseif text then
      print(opts.timestamp and "\n" .. time.stamp() or "")
    end
    opts.output()
  end
  if opts.interval then
    local ticks = 0
    every(opts.interval, function(missed)
      ticks = ticks + 1 + missed
      if not duration or ticks * opts.interval < duration - 1e-6 then
        output()                     -- the last is that of the end
      end
    end)
  end
  on_exit(function()
    output()
    if text and not opts.stamped then
      print("Detaching...")
    end
  end)
  bpf.run(duration)
end

return M
