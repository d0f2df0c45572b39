-- SPDX-License-Identifier: Apache-2.0
-- funcgraph: what a kernel function calls, and how long each call took, by the kernel's own tracer
--
--     TIME        CPU  TASK/PID         DURATION                  FUNCTION CALLS
--   812.330161 |   0)    ping-401    | + 15.121 us   |  icmp_echo();
local args, bpf, graph, oneliner, out = require "args", require "bpf", require "tool_graph",
  require "oneliner", require "out"
local fmt, pattern, sys = require "fmt", require "tool_pattern", require "sys"

local opts = args.parse{
  name = "funcgraph",
  summary = "Trace kernel functions with what they call, as a graph with times.",
  options = {
    { "-a", "--all", help = "all info: the same as -HPt" },
    { "-C", "--on-cpu", help = "time on the CPU only, without what the thread slept" },
    { "-d", "--duration", type = "duration", min = 0.001,
      help = "seconds until the end (until Ctrl-C)" },
    { "-D", "--no-duration", help = "no durations" },
    { "-H", "--header", help = "column headers" },
    { "-m", "--max-depth", type = "uint", min = 1, max = 50,
      help = "levels to show; 1: no callees" },
    { "-p", "--pid", type = "pid", help = "threads that this process has now, only" },
    { "-L", "--tid", type = "tid", help = "this thread only" },
    { "-P", "--process", help = "names and ids of the threads" },
    { "-t", "--timestamp", help = "times, as of the kernel's trace clock" },
    { "-T", "--tail", help = "the function's name behind its }" },
    { "-u", "--threshold", arg = "USECS", type = "uint", min = 1, max = 1000000000,
      help = "calls that took at least this long only" },
    { "-c", "--cpu", type = "cpu", help = "this CPU only" },
    { "-f", "--force", help = "throw away what others left in the kernel's trace buffer" },
  },
  positionals = {
    { "function", arg = "FUNCTION", help = "a kernel function; * ? and [ ] make it a glob" },
  },
  exclusive = { { "pid", "tid" }, { "no_duration", "json" }, { "no_duration", "csv" },
    { "no_duration", "threshold" } },
  examples = {
    { "funcgraph do_nanosleep", "do_nanosleep() and all below, until Ctrl-C" },
    { "funcgraph -m 1 -a -d 6 estimation_timer", "six seconds of this function alone, all info" },
    { "funcgraph -m 3 -p 198 vfs_read", "three levels of vfs_read() in process 198" },
    { "funcgraph -u 1000 --json 'ip_*'", "calls of a millisecond and more, as JSON" },
  },
}

local what = opts["function"]
if not what then
  pattern.missing("funcgraph", "argument 'function'")
  what = "icmp_echo"                 -- of a dry run
end

local data = out.mode() ~= "text"
local g = graph.open{
  functions = what, depth = opts.max_depth, threshold = opts.threshold, pid = opts.pid,
  tid = opts.tid, cpu = opts.cpu, on_cpu = opts.on_cpu, force = opts.force, whole = data,
  abstime = opts.timestamp or opts.all, proc = opts.process or opts.all,
  duration = not opts.no_duration, tail = opts.tail,
}
local read = graph.reader()
local rows = out.columns{
  { "time", "%.6f" }, { "cpu", "%d" }, { "task" }, { "pid", "%d" }, { "duration_us", "%.3f" },
  { "depth", "%d" }, { "func", key = "function" }, { "kind" },
}

local function too_short(row)
  return opts.threshold and (row.duration_us or 0) < opts.threshold
end

local function on_row(line)
  local row = read(line)
  if row and row.pid ~= sys.pid() and not too_short(row) then
    rows:row(row)
  end
end

-- what the kernel does not filter or name itself
local function on_filtered(line)
  local row = read(line)
  if not row or too_short(row) or row.pid == sys.pid() then
    return
  end
  if row.kind == "return" and row.func then
    line = line:gsub("}.*", "} /* " .. row.func .. " */")
  end
  print(fmt.safe(line))
end

local function on_line(line)
  print(fmt.safe(line))                -- tasks call themselves what they like
end

if not data then
  print(("Tracing \"%s\"%s..."):format(what, opts.duration and
    (" for %g seconds"):format(opts.duration) or "") .. (opts.duration and "" or " Ctrl-C to end."))
  if opts.header or opts.all then
    print(graph.header(g))
  end
end
graph.lines(g, data and on_row or g.by_hand and on_filtered or on_line)
bpf.run(opts.duration)
local done, message, tag = g.tracer:close()
if not done then
  oneliner.raise(tag, message)
end
