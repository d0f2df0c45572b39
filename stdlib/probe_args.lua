-- SPDX-License-Identifier: Apache-2.0
-- probe_args: which probes a spec means on this kernel, and what is known of their arguments.

local bpf = require "bpf"
local oneliner = require "oneliner"
local probes = require "probes"
local probe_spec = require "probe_spec"

local M = {}

-- struct tracepoint__C__E has these; what the kernel puts in front is nobody's argument
local HIDDEN = { __syscall_nr = true }

local function kind_of(type, name)
  if type:find("__data_loc", 1, true) or type:find("__rel_loc", 1, true) then
    return type:find("char", 1, true) and "data_loc" or "other",
      (type:find("__rel_loc", 1, true) and "rel_loc_" or "data_loc_") .. name
  end
  if type:find("^const char *%[") or type:find("^char *%[") then
    return "string"
  end
  return type:find("[", 1, true) and "other" or "number"
end

-- types that C has without a header
local PLAIN = {}
for name in ("char short int long bool u8 u16 u32 u64 s8 s16 s32 s64 size_t __u32 __s32 __u64"):gmatch("%S+") do
  PLAIN[name] = true
end

-- a type for a variable that holds the argument
local function c_type(type)
  local base = type:gsub("%f[%w_]const%f[^%w_]", ""):gsub("^%s+", ""):gsub("%s+$", "")
  if base:find("^struct [%w_]+ *%*$") then
    return base
  elseif base:find("*", 1, true) then
    return base:find("^char *%*$") and "const char *" or "void *"
  end
  for word in base:gmatch("%S+") do
    if not PLAIN[word] and word ~= "unsigned" and word ~= "signed" then
      return nil
    end
  end
  return base
end

-- {name=, type=, kind=, c=, size=, position=} of an entry of probes.args
local function argument(entry, position)
  local kind, c = kind_of(entry.type, entry.name)
  return { name = entry.name, type = entry.type, kind = kind, c = c, size = entry.size,
    position = position, c_type = c_type(entry.type) }
end

--- The arguments of the probe SPEC (a text): a list, and what its function returns. nil and a
--- message where they are not known.
function M.known(spec)
  local found, message = probes.args(spec)
  if not found then
    return nil, message
  end
  local list = {}
  for i, entry in ipairs(found) do
    if not HIDDEN[entry.name] then
      list[#list + 1] = argument(entry, i)
    end
  end
  return list, found.returns
end

-- a system call's own tracepoints have its arguments by name; kernels without them have kprobes
local function syscall_tracepoint(spec)
  local enter = spec.provider == "syscall" and "sys_enter_" or "sys_exit_"
  return "tracepoint:syscalls:" .. enter .. spec.name
end

local function has_syscall_tracepoints()
  return bpf.probe("tracepoint:syscalls:sys_enter_getpid") and true or false
end

local function attach_syscall(spec)
  if has_syscall_tracepoints() then
    spec.attach = syscall_tracepoint(spec)
    spec.category = "syscalls"
    spec.event = spec.attach:match("[^:]*$")
  else
    spec.context = "regs"
    spec.nameless = true
  end
  return spec
end

-- the names that a pattern matches; nil, a message, a hint. Raises what the kernel has not
local function list_of(spec, pattern, limit)
  local names, total, tag = probes.list(pattern, limit)
  if not names then
    oneliner.raise(tag, total)
  end
  if total > limit then
    return nil, ("'%s' matches %d probes, and the limit is %d"):format(spec.text, total, limit),
      "a narrower pattern, or --max-probes " .. total
  end
  if total == 0 then
    return nil, ("'%s' matches nothing on this kernel"):format(spec.text)
  end
  return names
end

-- one spec for each of the tracepoints, system calls and functions that a pattern matches
local function expand(spec, limit)
  local calls = spec.provider:find("^sys") and has_syscall_tracepoints()
  local pattern = calls and "tracepoint:syscalls:sys_enter_" or spec.provider .. ":"
  local names, message, hint = list_of(spec, pattern .. spec.name, limit)
  if not names then
    return nil, message, hint
  end
  local list = {}
  for i, name in ipairs(names) do
    local one = probe_spec.parse(calls and spec.provider .. ":" .. name:match("sys_enter_(.*)$") or
      name)
    list[i] = one
    if one.provider == "syscall" or one.provider == "sysret" then
      attach_syscall(one)
    end
  end
  return list
end

local function nearest_call(spec)
  local names = probes.list("tracepoint:syscalls:sys_enter_*") or {}
  for i, name in ipairs(names) do
    names[i] = name:match("sys_enter_(.*)$")
  end
  return probe_spec.nearest(spec.name, names)
end

--- The probes that TEXT means: a list of specs, one for each that needs a function of its own
--- (those of kernel functions share one: the spec has glob then). nil, a message, a hint; misuse
--- has the column, too.
function M.resolve(text, limit)
  local spec, message, at, hint = probe_spec.parse(text)
  if not spec then
    if hint == "provider" then
      hint = probe_spec.nearest(text:match("^[^:]*"), probe_spec.names())
    end
    return nil, message, hint, at
  end
  if spec.bare then
    local fentry = not bpf.feature("kprobe") and bpf.feature("fentry")
    probe_spec.choose(spec, fentry and "fentry" or "kprobe")
  end
  if spec.glob and spec.provider ~= "kprobe" and spec.provider ~= "kretprobe" then
    return expand(spec, limit)
  elseif spec.glob and not oneliner.dry() then
    local names
    names, message, hint = list_of(spec, "kprobe:" .. spec.name, limit)
    if not names then
      return nil, message, hint
    end
  end
  if spec.provider == "syscall" or spec.provider == "sysret" then
    attach_syscall(spec)
    if spec.event and not oneliner.dry() and not bpf.probe(spec.attach) then
      return nil, ("no system call '%s'"):format(spec.name), nearest_call(spec)
    end
  end
  return { spec }
end

return M
