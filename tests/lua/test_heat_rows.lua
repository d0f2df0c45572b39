-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
local rows = require "heat_rows"

-- rows of a text; or nil, message
local function read(text, opts)
  local list = {}
  local done, message = rows.read(text:gmatch("[^\n]+"), opts or {}, list)
  return done and list, message
end

local function plain(text, opts)
  local list = assert(read(text, opts))
  list.skipped, list.binned = nil, nil
  return list
end

check.describe("columns", function()
  check.equal(plain("1 5\n2.5\t0\n3,9\n"), { { 1, 3, 1 }, { 2.5, 0, 1 }, { 3, 4, 1 } })
  check.equal(plain("x 5 1\nx 6 2", { time = "3", value = "2" }), { { 1, 3, 1 }, { 2, 3, 1 } }, "by number")
  check.equal(plain("1 5 9", { count = "3" }), { { 1, 3, 9 } }, "counts")
  check.equal(read("1 5\nnonsense\n2\n3 -1\n4 1e30\n").skipped, 4, "what is none")
  check.equal(read("").skipped, 0)
end)

check.describe("values", function()
  check.equal(plain("1000 5", { scale = 1e-3, multiply = 1000 }), { { 1.0, 13, 1 } })
  check.equal(plain("1 34\n2 35\n3 4", { step = 10, min = 5 }), { { 1, 2, 1 }, { 2, 3, 1 } }, "linear")
  check.equal(plain("1 0.7\n2 9e18"), { { 1, 0, 1 }, { 2, 63, 1 } })
end)

check.describe("CSV", function()
  check.equal(plain('time,name,us\n1,"a, ""b""",5\n2,,6\n', { value = "us" }), { { 1, 3, 1 }, { 2, 3, 1 } })
  check.equal(plain("time,unit,lo,hi,count\n7,usecs,4,7,11\n"), { { 7, 3, 11 } }, "distributions")
  check.equal(read("time,lo,count\n7,4,11\n").binned, true)
  check.equal({ read("time,a,b\n1,2,3\n") }, { nil,
    "which column is the value? --value is one of 1, 2, 3, a, b, time" })
  check.equal({ read("t,a\n1,2\n", { value = "a" }) }, { nil,
    "which column is the time? --time is one of 1, 2, a, t" })
  check.equal({ read("time,a\n1,2\n", { value = "c" }) }, { nil, "no column 'c': there are 1, 2, a, time" })
end)

check.describe("JSON", function()
  check.equal(plain('{"time":1,"x":{"y":[1,{}]},"s":"a\\"}","us":5}\n{"us":6,"time":2}', { value = "us" }),
    { { 1, 3, 1 }, { 2, 3, 1 } })
  check.equal(plain('{"buckets":[{"count":3,"hi":7,"lo":4},{"count":1,"hi":9,"lo":8}],"time":5}'),
    { { 5, 3, 3 }, { 5, 4, 1 } }, "distributions")
  for _, broken in ipairs{ '{"time":1,',
    '{"time"', '{', '{"time":1,"us":', '{"a":"x', ("["):rep(100), '{"a":' .. ("["):rep(50) } do
    check.equal(plain('{"time":1,"us":5}\n' .. broken .. '\n{"time":2,"us":5}', { value = "us" }),
      { { 1, 3, 1 }, { 2, 3, 1 } }, broken:sub(1, 20))
  end
end)

check.describe("times", function()
  local function at(text) return plain("time,us\n" .. text .. ",1\n", { value = "us" })[1][1] end
  check.equal(at("2026-01-02T03:04:05Z"), 1767323045.0)
  check.equal(at("2026-01-02T03:04:05.5+00:00"), 1767323045.5)
  check.equal(at("2026-01-02T05:34:05+02:30"), 1767323045.0)
  check.equal(at("2026-01-01T22:04:05-0500"), 1767323045.0)
  check.equal(at("2026-01-02 08:34:05"), 1767323045, "here")
  check.equal(os.date("%H:%M:%S", math.floor(at("12:34:56.75"))), "12:34:56", "today")
  check.equal(at("12:34:56.75") % 1, 0.75)
end)

check.finish()
