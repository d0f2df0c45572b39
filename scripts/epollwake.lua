-- SPDX-License-Identifier: Apache-2.0
-- epollwake: who wakes the threads that sleep in epoll_wait, through which file, and for what
--
-- 0.412345  4450  worker_1  woken  3  LISTEN 127.0.0.1:8080 by client (4511) in softirq net_rx: IN
-- 0.412398  4450  worker_1  sleep  3  after 53 us, with nothing to do
local args, bpf, out, sys = require "args", require "bpf", require "out", require "sys"
local epoll, views = require "tool_epoll", require "tool_epoll_view"

local opts = args.parse{
  name = "epollwake",
  summary = "Show who wakes threads that sleep in epoll_wait, through which file, and for what.",
  options = {
    { "-p", "--pid", type = "pid", help = "only threads of this process" },
    { "-n", "--name", type = "string", min = 1, max = 15, help = "only threads of this name" },
    { "-s", "--summary", help = "only the summary at the end" },
    { "--top", type = "uint", min = 1, default = 30, help = "lines of the summary at most" },
    { "--callback", arg = "PATH:GLOB", type = epoll.callback_type,
      help = "functions of a program that handle events, to be shown, too" },
    { "--callback-fd", arg = "N", type = "uint", min = 1, max = 6, default = 1,
      help = "which of their arguments is the file descriptor" },
    { "--callback-bits", arg = "N", type = "uint", min = 0, max = 6, default = 2,
      help = "which has the bits of the events; 0: none" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  examples = {
    { "epollwake -p 4182", "who wakes the threads of process 4182" },
    { "epollwake -n wrk:worker_0 -s 10", "the summary of ten seconds for threads of this name" },
    { "epollwake -p 4182 --callback '/usr/local/bin/envoy:*FileEventImpl*assignEvents*'",
      "with Envoy's own view of its events" },
  },
}
if opts.summary and out.mode() == "csv" then
  io.stderr:write("epollwake: CSV has no summary: not with '--summary'\n")
  os.exit(2, true)
end

local define = epoll.layout("epollwake")
define.PID = opts.pid
define.CALLBACK_FD, define.CALLBACK_BITS = opts.callback_fd, opts.callback_bits
epoll.define_name(define, opts.name)
local prog = bpf.load{ define = define, text = epoll.text() }

local head = { { "time", "%11.6f", title = "TIME_s", key = "seconds" },
  { "tid", "%-7d", title = "TID" }, { "comm", "%-15s", title = "COMM" },
  { "event", "%-6s", title = "EVENT" }, { "fd", "%4s", title = "FD", key = "fd" },
  { "detail", "%s", title = "DETAIL" } }
if out.mode() ~= "text" then
  head = { { "time", "%.6f", key = "seconds" }, { "tgid", "%d" }, { "tid", "%d" }, { "comm" },
    { "event" }, { "fd", "%d" }, { "count", "%d" }, { "latency_us", "%.1f" }, { "useless", "%d" },
    { "waker_tid", "%d" }, { "waker" }, { "context" }, { "file" }, { "detail" } }
end
local columns = out.columns(head)
local view = views.new{ row = not opts.summary and function(row) columns:row(row) end or nil,
  numbers = out.mode() ~= "text" }

prog.events:each(function(e) view:add(e) end)
every(0.2, function() view:flush(sys.monotonic_ns() - 100000000) end)
if opts.callback then
  prog:uprobe("on_callback", { path = opts.callback.path, glob = opts.callback.glob, pid = opts.pid })
end
after(0, function()
  prog.live[0], view.start = 1, sys.monotonic_ns()
  if out.mode() == "text" then
    print("Tracing epoll wake-ups... Hit Ctrl-C to end.")
  end
  if not opts.summary then
    columns:header()
  end
  io.stdout:flush()
end)
on_exit(function()
  view:flush()
  if out.mode() == "json" then
    for _, row in ipairs(view:rows()) do print(out.json(row)) end
  elseif out.mode() == "text" then
    view:print(opts.top)
  end
end)
bpf.run(opts.duration)
