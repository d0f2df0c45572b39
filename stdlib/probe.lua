-- SPDX-License-Identifier: Apache-2.0
-- probe: one-liners. count("kprobe:tcp_*"), hist("vfs_read", "retval", {by = "comm"}) and the like
-- attach at once and return a handle.

local bpf = require "bpf"
local handle = require "probe_handle"
local oneliner = require "oneliner"
local probe_attach = require "probe_attach"
local probe_plan = require "probe_plan"
local probe_spec = require "probe_spec"
local probe_text = require "probe_text"
local probe_trace = require "probe_trace"
local time = require "time"

local M = { handles = handle.handles, on_new = handle.on_new }

--- Names of the functions that make handles.
M.names = { "avg", "count", "hist", "latency", "lhist", "max", "min", "profile", "stacks", "sum",
  "trace", "who" }

-- ---- options ----

local OPTIONS = {
  by = true, filter = "string", for_ = true, every = true, top = "number", quantiles = "table",
  unit = "string", max_probes = "number", min = "number", max = "number", step = "number",
  user = "boolean", kernel = "boolean", pid = "number", cpu = "number", include = true,
  entries = "number",
}

local function misuse(what, ...)
  error(what:format(...), 0)
end

local function check_options(kind, opts)
  for name, value in pairs(opts) do
    local want = OPTIONS[name]
    if not want then
      local names = {}
      for known in pairs(OPTIONS) do
        names[#names + 1] = known
      end
      local hint = probe_spec.nearest(tostring(name), names)
      misuse("%s: no option '%s'%s", kind, tostring(name), hint and ", " .. hint or "")
    elseif type(want) == "string" and type(value) ~= want then
      misuse("%s: %s is a %s, not a %s", kind, name, want, type(value))
    end
  end
end

local function list_of(value)
  if value == nil then
    return {}
  end
  return type(value) == "table" and table.move(value, 1, #value, 1, {}) or { value }
end

local function seconds(kind, name, value)
  if value == nil then
    return nil
  end
  local n = type(value) == "number" and value or type(value) == "string" and
    time.parse_duration(value)
  if not n or n < 0.001 then
    misuse("%s: %s is a number of seconds or a text like 10s", kind, name)
  end
  return n
end

local function whole(kind, name, value, least)
  if value ~= nil and (math.tointeger(value) or least - 1) < least then
    misuse("%s: %s is a whole number from %d", kind, name, least)
  end
  return value and math.tointeger(value)
end

-- ---- Lua that makes the handle again ----

local function literal(value)
  if type(value) == "string" then
    return ("%q"):format(value)
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local words, keys = {}, {}
  for _, v in ipairs(value) do
    words[#words + 1] = literal(v)
  end
  for k in pairs(value) do
    if type(k) == "string" then
      keys[#keys + 1] = k
    end
  end
  table.sort(keys)
  for _, k in ipairs(keys) do
    words[#words + 1] = ("%s = %s"):format(k, literal(value[k]))
  end
  return "{" .. table.concat(words, ", ") .. "}"
end

local function call_text(kind, args)
  local words = {}
  for i = 1, args.n do
    words[i] = args[i] == nil and "nil" or literal(args[i])
  end
  while words[#words] == "nil" or words[#words] == "{}" do
    words[#words] = nil
  end
  return ("%s(%s)"):format(kind, table.concat(words, ", "))
end

-- ---- making it ----

local function start_timers(h)
  local plan = h.plan
  if plan.every then
    every(plan.every, function() h:tick() end)
  end
  if plan.for_ then
    after(plan.for_, function()
      h:finish()
      if M.waiting and #handle.handles() == 0 then
        bpf.stop()
      end
    end)
  end
end

local function start(plan, args)
  local opts = plan.opts
  plan.include, plan.entries = list_of(opts.include), whole(plan.kind, "entries", opts.entries, 1)
  plan.max_probes = whole(plan.kind, "max_probes", opts.max_probes, 1) or oneliner.max_probes()
  plan.top = whole(plan.kind, "top", opts.top, 1)
  plan.pid, plan.cpu = whole(plan.kind, "pid", opts.pid, 1), whole(plan.kind, "cpu", opts.cpu, 0)
  plan.for_ = seconds(plan.kind, "for_", opts.for_)
  plan.every = seconds(plan.kind, "every", opts.every)
  plan.filter, plan.quantiles = opts.filter, opts.quantiles
  probe_plan.make(plan)
  for _, site in ipairs(plan.sites) do
    probe_attach.check_probe(site)
  end
  local text, places = probe_text.generate(plan)
  local program = probe_attach.load(plan, text, places)
  if plan.kind == "trace" then
    probe_trace.open(plan, program)
  end
  local links, failed = probe_attach.attach(plan, program)
  probe_attach.tell_failed(failed)
  local h = handle.new{ plan = plan, program = program, text = text, links = links, failed = failed,
    call = call_text(plan.kind, args) }
  if h.n > 1 and plan.record ~= "trace" then
    h:clear()                        -- all count from now on: the first were attached long ago
  end
  start_timers(h)
  return h
end

local function begin(kind, spec, opts, fields)
  if type(spec) ~= "string" then
    misuse("%s: a probe is text, such as \"kprobe:vfs_read\"", kind)
  elseif opts ~= nil and type(opts) ~= "table" then
    misuse("%s: options are a table", kind)
  end
  opts = opts or {}
  check_options(kind, opts)
  fields.kind, fields.spec, fields.opts = kind, spec, opts
  fields.by = fields.by or list_of(opts.by)
  return fields
end

-- errors of misuse are of the line that called
local function guarded(fn)
  return function(...)
    local result = table.pack(pcall(fn, ...))
    if not result[1] then
      error(result[2], type(result[2]) == "string" and 2 or 0)
    end
    return result[2]
  end
end

local function with_value(kind, record)
  M[kind] = guarded(function(spec, expression, opts)
    if type(expression) ~= "string" and type(expression) ~= "number" then
      misuse("%s: the expression is missing", kind)
    end
    local plan = begin(kind, spec, opts, { record = record, value = tostring(expression),
      value_name = "expression", label = tostring(expression) })
    return start(plan, table.pack(spec, expression, opts))
  end)
end

--- count(spec [, opts]): how often, by anything.
M.count = guarded(function(spec, opts)
  return start(begin("count", spec, opts, { record = "count" }), table.pack(spec, opts))
end)

with_value("sum", "sum")
with_value("avg", "sum")
with_value("min", "extreme")
with_value("max", "extreme")
with_value("hist", "hist")

--- lhist(spec, expression, {min=, max=, step=}): a histogram of equal steps.
M.lhist = guarded(function(spec, expression, opts)
  local plan = begin("lhist", spec, opts, { record = "hist", value = tostring(expression),
    value_name = "expression", label = tostring(expression) })
  local min = whole("lhist", "min", opts and opts.min or 0, math.mininteger + 1)
  local max = whole("lhist", "max", opts and opts.max, min + 1)
  local step = whole("lhist", "step", opts and opts.step, 1)
  if not max or not step then
    misuse("lhist: min, max and step are needed, as in {min = 0, max = 1000, step = 100}")
  end
  plan.linear = { min = min, step = step, slots = (max - min + step - 1) // step }
  plan.linear.max = min + plan.linear.slots * step
  if plan.linear.slots > 5000 then
    misuse("lhist: %d steps are too many", plan.linear.slots)
  end
  return start(plan, table.pack(spec, expression, opts))
end)

--- latency(spec [, opts]): a histogram of the time between entry and return.
M.latency = guarded(function(spec, opts)
  local unit = opts and opts.unit or "us"
  if not probe_plan.NS[unit] then
    misuse("latency: unit is ns, us, ms or s")
  end
  local value = unit == "ns" and "elapsed" or "elapsed / " .. probe_plan.NS[unit]
  return start(begin("latency", spec, opts, { record = "hist", value = value, value_name = "elapsed",
    label = unit }), table.pack(spec, opts))
end)

--- trace(spec [, format, expressions] [, opts]): a line for each event.
M.trace = guarded(function(spec, format, expressions, opts)
  local args = table.pack(spec, format, expressions, opts)
  if type(format) == "table" and expressions == nil then
    format, opts = nil, format
  elseif type(format) == "string" and opts == nil and type(expressions) == "table" and
    #expressions == 0 and next(expressions) then
    expressions, opts = {}, expressions
  end
  local plan = begin("trace", spec, opts, { record = "trace", format = format,
    by = list_of(expressions), arguments = format == nil })
  if format then
    probe_trace.check_format(plan)
  end
  return start(plan, args)
end)

local function stack_fields(opts)
  local by = {}
  if not opts or opts.kernel ~= false then
    by[#by + 1] = "kstack"
  end
  if not opts or opts.user ~= false then
    by[#by + 1] = "ustack"
  end
  return table.move(list_of(opts and opts.by or "comm"), 1, #list_of(opts and opts.by or "comm"),
    #by + 1, by)
end

--- stacks(spec [, opts]): stacks that lead to the probe, counted.
M.stacks = guarded(function(spec, opts)
  return start(begin("stacks", spec, opts, { record = "count", by = stack_fields(opts) }),
    table.pack(spec, opts))
end)

--- profile(hz [, opts]): stacks that are on the CPUs, sampled.
M.profile = guarded(function(hz, opts)
  local rate = whole("profile", "the rate", hz or 99, 1)
  return start(begin("profile", "profile:" .. rate, opts, { record = "count", busy = true,
    by = stack_fields(opts) }), table.pack(hz, opts))
end)

--- who(spec [, opts]): processes that hit the probe, counted.
M.who = guarded(function(spec, opts)
  return start(begin("who", spec, opts, { record = "count", by = { "pid", "comm" } }),
    table.pack(spec, opts))
end)

-- ---- waiting ----

--- Runs until all for_ are over or Ctrl-C, and prints each result.
function M.wait()
  local list = handle.handles()
  M.waiting = true
  bpf.run()
  M.waiting = false
  for _, h in ipairs(list) do
    h:finish()
  end
end

--- wait() if anything runs.
function M.wait_if_running()
  if #handle.handles() > 0 then
    M.wait()
  end
end

return M
