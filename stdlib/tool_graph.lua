-- SPDX-License-Identifier: Apache-2.0
-- tool_graph: the kernel's function graph tracer, set up and read.

local args_help = require "args_help"
local bpf = require "bpf"
local fmt = require "fmt"
local ftrace = require "ftrace"
local oneliner = require "oneliner"
local sys = require "sys"

local M = {}

local MOST = 1000                    -- functions of one pattern

local function must(value, message, tag)
  if not value then
    oneliner.raise(tag, message)
  end
  return value
end

-- ---- which functions ----

local function pattern_of(glob)
  local p = glob:gsub("[%%%.%+%-%^%$%(%)]", "%%%0"):gsub("%*", "[^ ]*"):gsub("%?", "[^ ]")
  return "^" .. p:gsub("%[!", "[^") .. "$"
end

-- Not all names are looked at, of tens of thousands: one mistake leaves one half as it was.
local function near(name, text)
  local n, list = math.max(#name // 2 - 1, 1), {}
  local first, last = name:sub(1, n), name:sub(-n)
  for other in text:gmatch("[^\n ]+") do
    if (other:sub(1, n) == first or other:sub(-n) == last) and (math.abs(#other - #name) <= 3 or
      other:sub(1, #name) == name) then
      list[#list + 1] = other
    end
  end
  local found = args_help.near(name, list)
  return found[1] and ("did you mean '%s'?"):format(table.concat(found, "', '"))
end

local function no_function(name, text)
  local there = not name:find("[*?[]") and sys.kfunction(name) == name
  oneliner.raise("E-PROBE", there and
    ("'%s' is in this kernel, but not traceable (notrace)"):format(fmt.safe(name)) or
    ("no traceable function '%s' in this kernel: it is inlined, or in a module that is not there")
    :format(fmt.safe(name)), near(name, text))
end

-- each line of the text is "name" or "name [module]"
local function matches(glob, text)
  if not glob:find("[*?[]") then
    text = "\n" .. text
    local there = text:find("\n" .. glob .. "\n", 1, true) or
      text:find("\n" .. glob .. " [", 1, true)
    return there and { glob } or {}
  end
  local found, seen, pattern = {}, {}, pattern_of(glob)
  for name in text:gmatch("([^\n ]+)[^\n]*") do
    if name:find(pattern) and not seen[name] then
      seen[name] = true
      found[#found + 1] = name
    end
  end
  return found
end

--- Names of the traceable functions that a name or glob means; raises E-PROBE. A dry run asks
--- the target for the name alone.
function M.functions(glob)
  if oneliner.dry() then
    if not glob:find("[*?[]") then
      -- where the target's functions are not known, that is noted
      local found, message, tag = bpf.probe("kprobe:" .. glob)
      must(found or not message:find("^no "), message, tag)
    end
    return { glob }
  end
  local text = must(sys.read(must(sys.tracefs()) .. "/available_filter_functions"))
  local found = matches(glob, text)
  if #found == 0 then
    no_function(glob, text)
  elseif #found > MOST then
    oneliner.raise("E-LIMIT", ("'%s' means %d functions, more than %d"):format(fmt.safe(glob),
      #found, MOST))
  end
  return found
end

-- ---- settings ----

-- where the kernel's threshold forgets the chosen functions, as before 4.6
local function threshold_is_blind()
  return sys.kfunction("trace_graph_thresh_entry") == "trace_graph_thresh_entry"
end

-- where the graph tracer may be one of an instance (since 6.11), the top level is left to others
local function has_instances()
  return not oneliner.dry() and sys.kfunction("allocate_fgraph_ops") == "allocate_fgraph_ops"
end

-- "1,00000000" is CPU 32
local function mask_of(cpu)
  return ("%x"):format(1 << cpu % 32) .. (",00000000"):rep(cpu // 32)
end

local function threads_of(opts)
  if opts.tid then
    return tostring(opts.tid)
  end
  local list = not oneliner.dry() and sys.list(("/proc/%d/task"):format(opts.pid)) or {}
  -- none would mean all threads there are
  if #list == 0 and not oneliner.dry() then
    oneliner.raise("E-ARGS", ("there is no process %d"):format(opts.pid))
  end
  return table.concat(list, " ")
end

local function check_tracer(t)
  local all = oneliner.dry() and "function_graph" or must(sys.read(t:path() .. "/available_tracers"))
  if not all:find("%f[%w_]function_graph%f[^%w_]") then
    oneliner.raise("E-FEATURE", "this kernel has no tracer 'function_graph' " ..
      "(CONFIG_FUNCTION_GRAPH_TRACER)")
  end
end

-- which calls: in front of the tracer, that it may not begin with all
local function choose(t, set, opts, blind)
  set("set_graph_function", table.concat(M.functions(opts.functions), " "))
  if opts.depth then
    set("max_graph_depth", opts.depth)
  end
  if opts.threshold and not blind then
    set("tracing_thresh", opts.threshold)
  end
  if opts.pid or opts.tid then
    set("set_ftrace_pid", threads_of(opts))
  elseif t:get("set_ftrace_notrace_pid") then
    set("set_ftrace_notrace_pid", sys.pid())
  end
  if opts.cpu then
    set("tracing_cpumask", mask_of(opts.cpu))
  end
end

--- Begins to trace; M.lines reads it. opts: {functions=, depth=, threshold= us, pid=, tid=, cpu=,
--- on_cpu=, force=, abstime=, proc=, duration=, tail=, whole= all columns}. Raises. Comes back:
--- {tracer=, by_hand=, columns=}; by_hand: all columns are there, for the caller has to do the
--- threshold or the names behind }.
function M.open(opts)
  local t = must(ftrace.open{ graph = has_instances(), force = opts.force })
  local function set(file, value)
    must(t:set(file, tostring(value)))
  end
  check_tracer(t)
  local blind = opts.threshold and threshold_is_blind() or false
  choose(t, set, opts, blind)
  -- on before the tracer is: since 5.0 a call that finds no buffer marks its thread for good as
  -- one inside of a chosen function
  set("tracing_on", 1)
  set("current_tracer", "function_graph")
  local has_tail = t:get("options/funcgraph-tail") ~= nil     -- since 3.16
  local by_hand = blind or opts.tail and not has_tail
  if opts.on_cpu then
    set("options/sleep-time", 0)
  end
  local columns = {}
  for _, name in ipairs{ "abstime", "proc", "duration" } do
    columns[name] = opts[name] or opts.whole or by_hand
    set("options/funcgraph-" .. name, columns[name] and 1 or 0)
  end
  set("options/funcgraph-cpu", 1)
  if has_tail then
    set("options/funcgraph-tail", (opts.tail or opts.whole) and 1 or 0)
  end
  return { tracer = t, by_hand = by_hand, columns = columns }
end

--- fn(line) for each line, from the first to the end of the run.
function M.lines(g, fn)
  must(g.tracer:lines(fn))
end

--- The lines that the kernel puts above its table: reading them where they are, in the file
--- trace, would stop the tracer.
function M.header(g)
  local titles, marks = "#", "#"
  local function add(there, title, mark)
    titles, marks = titles .. (there and title or ""), marks .. (there and mark or "")
  end
  add(g.columns.abstime, "     TIME       ", "      |         ")
  add(true, " CPU", " |  ")
  add(g.columns.proc, "  TASK/PID       ", "   |    |        ")
  add(g.columns.duration, "  DURATION   ", "   |   |      ")
  add(true, "               FUNCTION CALLS", "               |   |   |   |")
  return "# tracer: function_graph\n#\n" .. titles .. "\n" .. marks
end

-- ---- lines ----

local function call_of(text)
  local lead, rest = text:match("^( *)(.*)$")
  local depth = math.max(#lead - 2, 0) // 2
  if rest:sub(1, 1) == "}" then
    return depth, "return", rest:match("/%* ([^ ]+).-%*/")
  end
  local name, tail = rest:match("^([^ (]+)[^(]*%b()( ?[;{])")
  if name then
    return depth, tail:find("{", 1, true) and "entry" or "leaf", name
  end
end

--- A function(line) -> row {time=, cpu=, task=, pid=, duration_us=, depth=, func=, kind=}, or nil
--- for lines that are no calls. Lines have the columns abstime, cpu, proc and duration. kind:
--- "entry" (with more inside), "return" (of that), "leaf".
function M.reader()
  local open = {}                    -- names by CPU and depth, as the kernel has them
  return function(line)
    local time, cpu, task, pid, duration, call =
      line:match("^ *([%d.]+) |%s*(%d+)%) +(.-)%-(%d+) +|([^|]*)|(.*)$")
    if not time then
      return nil
    end
    local depth, kind, name = call_of(call)
    if not kind then
      return nil
    end
    pid = tonumber(pid)
    local names = open[cpu] or {}
    open[cpu] = names
    if kind == "entry" then
      names[depth] = name
    elseif kind == "return" then
      name, names[depth] = name or names[depth], nil
    end
    return { time = tonumber(time), cpu = tonumber(cpu), task = task, pid = pid, depth = depth,
      duration_us = tonumber(duration:match("([%d.]+) us")), func = name, kind = kind }
  end
end

return M
