-- SPDX-License-Identifier: Apache-2.0
-- time: clocks, stamps and durations.
--
-- Kernel probes stamp events with bpf_ktime_get_ns, the monotonic clock in nanoseconds since
-- boot. The host offers both clocks in its module sys; without it (plain Lua) only whole
-- seconds of wall time are known.

local M = {}

local NS = 1000000000
local LONG_UNITS = { [""] = 1, s = 1, m = 60, h = 3600, d = 86400 }
local SHORT_UNITS = { ms = 1e3, us = 1e6, ns = 1e9 }
local LONGEST = 100 * 365 * 86400

local offset_ns

local function clock()
  local found, sys = pcall(require, "sys")
  return found and type(sys) == "table" and sys.monotonic_ns and sys.realtime_ns and sys or nil
end

--- Wall time in nanoseconds since 1970, an integer.
function M.now_ns()
  local c = clock()
  return c and c.realtime_ns() or os.time() * NS
end

--- Wall time in seconds since 1970: a float, or whole seconds where the host has no clock.
function M.now()
  local c = clock()
  return c and c.realtime_ns() / NS or os.time()
end

--- Monotonic nanoseconds, as bpf_ktime_get_ns counts; or nil, message, "ENOSYS".
function M.monotonic_ns()
  local c = clock()
  if not c then
    return nil, "this host offers no monotonic clock", "ENOSYS"
  end
  return c.monotonic_ns()
end

-- wall minus monotonic; the reading with the smallest gap around it wins
local function measure_offset(c)
  local best, best_gap
  for _ = 1, 5 do
    local before = c.monotonic_ns()
    local wall = c.realtime_ns()
    local gap = c.monotonic_ns() - before
    if not best or gap < best_gap then
      best, best_gap = wall - (before + gap // 2), gap
    end
  end
  return best
end

--- Nanoseconds to add to a ktime stamp to get wall time; measured once, again if renew is
--- true (after the wall clock was set); or nil, message, "ENOSYS".
function M.ktime_offset(renew)
  if offset_ns and not renew then
    return offset_ns
  end
  local c = clock()
  if not c then
    return nil, "this host offers no monotonic clock", "ENOSYS"
  end
  offset_ns = measure_offset(c)
  return offset_ns
end

--- Wall time in nanoseconds since 1970 of a ktime stamp; offset as ktime_offset() returns it,
--- which is asked where none is given; or nil, message, "ENOSYS".
function M.ktime_to_wall(ns, offset)
  if not offset then
    local msg, code
    offset, msg, code = M.ktime_offset()
    if not offset then
      return nil, msg, code
    end
  end
  return ns + offset
end

local function fraction(ns, digits)
  digits = digits or 0
  if digits < 0 or digits > 9 then
    error("time: digits must be 0 to 9", 4)
  end
  return digits == 0 and "" or "." .. ("%09d"):format(ns % NS):sub(1, digits)
end

-- seconds, integer or float, as nanoseconds; now where nil
local function to_ns(t)
  if t == nil then
    return M.now_ns()
  end
  return math.type(t) == "integer" and t * NS or math.floor(t * 1e6 + 0.5) * 1000
end

--- "HH:MM:SS" in local time of wall nanoseconds, with digits decimals (0 unless told).
function M.stamp_ns(ns, digits)
  return os.date("%H:%M:%S", ns // NS) .. fraction(ns, digits)
end

--- "HH:MM:SS" in local time of t seconds since 1970, now unless given. Floats are good to
--- the microsecond.
function M.stamp(t, digits)
  return M.stamp_ns(to_ns(t), digits)
end

--- ISO 8601 in local time with the zone, "2024-05-01T12:34:56+02:00", of wall nanoseconds.
function M.iso_ns(ns, digits)
  local zone = os.date("%z", ns // NS):gsub("^([+-]%d%d)(%d%d)$", "%1:%2")
  return os.date("%Y-%m-%dT%H:%M:%S", ns // NS) .. fraction(ns, digits) .. zone
end

--- ISO 8601 of t seconds since 1970, now unless given.
function M.iso(t, digits)
  return M.iso_ns(to_ns(t), digits)
end

--- "5", "5s", "1.5", "100ms", "250us", "50ns", "2m", "1h", "1d" as seconds: an integer where
--- whole, else a float. nil, message, "EINVAL" for anything else, "ERANGE" above 100 years.
function M.parse_duration(text)
  local number, unit = tostring(text):match("^([%d.]+)(%a*)$")
  local value = number and tonumber(number .. "e0")
  if not value or not (LONG_UNITS[unit] or SHORT_UNITS[unit]) then
    return nil, "not a duration", "EINVAL"
  end
  value = value * (LONG_UNITS[unit] or 1.0) / (SHORT_UNITS[unit] or 1)
  if value > LONGEST then
    return nil, "a duration of more than 100 years", "ERANGE"
  end
  return math.tointeger(value) or value
end

return M
