-- SPDX-License-Identifier: Apache-2.0
-- trace: a line for each call of functions, tracepoints and static probes, with what they were given
--
-- PID     TID     COMM            FUNC             -
-- 1576    1576    snmpd           open             /proc/net/dev
local args, out, pattern, report, specifier = require "args", require "out",
  require "tool_pattern", require "tool_report", require "tool_specifier"
local bpf, fmt, stack, sys, time = require "bpf", require "fmt", require "stack", require "sys",
  require "time"

local opts = args.parse{
  name = "trace",
  summary = "Print a line for each hit of functions, tracepoints and static probes.",
  options = {
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-L", "--tid", type = "tid", help = "this thread only" },
    { "--uid", type = "uint", max = 4294967294, help = "this user only" },
    { "-v", "--verbose", "--debug", help = "print the BPF programs, and end" },
    { "-z", "-Z", "--string-size", type = "uint", min = 2, max = 200, default = 80,
      help = "bytes of a text that are read" },
    { "-S", "--include-self", help = "our own process, too" },
    { "-M", "--max-events", type = "uint", min = 1, help = "lines until the end" },
    { "-t", "--timestamp", help = "seconds since the start in front" },
    { "-u", "--unix-timestamp", help = "with -t: seconds since 1970 instead" },
    { "-T", "--time", help = "the time of day in front" },
    { "-C", "--print-cpu", help = "the CPU" },
    { "-n", "--name", arg = "TEXT", help = "only commands whose name contains TEXT" },
    { "-f", "--msg-filter", arg = "TEXT", help = "only lines whose message contains TEXT" },
    { "-K", "--kernel-stack", help = "the kernel stack below each line" },
    { "-U", "--user-stack", help = "the user stack below each line" },
    { "-a", "--address", help = "addresses in the stacks" },
    { "-I", "--include", arg = "HEADER", repeatable = true, help = "kernel header for the expressions" },
  },
  positionals = {
    { "probe", type = specifier.line, repeatable = true,
      help = "PROBE[(SIGNATURE)] [(FILTER)] [\"FORMAT\"[, EXPRESSION...]]" },
  },
  exclusive = { { "pid", "tid" }, { "timestamp", "time" } },
  examples = {
    { "trace do_sys_open", "a line for each call" },
    { "trace 'c:open \"%s\", arg1'", "files that programs open through libc" },
    { "trace 'c:malloc (arg1 > 100000) \"%lu bytes\", arg1' -U", "large allocations, and who asked" },
    { "trace 'r::vfs_read (retval < 0) \"%d\", retval'", "reads that failed" },
    { "trace 't:block:block_rq_complete \"sectors=%d\", args->nr_sector'", "a tracepoint" },
  },
}

if not opts.probe then
  pattern.missing("trace", "argument 'probe'")
  opts.probe = { specifier.line('vfs_read "%lu", count') }
end

local filters = {}
for name, n in pairs{ tid = opts.tid or false, uid = opts.uid or false } do
  filters[#filters + 1] = n and ("%s == %d"):format(name, n) or nil
end
if not opts.include_self then
  filters[#filters + 1] = ("pid != %d"):format(sys.pid())
end

local text_mode = out.mode() == "text"
local began, shown, start = time.now(), 0, sys.monotonic_ns()
local width = opts.unix_timestamp and 17 or 8

local function time_of(ns)
  local text
  if opts.time then
    text = time.stamp_ns(time.ktime_to_wall(ns))
  else
    text = ("%.6f"):format((ns - start) / 1e9 + (opts.unix_timestamp and began or 0))
  end
  return text_mode and fmt.pad(text:sub(1, width), width) or text
end

local function stack_text(frames)
  local words = {}
  for i, f in ipairs(type(frames) == "string" and {} or frames or {}) do
    words[i] = ("        %s%s\n"):format(opts.address and ("%16x "):format(f.ip) or "",
      fmt.safe(stack.frame(f, { offset = true })))
  end
  return type(frames) == "string" and ("        [%s]\n"):format(frames) or table.concat(words)
end

local function stacks_of(h, e)
  local s = stack.resolve(h.program.stacks, { kernel = opts.kernel_stack and e.kernel or -1,
    user = opts.user_stack and e.user or -1, tgid = e.pid })
  return (opts.kernel_stack and stack_text(s.kernel) or "") ..
    (opts.user_stack and stack_text(s.user) or "")
end

local columns = { { "time" }, { "cpu", "%d" }, { "pid", "%d" }, { "tid", "%d" }, { "comm" },
  { "func" }, { "message" } }
if opts.kernel_stack or opts.user_stack then
  columns[#columns + 1] = { "stack" }
end
local rows = out.columns(columns)

local function print_line(e, stacks)
  local words = { (opts.timestamp or opts.time) and e.time or nil }
  words[#words + 1] = opts.print_cpu and ("%-3d"):format(e.cpu) or nil
  words[#words + 1] = ("%-7d %-7d %s %s %s"):format(e.pid, e.tid, fmt.pad(e.comm, 15),
    fmt.pad(e.func, 16), fmt.safe(e.message))
  io.write(table.concat(words, " "), "\n", stacks, stacks ~= "" and "\n" or "")
end

local function each(s, h, e)
  if shown == opts.max_events or (opts.name and not e.comm:find(opts.name, 1, true)) then
    return
  end
  e.message = specifier.message(s, e)
  if opts.msg_filter and not e.message:find(opts.msg_filter, 1, true) then
    return
  end
  shown = shown + 1
  e.func, e.time = s.where.name:match("[^:]*$"), time_of(e.ns)
  local stacks = (opts.kernel_stack or opts.user_stack) and stacks_of(h, e) or ""
  if text_mode then
    print_line(e, stacks)
  else
    e.stack = stacks
    rows:row(e)
  end
  if shown == opts.max_events then
    bpf.stop()
  end
end

local any_format = false
for _, s in ipairs(opts.probe) do
  local by, with, where = specifier.compile(s, opts.string_size)
  local own = table.move(filters, 1, #filters, 1, {})
  own[#own + 1] = with.filter
  with.filter, with.pid, with.include = own[1] and table.concat(own, " && "), opts.pid, opts.include
  local h = report.trace(pattern.spec(where), by, with,
    { kernel = opts.kernel_stack, user = opts.user_stack },
    function(h, e) each(s, h, e) end)
  any_format = any_format or s.format
  if opts.verbose then
    io.write(h:source())
  end
end
if opts.verbose then
  os.exit(0, true)
end

if text_mode then
  io.write((opts.timestamp or opts.time) and fmt.pad("TIME", width) .. " " or "",
    opts.print_cpu and "CPU " or "",
    ("%-7s %-7s %-15s %-16s%s\n"):format("PID", "TID", "COMM", "FUNC", any_format and " -" or ""))
end
bpf.run()
