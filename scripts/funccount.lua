-- SPDX-License-Identifier: Apache-2.0
-- funccount: calls of functions, tracepoints and static probes that match a pattern, counted
--
-- FUNC                                    COUNT
-- vfs_read                                 1124
local args, out, pattern, probe, report = require "args", require "out", require "tool_pattern",
  require "probe", require "tool_report"
local fmt, time = require "fmt", require "time"

local opts = args.parse{
  name = "funccount",
  summary = "Count functions, tracepoints and static probes.",
  options = {
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-i", "--interval", type = "duration", min = 0.001, help = "seconds between outputs" },
    { "-d", "--duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
    { "-T", "--timestamp", help = "print the time of each output" },
    { "-r", "--regexp", help = "the pattern's name is a regular expression, not a glob" },
    { "-c", "--cpu", type = "cpu", help = "this CPU only" },
    { "-D", "--debug", help = "print the BPF program, and end" },
  },
  positionals = {
    { "pattern", type = pattern.type("ptu"), help = "FUNCTION, LIBRARY:FUNCTION, t:CATEGORY:EVENT or u:PATH:PROBE" },
  },
  examples = {
    { "funccount 'vfs_*'", "kernel functions whose names begin with vfs_" },
    { "funccount -r '^(vfs|ext4)_read'", "the same by regular expression" },
    { "funccount -Ti 5 'tcp_*'", "each five seconds, with the time" },
    { "funccount -p 185 c:malloc", "calls of malloc by process 185" },
    { "funccount -d 10 't:irq:*'", "ten seconds of interrupt tracepoints" },
  },
}

local what = pattern.given("funccount", opts.pattern, "vfs_read*", "ptu")
local h = report.attach(probe.count, pattern.spec(what, opts.regexp), {
  by = "func", pid = opts.pid, cpu = opts.cpu })
if opts.debug then
  io.write(h:source())
  os.exit(0, true)
end

local rows = out.columns{ { "time" }, { "func" }, { "count", "%d" } }
if not opts.timestamp then
  rows = out.columns{ { "func" }, { "count", "%d" } }
end

local function output()
  if out.mode() == "text" then
    print(("%-36s %8s"):format("FUNC", "COUNT"))
  end
  for _, e in ipairs(report.sort(report.entries(h))) do
    if out.mode() == "text" then
      print(("%s %8d"):format(fmt.pad(e[1], 36), e.value))
    else
      rows:row{ time = opts.timestamp and time.iso() or nil, func = e[1], count = e.value }
    end
  end
end

if out.mode() == "text" then
  print(("Tracing %d functions for \"%s\"... Hit Ctrl-C to end."):format(h.n, fmt.safe(what.text)))
end
report.run{ interval = opts.interval, duration = opts.duration, timestamp = opts.timestamp,
  output = output }
