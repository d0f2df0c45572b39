-- SPDX-License-Identifier: Apache-2.0
-- funclatency: time from the call of functions to their return, as a distribution
--
--      usecs               : count     distribution
--          8 -> 15         : 14       |*********                               |
local args, out, pattern, probe, report = require "args", require "out", require "tool_pattern",
  require "probe", require "tool_report"
local fmt, hist, picture, time = require "fmt", require "hist", require "tool_picture", require "time"

local opts = args.parse{
  name = "funclatency",
  summary = "Time functions, from call to return, as a histogram.",
  options = {
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-i", "--interval", type = "duration", min = 0.001, help = "seconds between outputs" },
    { "-d", "--duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
    { "-T", "--timestamp", help = "print the time of each output" },
    { "-u", "--microseconds", help = "microseconds instead of nanoseconds" },
    { "-m", "--milliseconds", help = "milliseconds instead of nanoseconds" },
    { "-F", "--function", help = "a histogram for each function (and process, of user functions)" },
    { "-r", "--regexp", help = "the pattern's name is a regular expression, not a glob" },
    { "--heat", arg = "FILE.svg", help = "write a heat map over time to a file, instead of the histograms" },
    { "-v", "--verbose", "--debug", help = "print the BPF program, and end" },
  },
  positionals = {
    { "pattern", type = pattern.type("p"), help = "FUNCTION or LIBRARY:FUNCTION" },
  },
  exclusive = { { "microseconds", "milliseconds" }, { "json", "csv", "heat" }, { "timestamp", "heat" } },
  examples = {
    { "funclatency do_nanosleep", "nanoseconds in do_nanosleep, until Ctrl-C" },
    { "funclatency -u vfs_read", "microseconds in vfs_read" },
    { "funclatency -F 'vfs_r*'", "a histogram for each function" },
    { "funclatency -i 2 -d 10 c:read", "read of libc, five outputs" },
    { "funclatency -u --heat out.svg -d 60 vfs_read", "a minute, a column for each second" },
    { "funclatency -mTi 5 -p 185 vfs_fsync", "process 185, each five seconds, with the time" },
  },
}

local what = pattern.given("funclatency", opts.pattern, "vfs_read", "p")
local user = pattern.is_user(what)
local unit = opts.milliseconds and "ms" or opts.microseconds and "us" or "ns"
local label = opts.milliseconds and "msecs" or opts.microseconds and "usecs" or "nsecs"
local by = opts["function"] and (user and { "func", "pid" } or { "func" }) or nil
local h = report.attach(probe.latency, pattern.spec(what, opts.regexp), {
  unit = unit, by = by, pid = opts.pid })
if opts.verbose then
  io.write(h:source())
  os.exit(0, true)
end

local function title(e)
  if not by then
    return nil
  end
  return user and ("%s [%d]"):format(e[1], e[2]) or e[1]
end

local function slots()
  local list = {}
  for i, e in ipairs(report.entries(h)) do
    list[i] = { key = title(e), slot = e.rec.slot, count = e.value }
  end
  return list
end

local columns = { { "unit" }, { "lo", "%d" }, { "hi", "%d" }, { "count", "%d" } }
if by then
  table.insert(columns, 1, { "func" })
end
if opts.timestamp then
  table.insert(columns, 1, { "time" })
end
local rows = out.columns(columns)

-- as JSON a histogram is an object, as CSV a row for each of its buckets
local function print_data(list)
  local stamp = opts.timestamp and time.iso() or nil
  local tables = hist.to_table(list, { label = label })
  for _, t in ipairs(tables[1] and tables or { tables }) do
    if out.mode() == "json" then
      t.time = stamp
      print(out.json(t))
    else
      for _, b in ipairs(t.buckets) do
        rows:row{ time = stamp, func = t.key, unit = label, lo = b.lo, hi = b.hi, count = b.count }
      end
    end
  end
end

local function output()
  local list = slots()
  if out.mode() ~= "text" then
    return print_data(list)
  end
  hist.print(list, { label = label, section = "Function" })
end

if out.mode() == "text" then
  print(("Tracing %d functions for \"%s\"... Hit Ctrl-C to end."):format(h.n // 2,
    fmt.safe(what.text)))
end
if opts.heat then
  picture.run_heat("funclatency", { file = opts.heat, interval = opts.interval, duration = opts.duration,
    data = slots, unit = label, title = "Latency of " .. what.text })
  return
end
report.run{ interval = opts.interval, duration = opts.duration, timestamp = opts.timestamp,
  output = output }
