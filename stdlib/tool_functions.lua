-- SPDX-License-Identifier: Apache-2.0
-- tool_functions: the functions behind samples, for live views: where the instruction pointers
-- were, and which functions were on the stacks.

local fmt, out, sys, time, top = require "fmt", require "out", require "sys", require "time",
  require "tool_top"
local tool_stacks = require "tool_stacks"

local M = {}

-- where a CPU with nothing to do waits, or first takes the interrupt that ends it: perf's list, and
-- what is called so since
local IDLE = {}
for _, name in ipairs{ "acpi_idle_do_entry", "acpi_idle_enter", "acpi_idle_enter_bm",
  "acpi_idle_enter_simple", "acpi_idle_enter_c1", "acpi_processor_ffh_cstate_enter",
  "acpi_safe_halt", "amd_e400_idle", "arch_cpu_idle", "c1e_idle", "cpu_do_idle", "cpu_idle",
  "cpu_idle_loop", "cpu_idle_poll", "cpu_startup_entry", "default_idle", "default_idle_call",
  "do_idle", "enter_idle", "exit_idle", "idle_cpu", "native_safe_halt", "poll_idle",
  "pv_native_safe_halt", "tdx_safe_halt", "xen_safe_halt" } do
  IDLE[name] = true
end
local IDLE_BEGINNINGS = { "^cpuidle_", "^intel_idle", "^mwait_idle", "^psci_.*idle", "^haltpoll_" }

--- Is this function of the kernel, nil if it is not known, where an idle CPU waits?
function M.is_idle(name)
  local plain = (name or "cpu_idle"):match("^[^.]*")
  for _, beginning in ipairs(IDLE_BEGINNINGS) do
    if plain:find(beginning) then
      return true
    end
  end
  return IDLE[plain] or false
end

-- the function that a sample of the kernel was in
local function innermost(stored, who)
  if who.ip ~= 0 then
    return (sys.ksym(who.ip))
  end
  local frames = who.kernel >= 0 and stored:frames(who.kernel)
  return frames and frames[1] and frames[1].name
end

--- A function(who) -> is this a sample that counts: not of this program, unless options ask for its
--- process, nor of an idle CPU that waits, unless they include it. stored: the stacks.
function M.wanted(stored, opts)
  local own = not opts.pid and sys.pid()
  local own_comm = (sys.read("/proc/self/comm") or ""):match("[^\n]*")
  local idle = {}
  return function(who)
    if who.tgid == own and who.comm == own_comm then
      return false
    elseif who.tgid ~= 0 or opts.include_idle then
      return true
    end
    local at = who.ip ~= 0 and who.ip or who.kernel
    if idle[at] == nil then
      idle[at] = M.is_idle(innermost(stored, who))
    end
    return not idle[at]
  end
end

local Functions = {}
Functions.__index = Functions

--- Collects samples by function. stacks: as tool_stacks.stored() gives them, for totals with the
--- callers, or nil; wanted: as M.wanted() gives it; fresh: as in tool_top.counts.
function M.new(stacks, wanted, fresh)
  return setmetatable({
    stacks = stacks, wanted = wanted, counts = top.counts(stacks and { "total", "self" } or { "self" }, fresh),
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
local function add_callers(self, who, pid, n, seen)
  for _, part in ipairs{ "kernel", "user" } do
    local id, in_user = who[part], part == "user"
    local frames = id >= 0 and self.stacks:frames(id, in_user and pid or nil) or {}
    for _, frame in ipairs(frames) do
      local key = add(self, in_user, who.comm, frame, "total", 0)
      if not seen[key] then
        seen[key] = true
        add(self, in_user, who.comm, frame, "total", n)
      end
    end
  end
end

local function add_sample(self, who, pid, n)
  local in_user, total = who.in_user ~= 0, self.stacks and n or nil
  local symbol = symbol_of(pid, who.ip, in_user)
  local key = add(self, in_user, who.comm, symbol, "self", n)
  self.samples = self.samples + n
  self.in_kernel = self.in_kernel + (in_user and 0 or n)
  self.counts.sum = self.counts.sum + n
  if total then
    add(self, in_user, who.comm, symbol, "total", n)
    add_callers(self, who, pid, n, { [key] = true })
  end
end

-- the place of a stack is free again when a whole interval has not seen it
local function free_stacks(self)
  for id in pairs(self.used) do
    if id >= 0 and not self.now_used[id] then
      self.stacks:delete(id)
    end
  end
  self.used = self.now_used
end

--- Takes what is in the maps of a program, samples counts and those of tool_stacks: keys {tgid=,
--- in_user=, execs=, ip=, comm=, kernel=ID, user=ID}. What was taken before fades.
function Functions:take(prog)
  self.counts:fade()
  self.samples, self.in_kernel, self.now_used = 0, 0, {}
  local list = prog.counts:drain()
  local namer = tool_stacks.namer(prog)
  for _, e in ipairs(list) do
    local who = e.key
    self.now_used[who.kernel], self.now_used[who.user] = true, true
    if self.wanted(who) then
      add_sample(self, who, namer(who), e.value)
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

--- The live view of a program's samples (see Functions:take), as options interval, rows, zero,
--- children and those of Functions:heading say; stored and wanted as for M.new.
function M.show(prog, stored, wanted, opts, rate)
  local functions = M.new(stored or nil, wanted, opts.zero)
  top.start{
    interval = opts.interval or 2, rows = opts.rows, columns = M.columns(stored),
    sink = out.columns(M.fields(stored)),
    update = function(seconds)
      functions:take(prog)
      return functions:heading(seconds, opts, rate), functions:rows(time.iso(nil, 3))
    end,
  }
end

return M
