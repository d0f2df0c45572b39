-- SPDX-License-Identifier: Apache-2.0
-- probe_plan: from a one-liner's probe, expressions and options to what probe_text writes as C.

local bpf = require "bpf"
local oneliner = require "oneliner"
local probe_args = require "probe_args"
local probe_expr = require "probe_expr"
local probe_spec = require "probe_spec"

local M = {}

local NS = { ns = 1, us = 1000, ms = 1000000, s = 1000000000 }
local POSITIONS = { regs = 6, raw = 6, usdt = 12 }
-- returns that the register has more bits than
local SHORT = { int = "int", ["unsigned int"] = "u32", u32 = "u32", s32 = "int", bool = "bool",
  _Bool = "bool", char = "char", short = "short", ["unsigned short"] = "u16", u8 = "u8", u16 = "u16" }

-- ---- errors ----

--- Raises E-EXPR: `name` (of an option or argument) with its text and a caret.
function M.expression_error(name, text, fault)
  local lines = probe_expr.point(text, math.max(fault.at, 1)):gsub("\n", "\n  ")
  oneliner.raise("E-EXPR", ("%s: %s"):format(name, fault.message),
    lines .. (fault.hint and "\n  " .. fault.hint or ""))
end

-- ---- sites ----

local function retval_of(site, returns)
  local short = returns and (SHORT[returns] or returns:find("^enum ") and "int")
  if site.context == "tracepoint" then
    return "args->ret"
  elseif site.context == "fentry" then
    return ("(%s)ctx[%d]"):format(short or "s64", site.n_args or 0)
  end
  return short and ("(s64)(%s)PT_REGS_RC(ctx)"):format(short) or "PT_REGS_RC(ctx)"
end

-- what expressions at this probe may look at
local function environment(site)
  local env = { what = site.text_of, context = site.context, str = site.str,
    returns = site.returns, locals = site.provider == "syscall",
    retval = site.returns or site.exit ~= nil, nameless = site.nameless,
    positions = not site.returns and POSITIONS[site.context] or 0 }
  if site.context == "usdt" then
    env.positions = site.positions
  end
  if not env.retval then
    env.no_retval = "it is of functions and system calls"
  end
  if site.returns then
    env.entry = site.provider:gsub("ret", ""):gsub("exit", "entry"):gsub("^sys$", "syscall") ..
      ":" .. site.name
    env.args = {}
  else
    env.args = site.args
  end
  return env
end

local function learn(site)
  local args, returns
  if site.context == "tracepoint" and site.attach:find("^tracepoint:") then
    args, returns = probe_args.known(site.attach)
  elseif not site.glob and site.context ~= "perf" then
    args, returns = probe_args.known(site.attach)
  end
  if site.glob or site.context == "perf" or site.provider == "uprobe" or
    (site.context == "raw" and not args) then
    args = {}
  end
  if not args and site.context == "tracepoint" then
    oneliner.raise("E-PROBE", ("%s: %s"):format(site.text_of, returns or "no such tracepoint"))
  end
  site.args = args
  site.n_args = args and #args
  site.retval = retval_of(site, args and returns)
  if site.context == "usdt" then
    site.positions, site.args = #(args or {}), {}
  end
end

local function prepare(site, i)
  site.id, site.fn, site.exit_fn = i, "on_" .. i, "off_" .. i
  site.text_of = site.provider .. ":" .. site.name
  site.by_address = site.glob and site.provider == "kprobe"
  site.event_of = {}
  if site.context == "tracepoint" and not site.event then
    site.event = site.attach:match("[^:]*$")
  end
  if site.provider == "syscall" then
    site.event_of[site.exit_fn] = "sys_exit_" .. site.name
  end
  learn(site)
  site.env = environment(site)
  site.fields, site.all, site.saved = {}, {}, {}
end

-- ---- fields ----

local function compile(site, name, text, prefix)
  if type(text) == "number" then
    text = tostring(text)
  elseif type(text) ~= "string" then
    error(("%s: an expression is text, not a %s"):format(name, type(text)), 0)
  end
  site.env.prefix = ("mt_%d%s"):format(site.id, prefix)
  local r, fault = probe_expr.compile(text, site.env)
  if not r then
    M.expression_error(name, text, fault)
  end
  return { name = name, expr = r, prefix = site.env.prefix }
end

local function number_only(f)
  if f.expr.kind ~= "number" then
    M.expression_error(f.name, f.expr.text, { message = "a number is wanted here, and this is text",
      at = 1, hint = f.expr.kind == "string" and "texts are compared: str(...) == \"...\"" or nil })
  end
  return f
end

local function add_field(site, name, text, member)
  local f = compile(site, name, text, member .. "_")
  f.member, f.size = member, f.expr.size
  site.fields[#site.fields + 1] = f
  site.all[#site.all + 1] = f
  return f
end

-- expressions of one site
local function add_expressions(plan, site)
  local has_user_stack = false
  for i, text in ipairs(plan.by) do
    local f = add_field(site, plan.kind == "trace" and "expression " .. i or "by", text, "f" .. i)
    has_user_stack = has_user_stack or f.expr.kind == "ustack" or f.expr.show == "usym"
    if f.expr.kind == "func" and site.glob and not site.by_address then
      M.expression_error(f.name, text, { at = 1,
        message = ("the function is not known at the return of %s"):format(site.text_of),
        hint = "with retval or elapsed, a pattern of kprobe: has it" })
    end
  end
  if has_user_stack then
    add_field(site, "by", "pid", "tgid")
  end
  site.filters = {}
  for i, filter in ipairs(plan.filters) do
    local f = number_only(compile(site, filter[1], filter[2], "filter" .. i .. "_"))
    site.filters[i] = f
    site.all[#site.all + 1] = f
  end
  if plan.value then
    site.value = number_only(compile(site, plan.value_name, plan.value, "value_"))
    site.all[#site.all + 1] = site.value
  end
end

local function same_kinds(plan, site)
  for i, f in ipairs(plan.sites[1].fields) do
    local other = site.fields[i]
    if other.expr.kind ~= f.expr.kind then
      M.expression_error(other.name, other.expr.text, { at = 1,
        message = ("it is %s of %s and %s of %s"):format(f.expr.kind, plan.sites[1].text_of,
          other.expr.kind, site.text_of) })
    end
    f.size = math.max(f.size or 0, other.size or 0)
    f.size = f.size > 0 and f.size or nil
  end
end

-- at the return there are the values of arguments, but nobody follows their pointers
local function check_members(f)
  local text = f.expr.text:gsub("args%s*->", "args  ")
  local at = text:find("->", 1, true) or text:find("[", 1, true)
  if f.expr.exit and #f.expr.args > 0 and at then
    M.expression_error(f.name, f.expr.text, { at = at,
      message = "members of arguments cannot be read at the return, where retval and elapsed are",
      hint = "expressions without these are of the entry; let each stand by itself" })
  end
end

-- what is known at the return only is done there; pages of user texts are there by then
local function set_phases(plan, site)
  for _, f in ipairs(site.all) do
    local user_text = f.expr.read and f.expr.read.from == "user"
    for _, t in ipairs(f.expr.texts) do
      user_text = user_text or t.from == "user"
    end
    f.phase = plan.paired and (f.expr.exit or user_text) and "exit" or "entry"
    if f.expr.uses.cgroup and bpf.feature("cgroup-id") == false then
      M.expression_error(f.name, f.expr.text, { at = f.expr.text:find("cgroup") or 1,
        message = "this kernel does not tell the cgroup of a thread" })
    end
    if plan.paired then
      check_members(f)
    end
    plan.elapsed = plan.elapsed or f.expr.uses.elapsed
    plan.retval = plan.retval or f.expr.uses.retval
  end
end

-- names of arguments that expressions of a phase use, those by position, too
local function used_in(site, phase)
  local used = {}
  for _, f in ipairs(site.all) do
    if f.phase == phase then
      for _, a in ipairs(f.expr.args) do
        used[a.name] = true
      end
      for i = 1, 6 do
        used["arg" .. i] = used["arg" .. i] or f.expr.uses["arg" .. i]
      end
    end
  end
  return used
end

-- arguments of the site that the return needs; of all sites by name: the members of one struct
local function set_saved(plan, site)
  local saved, declared = {}, used_in(site, "entry")
  local function save(a)
    if not saved[a.name] then
      saved[a.name] = true
      a.declared = declared[a.name]
      site.saved[#site.saved + 1] = a
      plan.saved[#plan.saved + 1] = not plan.has_saved[a.name] and a or nil
      plan.has_saved[a.name] = true
    end
  end
  for _, f in ipairs(site.all) do
    for _, a in ipairs(f.phase == "exit" and f.expr.args or {}) do
      save{ name = a.name, type = a.type, c_type = a.c_type, c = a.c, field = f,
        position = a.position }
    end
  end
  local used = used_in(site, "exit")
  for i = 1, 6 do
    if used["arg" .. i] then
      save{ name = "arg" .. i, by_position = i }
    end
  end
end

local function needs_return(plan)
  for _, site in ipairs(plan.sites) do
    for _, f in ipairs(site.all) do
      if f.expr.exit then
        return true
      end
    end
  end
  return false
end

-- ---- the record ----

local function set_layout(plan)
  local first = plan.sites[1]
  plan.layout = {}
  for _, f in ipairs(first.fields) do
    if not f.size then
      table.insert(plan.layout, { name = f.member })
    end
  end
  if plan.record == "hist" then
    table.insert(plan.layout, { name = "slot" })
  elseif plan.record == "extreme" then
    table.insert(plan.layout, { name = "cpu" })
  elseif plan.record == "sum" and #first.fields == 0 then
    table.insert(plan.layout, { name = "none" })
  end
  for _, f in ipairs(first.fields) do
    if f.size then
      table.insert(plan.layout, { name = f.member, size = f.size })
    end
  end
  plan.members, plan.bytes = #plan.layout, 0
  for _, m in ipairs(plan.layout) do
    plan.bytes = plan.bytes + (m.size or 8)
  end
  for _, f in ipairs(first.fields) do
    plan.stacks = plan.stacks or f.expr.kind == "kstack" or f.expr.kind == "ustack"
  end
end

-- bytes of the C stack, 512 in all
local function check_size(plan)
  local bytes = plan.bytes
  for _, f in ipairs(plan.sites[1].all) do
    for _, t in ipairs(f.expr.texts) do
      bytes = bytes + t.size
    end
  end
  plan.scratch = plan.record == "trace" and not plan.paired and plan.bytes > 200
  if plan.scratch then
    bytes = bytes - plan.bytes
  end
  local most = plan.paired and 320 or 360
  if bytes > most then
    oneliner.raise("E-EXPR", ("the texts and values take %d bytes, and a BPF program has room for "
      .. "%d of them"):format(bytes, most), "str(POINTER, SIZE) reads fewer, 64 is what it takes "
      .. "by itself")
  end
end

-- ---- plans ----

local function resolve(plan)
  local sites, message, hint, at = probe_args.resolve(plan.spec, plan.max_probes)
  if sites then
    return sites
  elseif at then
    local lines = probe_expr.point(plan.spec, at):gsub("\n", "\n  ")
    oneliner.raise("E-PROBE", message, lines .. (hint and "\n  " .. hint or ""))
  end
  oneliner.raise("E-PROBE", message, hint)
end

local function default_by(plan)
  local site = plan.sites[1]
  if plan.record == "count" and #plan.by == 0 and not plan.no_default then
    if site.glob and site.provider == "kprobe" or #plan.sites > 1 then
      plan.by = { "func" }
    end
  end
end

local function check_exit(plan)
  for _, site in ipairs(plan.sites) do
    if not site.exit then
      oneliner.raise("E-PROBE", ("%s has no return to wait for"):format(site.text_of),
        "latency is of kprobe, fentry, uprobe and syscall")
    end
  end
end

-- all arguments of the probe, as trace without a format shows them
function M.shown_arguments(site)
  local list = {}
  for _, a in ipairs(site.args or {}) do
    if a.kind ~= "other" then
      local is_text = (a.type or ""):find("^const char *%*$") and site.provider == "syscall"
      list[#list + 1] = is_text and ("str(args->%s)"):format(a.name) or "args->" .. a.name
    end
  end
  return list
end

-- what providers cannot filter by themselves
local function set_filters(plan)
  local provider = plan.sites[1].provider
  local own_pid = provider == "uprobe" or provider == "uretprobe" or provider == "usdt"
  plan.filters = {}
  if plan.pid and not own_pid then
    table.insert(plan.filters, { "pid", "pid == " .. plan.pid })
  end
  if plan.cpu and provider ~= "profile" then
    table.insert(plan.filters, { "cpu", "cpu == " .. plan.cpu })
  end
  if plan.busy then
    table.insert(plan.filters, { "idle", "tid != 0" })
  end
  if plan.filter then
    table.insert(plan.filters, { "filter", plan.filter })
  end
end

--- The plan of a one-liner: kind, record, spec, by (list), filter, value, value_name, linear,
--- max_probes, include, and what else probe_text reads. Raises E-EXPR and E-PROBE.
function M.make(plan)
  plan.sites = resolve(plan)
  plan.saved, plan.has_saved, plan.entries = {}, {}, plan.entries or 10240
  plan.stack_entries, plan.pages = 65536, 64
  default_by(plan)
  set_filters(plan)
  for i, site in ipairs(plan.sites) do
    prepare(site, i)
  end
  if plan.kind == "latency" then
    check_exit(plan)
  end
  if plan.arguments then
    plan.by = M.shown_arguments(plan.sites[1])
    table.move({ "ns", "pid", "comm" }, 1, 3, #plan.by + 1, plan.by)
  end
  for _, site in ipairs(plan.sites) do
    add_expressions(plan, site)
    same_kinds(plan, site)
  end
  plan.paired = needs_return(plan)
  for _, site in ipairs(plan.sites) do
    set_phases(plan, site)
    if plan.paired then
      set_saved(plan, site)
    end
  end
  plan.count_unmatched = plan.paired and #plan.filters == 0 and plan.sites[1].provider ~= "syscall"
  set_layout(plan)
  check_size(plan)
  return plan
end

--- Specs of a site's programs: {fn, spec} in the order of attaching.
function M.attachments(plan, site)
  local list = { { site.fn, site.attach } }
  if plan.paired then
    local exit = probe_spec.sibling(site, site.exit)
    if site.provider == "syscall" and site.attach:find("^tracepoint:") then
      exit.attach = "tracepoint:syscalls:sys_exit_" .. site.name
    end
    list[2] = { site.exit_fn, exit.attach }
  end
  return list
end

M.NS = NS

return M
