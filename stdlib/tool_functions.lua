-- SPDX-License-Identifier: Apache-2.0
-- tool_functions: the functions behind samples, for live views: where the instruction pointers
-- were, and which functions were on the stacks.

local fmt, out, sys, time, top = require "fmt", require "out", require "sys", require "time",
  require "tool_top"

local M = {}

local Functions = {}
Functions.__index = Functions

--- Collects samples by function. stacks: the stack trace map, for totals with the callers, or
--- nil; fresh: as in tool_top.counts.
function M.new(stacks, fresh)
  return setmetatable({
    stacks = stacks, counts = top.counts(stacks and { "total", "self" } or { "self" }, fresh),
    used = {}, samples = 0, in_kernel = 0,
  }, Functions)
end

local function add(self, in_user, comm, symbol, field, n)
  local module = symbol.module or not in_user and "vmlinux" or "(" .. comm .. ")"
  local name = symbol.name or "[unknown]"
  local key = (in_user and "u" or "k") .. module .. "\0" .. name
  self.counts:add(key, field, n, function()
    return { mode = in_user and "user" or "kernel", module = module, func = name }
  end)
  return key
end

local function symbol_of(pid, ip, in_user)
  local name, module, _
  if in_user then
    name, _, module = sys.usym(pid, ip)
  else
    name, _, module = sys.ksym(ip)
  end
  return { name = name, module = module }
end

-- each function on the stack once, however often it is there
local function add_callers(self, who, n, seen)
  for _, part in ipairs{ "kernel", "user" } do
    local id, in_user = who[part], part == "user"
    self.now_used[id] = id >= 0 or nil
    local frames = id >= 0 and self.stacks:frames(id, in_user and who.tgid or nil) or {}
    for _, frame in ipairs(frames) do
      local key = add(self, in_user, who.comm, frame, "total", 0)
      if not seen[key] then
        seen[key] = true
        add(self, in_user, who.comm, frame, "total", n)
      end
    end
  end
end

-- the place of a stack is free again when a whole interval has not seen it
local function free_stacks(self)
  for id in pairs(self.used) do
    if not self.now_used[id] then
      self.stacks:delete(id)
    end
  end
  self.used = self.now_used
end

--- Takes what is in a map of samples: keys {tgid=, in_user=, ip=, comm=, kernel=ID, user=ID}.
--- What was taken before fades.
function Functions:take(map)
  self.counts:fade()
  self.samples, self.in_kernel, self.now_used = 0, 0, {}
  for _, e in ipairs(map:drain()) do
    local who, n, in_user = e.key, e.value, e.key.in_user ~= 0
    local key = add(self, in_user, who.comm, symbol_of(who.tgid, who.ip, in_user), "self", n)
    self.samples = self.samples + n
    self.in_kernel = self.in_kernel + (in_user and 0 or n)
    self.counts.sum = self.counts.sum + n
    if self.stacks then
      add(self, in_user, who.comm, symbol_of(who.tgid, who.ip, in_user), "total", n)
      add_callers(self, who, n, { [key] = true })
    end
  end
  if self.stacks then
    free_stacks(self)
  end
end

-- to two decimals
local function percent(value, sum)
  return math.floor(value / sum * 10000 + 0.5) / 100
end

local function ranges_text(list)
  local words = {}
  for i, range in ipairs(list) do
    words[i] = range[1] == range[2] and range[1] or range[1] .. "-" .. range[2]
  end
  return "CPU " .. table.concat(words, ",")
end

--- The line above a view: what is looked at, as the script's options cpu, pid, user and kernel
--- say, how many samples the last seconds brought, and what was lost since the beginning.
function Functions:heading(seconds, opts, rate)
  local what = { opts.cpu and ranges_text(opts.cpu) or "all CPUs" }
  what[#what + 1] = opts.pid and "PID " .. opts.pid or nil
  what[#what + 1] = (opts.user and "user mode") or (opts.kernel and "kernel mode") or nil
  what[#what + 1] = rate
  local kernel = self.in_kernel / math.max(self.samples, 1) * 100
  return ("%s: %.0f samples/s%s, lost %d"):format(table.concat(what, ", "),
    self.samples / math.max(seconds, 1e-3),
    (opts.user or opts.kernel) and "" or (", kernel %.0f %%"):format(kernel), top.lost())
end

--- Rows {time=, self=, total=, mode="user"|"kernel", module=, func=} with shares in percent of
--- all samples; the largest first.
function Functions:rows(now)
  local rows, sum = {}, self.counts.sum
  for i, row in ipairs(self.counts:list()) do
    rows[i] = {
      time = now, self = percent(row.self, sum), total = row.total and percent(row.total, sum),
      mode = row.mode, module = row.module, func = row.func,
    }
  end
  return rows
end

--- Columns of the rows for out.columns.
function M.fields(with_total)
  local fields = { { "time" }, { "self", "%.2f" }, { "mode" }, { "module" }, { "func" } }
  if with_total then
    table.insert(fields, 3, { "total", "%.2f" })
  end
  return fields
end

--- Columns of the rows for fmt.table.
function M.columns(with_total)
  local columns = {
    { "self", "%.2f%%" }, { "total", "%.2f%%" },
    { "module", function(path) return fmt.clip(path:match("[^/]+$") or path, 24) end },
    { "func", function(name, row) return (row.mode == "user" and "[.] " or "[k] ") .. name end,
      title = "FUNCTION" },
  }
  if not with_total then
    table.remove(columns, 2)
  end
  return columns
end

--- The live view of a map of samples (see Functions:take), as options interval, rows, zero and
--- those of Functions:heading say; with totals if stacks, the stack trace map, is given.
function M.show(samples, stacks, opts, rate)
  local functions = M.new(stacks or nil, opts.zero)
  top.start{
    interval = opts.interval or 2, rows = opts.rows, columns = M.columns(stacks),
    sink = out.columns(M.fields(stacks)),
    update = function(seconds)
      functions:take(samples)
      return functions:heading(seconds, opts, rate), functions:rows(time.iso())
    end,
  }
end

return M
