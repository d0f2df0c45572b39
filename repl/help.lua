-- SPDX-License-Identifier: Apache-2.0
-- help: topics, and the functions by the rows of repl.api.

local api = require "repl.api"
local sys = require "sys"

local M = {}

local TOPICS = {
  start = { "the first five minutes", [[
  count("tracepoint:sched:sched_switch", {by = "comm"})    who runs, how often
  latency("vfs_read")                                      how long it takes
  hist("sysret:read", "retval", {by = "comm"})             how much is read
  trace("syscall:openat", "%s %s", {"comm", "pid"})        who opens files
  profile(99)                                              what the CPUs do
Each runs from then on and is a job: :jobs lists them, :stop 2 ends one and
shows what it has counted.  Give it a name to look at it meanwhile:
  h = count("tracepoint:irq:softirq_entry", {by = "vec"})
  h                  prints it now
  watch(h, 1)        draws it each second, until a key is pressed
  h:clear()  h:stop()  h:data()
:save FILE.lua writes the live probes as a script.]] },
  probes = { "how probes are named", [[
  kprobe:FUNCTION  kretprobe:FUNCTION     a kernel function, entered and left
  fentry:FUNCTION  fexit:FUNCTION         the same, faster, on newer kernels
  tracepoint:CATEGORY:EVENT               raw_tracepoint:EVENT
  syscall:NAME  sysret:NAME               a system call, entered and left
  uprobe:PATH:SYMBOL  uretprobe:PATH:SYMBOL
  usdt:PATH:PROVIDER:NAME
  perf:EVENT:PERIOD  profile:HZ  interval:TIME
A * matches many: "kprobe:tcp_*".  A bare function name is a kprobe.  Tab
completes them; :probes GLOB lists them with their arguments, :fields what a
tracepoint or struct has.]] },
  expressions = { "what an EXPR may be", [[
An expression in C; the probe's arguments and fields have their names. Beside:
  comm pid tid uid cpu ns retval
  hist("kprobe:tcp_sendmsg", "size")
  count("kprobe:tcp_*", {by = "comm", filter = "pid != 1"})
  trace("tracepoint:sched:sched_switch", "%s, %s", {"prev_comm", "next_comm"})]] },
  handles = { "live handles", nil },
  keys = { "keys", [[
  Tab               completes; once more lists; behind "(" shows the arguments
  Up, Down          history, or the line above in a text of several lines
  Ctrl-R            searches the history; Esc ends the search
  Ctrl-A, Ctrl-E    beginning, end; Ctrl-W, Ctrl-U, Ctrl-K cut, Ctrl-Y pastes
  Ctrl-C            clears the line, or interrupts what runs (five times: ends)
  Ctrl-D            leaves, and detaches everything
  Ctrl-L            clears the screen
Text that is not complete goes on with the next line.  A line that begins with
a blank is not kept in the history, ~/.moontrace_history.
~/.editrc is read as libedit's: "bind -v" makes it vi.]] },
}

local ORDER = { "start", "probes", "expressions", "handles", "keys" }

-- ---- functions ----

local function find_in(rows, name)
  for _, row in ipairs(rows) do
    if row[1] == name then
      return row
    end
  end
  return nil
end

-- the row of "count", "fmt.ns" or "h:stop", and the name in front
local function find(path)
  local object, name = path:match("^([%w_]+)%.([%w_]+)$")
  if object then
    local rows = api.modules[object]
    return rows and find_in(rows, name), path
  end
  name = path:match("^[%w_%.]+:([%w_]+)$")
  if name then
    return find_in(api.handle, name), path
  end
  return find_in(api.modules.probe, path) or find_in(api.modules[""], path), path
end

--- "count(SPEC [, ...])" of a function by its name at the prompt; nil.
function M.signature(path)
  local row = find(path)
  return row and path .. row[2] or nil
end

local function function_lines(prefix, rows, paint)
  local lines = {}
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("  %-38s %s"):format(prefix .. row[1] .. row[2], paint("dim", row[3]))
  end
  return table.concat(lines, "\n")
end

-- ---- pages ----

--- The page of `:help`.
function M.overview(rows, paint)
  local lines = { paint("title", "Lua runs as it is typed; a value is printed. Try :help start.") }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("  :%-8s %-20s %s"):format(row[1], row[2], paint("dim", row[3]))
  end
  lines[#lines + 1] = paint("title", "More: :help TOPIC")
  for _, name in ipairs(ORDER) do
    lines[#lines + 1] = ("  %-29s  %s"):format(name, paint("dim", TOPICS[name][1]))
  end
  lines[#lines + 1] = ("  %-29s  %s"):format("probe bpf out sys fmt ...",
    paint("dim", "a module, or one of its functions: count, fmt.ns"))
  return table.concat(lines, "\n")
end

local function command_page(rows, name)
  local row = find_in(rows, name)
  return row and (":%s %s\n  %s"):format(row[1], row[2], row[3]) or nil
end

--- The text about one thing; nil if nothing is known.
function M.topic(name, rows, paint)
  if name == "handles" or name == "handle" then
    return function_lines("h:", api.handle, paint)
  elseif TOPICS[name] then
    return TOPICS[name][2]
  end
  local row = find(name)
  if row then
    return ("%s%s\n  %s"):format(name, row[2], row[3])
  end
  if name ~= "" and api.modules[name] then
    return function_lines(name == "probe" and "" or name .. ".", api.modules[name], paint)
  end
  return command_page(rows, name)
end

--- What `:help` completes to.
function M.names(rows)
  local names = table.move(ORDER, 1, #ORDER, 1, {})
  for module, functions in pairs(api.modules) do
    names[#names + 1] = module ~= "" and module or nil
    for _, row in ipairs(functions) do
      local bare = module == "" or module == "probe"
      names[#names + 1] = bare and row[1] or module .. "." .. row[1]
    end
  end
  for _, row in ipairs(rows) do
    names[#names + 1] = row[1]
  end
  table.sort(names)
  for i = #names, 2, -1 do
    if names[i] == names[i - 1] then
      table.remove(names, i)
    end
  end
  return names
end

--- A path of this very executable.
function M.executable()
  return ("/proc/%d/exe"):format(sys.pid())
end

return M
