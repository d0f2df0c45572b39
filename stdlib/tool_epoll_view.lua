-- SPDX-License-Identifier: Apache-2.0
-- tool_epoll_view: epollwake's events in time order, which wake-ups were useless, the summary.

local fmt = require "fmt"
local socket = require "tool_socket"
local sys = require "sys"

local M = {}

local EAGAIN, EINTR = -11, -4
local EXCLUSIVE = 1 << 28
local BITS = { { 0x1, "IN" }, { 0x2, "PRI" }, { 0x4, "OUT" }, { 0x8, "ERR" }, { 0x10, "HUP" },
  { 0x2000, "RDHUP" } }
local SOFTIRQS = { [0] = "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched",
  "hrtimer", "rcu" }
local EPOLL_CALLS = { x86_64 = { [232] = true, [281] = true, [441] = true },
  aarch64 = { [22] = true, [441] = true } }

local View = {}
View.__index = View

-- "eventfd" of eventfd_poll; what is no function is no file either
local function kind_of(view, e)
  local name, offset = sys.ksym(e.poll)
  if not name or offset ~= 0 then
    view.odd = view.odd + 1
    return "unknown file"
  end
  return (name:gsub("_f?poll$", ""):gsub("^sock$", "socket"):gsub("^ep_eventpoll$", "epoll"))
end

local function bits_of(bits)
  local list = {}
  for _, row in ipairs(BITS) do
    if bits & row[1] ~= 0 then list[#list + 1] = row[2] end
  end
  return #list > 0 and table.concat(list, "|") or bits == 0 and "any event" or ("0x%x"):format(bits)
end

local function context_of(e)
  if e.context == 5 then
    return "hardirq " .. e.vec
  elseif e.context == 3 then
    return "softirq " .. (SOFTIRQS[e.vec] or e.vec)
  end
  return ({ "a system call", "a kernel thread", [4] = "a timer" })[e.context]
end

-- nanoseconds, whose sum is exact
local function nanoseconds(from, to)
  return math.max(0, to - from)
end

-- is a thread, seen for the first time, asleep in epoll_wait since before?
local function in_epoll_wait(tid)
  local text = sys.read(("/proc/%d/syscall"):format(tid))
  local calls = EPOLL_CALLS[sys.machine()] or {}
  return calls[tonumber((text or ""):match("^%d+"))] or false
end

local function thread_of(view, e)
  local t = view.threads[e.tid] or {}
  view.threads[e.tid] = t
  return t
end

-- each connection is a row: a long run with many shares the last one
local MOST_ROWS = 20000

local function row_of(view, e)
  local key = ("%d:%d:%d"):format(e.tid, e.fd, e.inode)
  local row = view.by_key[key]
  if not row and #view.list >= MOST_ROWS then
    key, e = "rest", { tid = 0, comm = "", fd = -1, file = "(all others)" }
    row = view.by_key[key]
  end
  if not row then
    row = { tid = e.tid, comm = e.comm, fd = e.fd, wakes = 0, useless = 0, answered = 0, sum = 0,
      max = 0, file = (e.file:gsub("^(%S+ %S+ %S+) %S+$", "%1")) }
    view.by_key[key] = row
    table.insert(view.list, row)
  end
  return row
end

local function listener_of(view, e)
  local l = view.listeners[e.inode]
  if not l then
    l = { file = e.file, threads = {}, fds = {}, n_threads = 0, wakes = 0, connections = 0, useless = 0,
      exclusive = true }
    view.listeners[e.inode] = l
  end
  return l
end

local function useless(wake)
  wake.row.useless = wake.row.useless + 1
  if wake.listener then
    wake.listener.useless = wake.listener.useless + 1
  end
end

local function add_listener_wake(view, e)
  local l = listener_of(view, e)
  l.wakes = l.wakes + 1
  l.n_threads = l.n_threads + (l.threads[e.tid] and 0 or 1)
  l.threads[e.tid], l.fds[e.fd] = true, true
  l.exclusive = l.exclusive and e.wanted & EXCLUSIVE ~= 0
  return l
end

local HANDLERS = {}

-- woken
HANDLERS[1] = function(view, t, e)
  e.file = socket.words(e.socket) or kind_of(view, e)
  if t.wake and (t.wake.known == 1 or t.in_epoll) then
    useless(t.wake)                  -- it slept again, and that event was lost
  elseif t.wake then
    t.wake.row.wakes = t.wake.row.wakes - 1  -- perhaps in poll(), which watches the epoll file
  end
  e.row = row_of(view, e)
  e.row.wakes = e.row.wakes + 1
  e.listener = socket.listens(e.socket) and add_listener_wake(view, e) or nil
  t.wake, t.last = e, nil
  local context = context_of(e)
  return { event = "woken", waker = e.waker, waker_tid = e.waker_tid, context = context, file = e.file,
    detail = ("%s by %s (%d) in %s: %s"):format(e.file, fmt.safe(e.waker), e.waker_tid, context,
      bits_of(e.bits)) }
end

local function answer(view, t, e)
  local wake, latency = t.wake, nanoseconds(t.wake.ns, e.ns)
  t.wake = nil
  if e.known == 0 then
    view.moved = view.moved + 1
  end
  return wake, latency, e.known == 0 and " (the fd is another file by now)" or ""
end

-- epoll_wait returned
HANDLERS[2] = function(view, t, e)
  t.in_epoll = true
  if not t.wake then
    local n = e.count > 0 and "ready" or e.count == 0 and "timeouts" or "failed"
    view[n] = view[n] + 1
    return nil
  end
  local wake, latency, note = answer(view, t, e)
  local row, nothing = wake.row, e.count == 0
  row.answered, row.sum, row.max = row.answered + 1, row.sum + latency, math.max(row.max, latency)
  t.last = wake
  if nothing then
    useless(wake)
  end
  local what = nothing and "nothing to do" or e.count == EINTR and "interrupted"
    or e.count < 0 and "error " .. -e.count or e.count == 1 and "1 event" or e.count .. " events"
  return { event = "return", count = e.count, latency_us = latency / 1000, useless = nothing and 1 or 0,
    detail = ("%s after %.0f us%s"):format(what, latency / 1000, note) }
end

-- asleep again
HANDLERS[3] = function(view, t, e)
  if not t.wake then
    return nil
  end
  local wake, latency, note = answer(view, t, e)
  if wake.known == 0 and not t.in_epoll and not in_epoll_wait(e.tid) then
    wake.row.wakes = wake.row.wakes - 1
    return { event = "sleep", detail = "not in epoll_wait: not counted" }
  end
  useless(wake)
  return { event = "sleep", latency_us = latency / 1000, useless = 1,
    detail = ("after %.0f us, with nothing to do%s"):format(latency / 1000, note) }
end

-- accept
HANDLERS[4] = function(view, t, e)
  local wake = t.last and t.last.fd == e.fd and t.last.inode == e.inode and t.last or nil
  if e.count >= 0 then
    if wake then wake.served = true end
    if view.listeners[e.inode] then
      view.listeners[e.inode].connections = view.listeners[e.inode].connections + 1
    end
    local file = socket.words(e.socket) or "socket"
    return { event = "accept", count = e.count, file = file, detail = ("fd %d: %s"):format(e.count, file) }
  end
  local nothing = e.count == EAGAIN and wake and not wake.served
  if nothing then
    useless(wake)
    wake.served = true
  end
  return { event = "accept", count = e.count, useless = nothing and 1 or 0,
    detail = (e.count == EAGAIN and "EAGAIN" or "error " .. -e.count)
      .. (nothing and ": woken with nothing to do" or "") }
end

HANDLERS[5] = function(_, _, e)
  local file = socket.words(e.socket)
  return { event = "close", file = file, detail = file }
end

HANDLERS[6] = function(_, _, e)
  local name = sys.usym(e.tgid, e.address)
  return { event = "call", count = e.bits, detail = ("%s bits 0x%x"):format(
    fmt.safe(name or ("0x%x"):format(e.address)), e.bits) }
end

--- A new one. opts: row, a function that is called with a row for each event; numbers, whether it
--- gets fd as a number, and nothing where there is none.
function M.new(opts)
  return setmetatable({ opts = opts, start = sys.monotonic_ns(), waiting = {}, threads = {}, by_key = {},
    list = {}, listeners = {}, ready = 0, timeouts = 0, failed = 0, moved = 0, odd = 0 }, View)
end

--- Takes an event, in any order.
function View:add(e)
  table.insert(self.waiting, e)
end

local function show(view, e)
  local row = HANDLERS[e.kind](view, thread_of(view, e), e)
  if row and view.opts.row then
    row.time, row.tgid, row.tid, row.comm = (e.ns - view.start) / 1e9, e.tgid, e.tid, e.comm
    row.fd = e.fd >= 0 and (view.opts.numbers and e.fd or tostring(e.fd)) or not view.opts.numbers and "-"
      or nil
    view.opts.row(row)
  end
end

--- Works on the events up to time `until_ns` (of all), oldest first.
function View:flush(until_ns)
  local now, later = {}, {}
  for _, e in ipairs(self.waiting) do
    table.insert((not until_ns or e.ns <= until_ns) and now or later, e)
  end
  self.waiting = later
  table.sort(now, function(a, b) return a.ns < b.ns end)
  for _, e in ipairs(now) do
    show(self, e)
  end
end

local function keys(set)
  local list = {}
  for k in pairs(set) do list[#list + 1] = k end
  table.sort(list)
  return table.concat(list, ",")
end

local function herds(view)
  local list = {}
  for _, l in pairs(view.listeners) do
    if l.n_threads > 1 and l.useless > 0 and l.wakes > l.connections then
      table.insert(list, l)
    end
  end
  table.sort(list, function(a, b)
    return a.useless > b.useless or (a.useless == b.useless and a.file < b.file)
  end)
  return list
end

--- The summary as a list of tables, those with event="herd" last.
function View:rows()
  local list = {}
  table.sort(self.list, function(a, b)
    if a.wakes ~= b.wakes then return a.wakes > b.wakes end
    return a.tid < b.tid or (a.tid == b.tid and a.fd < b.fd)
  end)
  for _, r in ipairs(self.list) do
    list[#list + 1] = { event = "summary", tid = r.tid, comm = r.comm, fd = r.fd, file = r.file,
      wakes = r.wakes, useless = r.useless, avg_us = r.answered > 0 and r.sum / r.answered / 1000 or nil,
      max_us = r.answered > 0 and r.max / 1000 or nil }
  end
  for _, l in ipairs(herds(self)) do
    list[#list + 1] = { event = "herd", file = l.file, fds = keys(l.fds), threads = l.n_threads,
      wakes = l.wakes, connections = l.connections, useless = l.useless, exclusive = l.exclusive }
  end
  return list
end

local function print_herd(r)
  local times = r.wakes ~= r.threads and (" %d times"):format(r.wakes) or ""
  print(("herd: fd %s (%s) woke %d threads%s for %d connection%s, %d useless%s"):format(r.fds, r.file,
    r.threads, times, r.connections, r.connections == 1 and "" or "s", r.useless,
    r.exclusive and "" or "; without EPOLLEXCLUSIVE"))
end

local function notes(view)
  local n = 0
  for _, t in pairs(view.threads) do n = n + (t.wake and 1 or 0) end
  if view.ready + view.timeouts + view.failed > 0 then
    print(("epoll_wait also returned without being woken by a file: %d with events that were there, %d"
      .. " at its time limit, %d with errors"):format(view.ready, view.timeouts, view.failed))
  end
  for _, row in ipairs{ { n, "wake-ups had not been answered at the end" },
    { view.moved, "times the fd was another file when its thread ran" },
    { view.odd, "wake-ups came from files that were not understood" } } do
    if row[1] > 0 then print(("%d %s"):format(row[1], row[2])) end
  end
end

--- Prints the summary, at most `top` lines of threads and files.
function View:print(top)
  local rows, rest = self:rows(), { n = 0, wakes = 0, useless = 0 }
  print(("\n%-7s %-15s %4s %7s %7s %9s %9s  %s"):format("TID", "COMM", "FD", "WAKES", "USELESS",
    "AVG_us", "MAX_us", "FILE"))
  for i, r in ipairs(rows) do
    if r.event == "herd" then
      print_herd(r)
    elseif i <= top then
      print(("%-7d %-15s %4d %7d %7d %9s %9s  %s"):format(r.tid, fmt.safe(r.comm), r.fd, r.wakes,
        r.useless, r.avg_us and ("%.1f"):format(r.avg_us) or "-",
        r.max_us and ("%.1f"):format(r.max_us) or "-", r.file))
    else
      rest.n, rest.wakes, rest.useless = rest.n + 1, rest.wakes + r.wakes, rest.useless + r.useless
    end
  end
  if rest.n > 0 then
    print(("... and %d more with %d wakes, %d useless"):format(rest.n, rest.wakes, rest.useless))
  end
  notes(self)
end

return M
