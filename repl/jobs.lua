-- SPDX-License-Identifier: Apache-2.0
-- jobs: what runs while you type: live probes, timers, scripts in the background.

local console = require "console"
local fmt = require "fmt"
local pretty = require "repl.pretty"
local sys = require "sys"

local M = {}

local SAMPLES = 24
local SIGINT, SIGTERM, SIGKILL = 2, 15, 9
local every, after = every, after

local paint = pretty.painter(false)
local list, next_number = {}, 1
local unannounced = {}
local sampling = false

-- ---- the list ----

local function is_running(job)
  return job.kind ~= "probe" or job.handle.running
end

-- those that run; handles may end by themselves (for_)
local function running()
  local found = {}
  for _, job in ipairs(list) do
    if is_running(job) then
      found[#found + 1] = job
    end
  end
  list = found
  return found
end

local function hits(job)
  if job.kind ~= "probe" then
    return job.count
  end
  local known, n = pcall(job.handle.hits, job.handle)
  return known and n or job.hits or 0
end

local function sample()
  for _, job in ipairs(running()) do
    local now = hits(job)
    job.rates[#job.rates + 1] = math.max(0, now - (job.hits or 0))
    if #job.rates > SAMPLES then
      table.remove(job.rates, 1)
    end
    job.hits = now
  end
end

local function add(job)
  job.number = next_number
  job.started = sys.monotonic_ns()
  job.rates, job.count = {}, 0
  next_number = next_number + 1
  list[#list + 1] = job
  if not sampling then
    sampling = true
    every(1, sample)
  end
  return job
end

local function remove(job)
  for i, other in ipairs(list) do
    if other == job then
      table.remove(list, i)
      return
    end
  end
end

--- The job with this number, or nil.
function M.find(number)
  for _, job in ipairs(running()) do
    if job.number == number then
      return job
    end
  end
  return nil
end

--- Live handles of module probe, oldest first.
function M.handles()
  local found = {}
  for _, job in ipairs(running()) do
    found[#found + 1] = job.kind == "probe" and job.handle or nil
  end
  return found
end

-- ---- showing ----

local function mark(job)
  return paint("dim", ("[%d]"):format(job.number))
end

local function describe(job)
  if job.kind == "probe" then
    local h = job.handle
    return ("%s %s"):format(h.kind or "probe", h.spec or "")
  end
  return job.text
end

--- "[2] count kprobe:tcp_*"
function M.label(job)
  return mark(job) .. " " .. describe(job)
end

local function age(job)
  local s = (sys.monotonic_ns() - job.started) // 1000000000
  return s < 3600 and ("%d:%02d"):format(s // 60, s % 60)
    or ("%d:%02d:%02d"):format(s // 3600, s // 60 % 60, s % 60)
end

--- The lines of :jobs.
function M.lines(width)
  local rows = {}
  for _, job in ipairs(running()) do
    local rate = job.rates[#job.rates]
    local what = describe(job)
    local shown = width < 100 and 14 or SAMPLES
    local room = math.max(12, width - 28 - shown)
    if #what > room then
      what = what:sub(1, room - 3) .. "..."
    end
    local last = table.move(job.rates, math.max(1, #job.rates - shown + 1), #job.rates, 1, {})
    rows[#rows + 1] = ("%s %-" .. math.min(room, 48) .. "s %8s %9s  %s"):format(mark(job), what,
      age(job), rate and fmt.si(rate) .. "/s" or "", pretty.sparkline(last, console.utf8()))
  end
  return rows
end

--- Says which handles the last input made; returns the set of them.
function M.announce()
  local made = {}
  for _, job in ipairs(unannounced) do
    made[job.handle] = true
    local h = job.handle
    local probes = h.n and ("  (%d probe%s)"):format(h.n, h.n == 1 and "" or "s") or ""
    print(("%s %s%s"):format(mark(job), describe(job), paint("dim", probes)))
  end
  unannounced = {}
  return made
end

-- ---- timers ----

local function timer_job(text, fn)
  local job = add{ kind = "timer", text = text }
  job.handle = setmetatable({ stop = function() M.stop(job) end },
    { __tostring = function() return ("[%d] %s"):format(job.number, text) end })
  return job, function(...)
    if job.stopped then
      return console.done
    end
    job.count = job.count + 1
    fn(...)
    return nil
  end
end

local function checked(seconds, fn, least)
  if math.type(seconds) == nil or type(fn) ~= "function" then
    error("seconds and a function are needed", 3)
  elseif not (seconds >= least and seconds <= 1e9) then
    error(("seconds are from %g to 1e9"):format(least), 3)
  end
end

--- every(seconds, fn): a job; its value has stop().
function M.every(seconds, fn)
  checked(seconds, fn, 0.001)
  local job, tick = timer_job(("every %.14g s"):format(seconds), fn)
  every(seconds, tick)
  return job.handle
end

--- after(seconds, fn): a job until it has fired.
function M.after(seconds, fn)
  checked(seconds, fn, 0)
  local job, tick = timer_job(("after %.14g s"):format(seconds), fn)
  after(seconds, function()
    remove(job)
    tick()
  end)
  return job.handle
end

-- ---- scripts ----

--- Runs a script of ours, or a file, with its arguments in the background.
function M.run(words)
  local job = add{ kind = "script", text = table.concat(words, " ") }
  job.child = console.spawn(words, function(line)
    job.count = job.count + 1
    print(mark(job) .. " " .. line)
  end, function(status, how)
    remove(job)
    print(("%s %s"):format(mark(job), paint("dim",
      job.text .. (status == 0 and " has ended" or ": " .. how))))
  end)
  print(("%s %s"):format(mark(job), job.text))
end

-- ---- the end ----

--- Stops a job; what a handle has counted is returned to be shown.
function M.stop(job)
  if job.kind == "script" then
    job.child:signal(job.asked and SIGTERM or SIGINT)
    job.asked = true
    return nil
  end
  remove(job)
  job.stopped = true
  if job.kind == "probe" then
    job.handle:stop()
    return job.handle
  end
  return nil
end

function M.running()
  return running()
end

local function children_left()
  for _, job in ipairs(list) do
    if job.kind == "script" then
      return true
    end
  end
  return false
end

local function signal_children(signo)
  for _, job in ipairs(list) do
    if job.kind == "script" then
      job.child:signal(signo)
    end
  end
end

--- Scripts get two seconds to say their last; all else ends with the process.
function M.finish()
  signal_children(SIGINT)
  for _ = 1, 40 do
    if not children_left() then
      return
    end
    local _, why = console.key(0.05)
    if why == "stopped" then
      break
    end
  end
  signal_children(SIGKILL)
end

--- Once: new handles of module probe become jobs.
function M.start(painter)
  paint = painter
  local found, probe = pcall(require, "probe")
  if found and probe.on_new then
    probe.on_new(function(handle)
      unannounced[#unannounced + 1] = add{ kind = "probe", handle = handle }
    end)
  end
end

return M
