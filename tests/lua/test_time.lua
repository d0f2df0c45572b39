-- SPDX-License-Identifier: Apache-2.0
-- run sets TZ to five and a half hours east of UTC.

local check = require "check"

local clock = { mono = 5000000000, real = 1714566896000000000, step = 0 }

function clock.monotonic_ns()
  clock.mono = clock.mono + clock.step
  return clock.mono
end

function clock.realtime_ns()
  return clock.real
end

local time = require "time"

local function without_clock()
  package.preload.sys, package.loaded.sys = nil, nil
end

local function with_clock()
  package.preload.sys = function() return clock end
end

check.describe("stamps", function()
  check.equal(time.stamp(0), "05:30:00")
  check.equal(time.stamp(1714566896), "18:04:56")
  check.equal(time.stamp(1714566896.25, 3), "18:04:56.250")
  check.equal(time.stamp_ns(1714566896123456789, 9), "18:04:56.123456789", "exact")
  check.equal(time.stamp_ns(1714566896999999999), "18:04:56", "cut, not rounded")
  check.equal(time.iso(1714566896), "2024-05-01T18:04:56+05:30")
  check.equal(time.iso(1714566896.5, 1), "2024-05-01T18:04:56.5+05:30")
  check.equal(time.iso_ns(1714566896000000001, 9), "2024-05-01T18:04:56.000000001+05:30")
  check.equal(time.stamp_ns(-1, 9), "05:29:59.999999999", "before 1970")
  check.raises(function() time.stamp(0, 10) end, "digits must be 0 to 9")
end)

check.describe("plain Lua", function()
  without_clock()
  local before, now, after = os.time(), time.now(), os.time()
  check.equal(math.type(now), "integer")
  check.ok(before <= now and now <= after, "now")
  check.ok(math.abs(time.now_ns() - os.time() * 1000000000) <= 1000000000, "now_ns")
  check.ok(time.stamp():match("^%d%d:%d%d:%d%d$"), "stamp of now")
  check.ok(time.iso():match("^%d+-%d%d%-%d%dT%d%d:%d%d:%d%d%+05:30$"), "iso of now")
  for name, fn in pairs { monotonic = time.monotonic_ns, offset = time.ktime_offset,
    wall = function() return time.ktime_to_wall(1) end } do
    local value, message, code = fn()
    check.equal(value, nil, name)
    check.equal(message, "this host offers no monotonic clock", name)
    check.equal(code, "ENOSYS", name)
  end
  check.equal(time.ktime_to_wall(5, 100), 105, "an offset given")
  package.loaded.sys = { getpid = true }
  check.equal(time.monotonic_ns(), nil, "a 'sys' of another kind")
  without_clock()
end)

check.describe("with the host's clock", function()
  with_clock()
  check.equal(time.now_ns(), 1714566896000000000)
  check.equal(time.now(), 1714566896.0)
  check.equal(time.monotonic_ns(), 5000000000)
  check.equal(time.ktime_offset(), 1714566891000000000)
  check.equal(time.ktime_to_wall(5000000001), 1714566896000000001)
  clock.real = clock.real + 1000
  check.equal(time.ktime_offset(), 1714566891000000000, "measured once")
  check.equal(time.ktime_offset(true), 1714566891000001000, "and again when asked")
  clock.step = 10
  clock.mono = 4999999990
  check.equal(time.ktime_offset(true), 1714566896000001000 - 5000000005, "the middle of the gap")
  without_clock()
end)

check.describe("durations", function()
  local good = {
    ["5"] = 5, ["5s"] = 5, ["1.5"] = 1.5, ["100ms"] = 0.1, ["1000ms"] = 1, ["2m"] = 120,
    ["1h"] = 3600, ["1d"] = 86400, ["1.5h"] = 5400, ["250us"] = 0.00025, ["50ns"] = 5e-8,
    ["0"] = 0, [".5"] = 0.5, ["0.1"] = 0.1, ["36500d"] = 36500 * 86400,
  }
  for text, want in pairs(good) do
    check.equal(time.parse_duration(text), want, text)
  end
  local bad = { "", "s", "5x", "-5", "+5", "1e3", "0x10", "5 s", " 5", "1.2.3", ".", "5ss",
    "inf", "nan", "5S", "\0", "1_000" }
  for _, text in ipairs(bad) do
    local value, message, code = time.parse_duration(text)
    check.equal({ value, message, code }, { nil, "not a duration", "EINVAL" }, ("%q"):format(text))
  end
  for _, text in ipairs { "36501d", "9223372036854775807d", "99999999999999999999",
    ("9"):rep(400) } do
    check.equal(select(3, time.parse_duration(text)), "ERANGE", text:sub(1, 20))
  end
end)

check.finish()
