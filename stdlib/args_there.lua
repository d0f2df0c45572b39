-- SPDX-License-Identifier: Apache-2.0
-- args_there: is there the process, the thread or the CPU that an option names? Asked at each start:
-- not by dry runs, whose machine is another. What ends later is no error.

local M = {}

-- nil where there is no host: a script that parses its options elsewhere
local function module(name)
  local there, it = pcall(require, name)
  return there and it or nil
end

local oneliner, sys = module("oneliner"), module("sys")

--- The process of a thread that runs now, or nil. In a pid namespace of its own it is that of
--- another thread.
function M.process_of(tid)
  local status = sys.read(("/proc/%d/status"):format(tid))
  return status and math.tointeger(tonumber(status:match("\nTgid:%s*(%d+)")))
end

local function check_id(kind, id)
  if not sys.pid_namespace_is_initial() then
    return nil, ("%s %d is the number of a pid namespace (a container's), but the kernel's programs " ..
      "see the host's: run it there"):format(kind, id)
  elseif not sys.alive(id) then
    return nil, ("there is no %s %d"):format(kind, id)
  end
  local process = kind == "process" and M.process_of(id)
  if process and process ~= id then
    return nil, ("%d is a thread of process %d"):format(id, process)
  end
  return true
end

-- of a range one is enough
local function check_cpus(first, last)
  for _, cpu in ipairs((sys.cpus())) do
    if cpu >= first and cpu <= last then
      return true
    end
  end
  return nil, first == last and ("CPU %d is not online"):format(first) or
    ("none of the CPUs %d-%d is online"):format(first, last)
end

--- True, or nil and why not. kind: "process", "thread" or "cpu"; value: a number, or of CPUs a
--- list of {first, last}.
function M.check(kind, value)
  if not sys or not sys.alive or oneliner.dry() then
    return true
  elseif kind ~= "cpu" then
    return check_id(kind, value)
  end
  for _, range in ipairs(type(value) == "table" and value or { { value, value } }) do
    local there, why = check_cpus(range[1], range[2])
    if not there then
      return nil, why
    end
  end
  return true
end

return M
