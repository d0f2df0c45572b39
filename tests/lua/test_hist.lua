-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
local hist = require "hist"

local MIN, MAX = math.mininteger, math.maxinteger

local function lines(text)
  local list = {}
  for line in text:gmatch("([^\n]*)\n") do
    list[#list + 1] = line
  end
  return list
end

local FULL = ("*"):rep(40)

check.describe("slot and bounds", function()
  check.equal(hist.slot(0), 0)
  check.equal(hist.slot(1), 1)
  check.equal(hist.slot(2), 2)
  check.equal(hist.slot(3), 2)
  check.equal(hist.slot(4), 3)
  check.equal(hist.slot(MAX), 63)
  check.equal(hist.slot(MIN), 64, "2^63")
  check.equal(hist.slot(-1), 64, "2^64-1")
  check.equal({ hist.bounds(0) }, { 0, 0 })
  check.equal({ hist.bounds(1) }, { 1, 1 })
  check.equal({ hist.bounds(3) }, { 4, 7 })
  check.equal({ hist.bounds(63) }, { 1 << 62, MAX })
  check.equal({ hist.bounds(64) }, { MIN, -1 })
  for slot = 0, 64 do
    local lo, hi = hist.bounds(slot)
    check.equal({ hist.slot(lo), hist.slot(hi) }, { slot, slot }, "both ends of " .. slot)
    if slot < 64 then
      check.equal((hist.bounds(slot + 1)), hi + 1, "no hole above " .. slot)
    end
  end
  for _, slot in ipairs { -1, 65, 1.5, "1" } do
    check.raises(function() hist.bounds(slot) end, "a slot is an integer from 0 to 64")
  end
end)

check.describe("log2 text", function()
  local slots = { [0] = 1, [1] = 5, [3] = 10 }
  check.equal(hist.log2(slots, { label = "usecs", stats = false }), table.concat({
    "     usecs               : count     distribution",
    "         0 -> 0          : 1        |" .. ("*"):rep(4) .. (" "):rep(36) .. "|",
    "         1 -> 1          : 5        |" .. ("*"):rep(20) .. (" "):rep(20) .. "|",
    "         2 -> 3          : 0        |" .. (" "):rep(40) .. "|",
    "         4 -> 7          : 10       |" .. FULL .. "|",
  }, "\n") .. "\n")
  local text = hist.log2({ [5] = 1 }, { label = "ms", strip_leading_zero = false, stats = false })
  check.equal(#lines(text), 7, "all slots below, on demand")
  check.contains(text, "     ms                  : count")
  check.equal(#lines(hist.log2({ [5] = 1 }, { stats = false })), 2, "stripped")
  check.contains(hist.log2({ [5] = 1 }), "     value               : count")
  check.contains(hist.log2({ [5] = 1, width = 10 }), ": 1        |**********|\n")
end)

check.describe("alignment", function()
  local text = hist.log2({ [0] = 1, [64] = 123456789012, [33] = 1 << 62, stats = false })
  local list = lines(text)
  check.contains(text, "9223372036854775808 -> 18446744073709551615 : 123456789012")
  local colon, bar = list[2]:find(" : ", 1, true), list[2]:find("|", 1, true)
  for i = 2, #list do
    if list[i]:find(" : ", 1, true) ~= colon or list[i]:find("|", 1, true) ~= bar
      or #list[i] ~= #list[2] then
      check.ok(false, "row " .. i)
    end
  end
  check.equal(list[1]:find(" : ", 1, true), colon, "the title's colon")
  check.equal(list[1]:find("distribution", 1, true), bar + 1, "the title over the bar")
  check.equal(#list, 66)
  check.contains(hist.log2({ [2] = -1, [3] = 1 << 63 }),
    ": 18446744073709551615 |" .. FULL .. "|\n", "counts are u64")
  check.contains(hist.log2({ [2] = -1, [3] = 1 << 63 }),
    ": 9223372036854775808  |" .. ("*"):rep(20) .. " ")
end)

check.describe("bars", function()
  for _, max in ipairs { 1, 3, 7, 39, 40, 41, 1000, (1 << 40) - 1, 1 << 40, MAX } do
    local list = lines(hist.log2({ [1] = max, [2] = max // 2, [3] = 0, [4] = 1, stats = false }))
    for i = 2, #list do
      local bar = list[i]:match("|(%**) *|$")
      check.equal(#list[i]:match("|([* ]*)|$"), 40, ("max %d row %d"):format(max, i))
      if i == 2 then
        check.equal(#bar, 40, "the largest is full")
      end
    end
  end
  check.contains(hist.log2({ [1] = 40, [2] = 29 }), "|" .. ("*"):rep(29) .. " ", "29/40 is 29")
end)

check.describe("linear", function()
  check.equal(hist.linear({ [0] = 2, [2] = 4, label = "cpus", stats = false }), table.concat({
    "     cpus          : count     distribution",
    "        0          : 2        |" .. ("*"):rep(20) .. (" "):rep(20) .. "|",
    "        1          : 0        |" .. (" "):rep(40) .. "|",
    "        2          : 4        |" .. FULL .. "|",
  }, "\n") .. "\n")
  local text = hist.linear({ [0] = 1, [1] = 1 }, { step = 10, min = -10, stats = false })
  check.contains(text, "       -10 -> -1         : 1        |")
  check.contains(text, "         0 -> 9          : 1        |")
  text = hist.linear({ [0] = 1, [1000000000] = 1, stats = false })
  check.equal(#lines(text), 4, "a long gap is one line")
  check.contains(text, "\n         ...\n")
  check.equal(#lines(hist.linear({ [0] = 1, [17] = 1, stats = false })), 19, "a short one is not")
  check.equal(hist.quantile({ [0] = 1 }, 1, { kind = "linear", step = 10, min = -30 }), -21)
  check.equal(hist.quantile({ [0] = 1 }, 1, { kind = "linear", step = 10, min = -30, max = -25 }),
    -25, "an exact maximum")
  check.contains(hist.linear({ [0] = 1 }, { step = 10, min = -30, max = -25 }), "max -25\n")
end)

check.describe("no data", function()
  local want = "     usecs               : no data\n"
  check.equal(hist.log2({ label = "usecs" }), want)
  check.equal(hist.log2({ [3] = 0, label = "usecs" }), want, "only zeros")
  check.equal(hist.format({}, { label = "usecs", kind = "linear" }), want)
  check.equal(hist.quantile({}, 0.5), nil)
  check.equal(hist.quantile({ [3] = 0 }, 0.5), nil)
  check.equal(hist.to_table({}), { buckets = {}, count = 0, max_exact = false })
end)

-- nearest rank, the definition the estimate is held against
local function exact(values, q)
  return values[math.max(1, math.ceil(q * #values - 1e-9))]
end

local function samples(n, draw)
  local values, slots = {}, {}
  for i = 1, n do
    values[i] = draw(i)
    slots[hist.slot(values[i])] = (slots[hist.slot(values[i])] or 0) + 1
  end
  table.sort(values)
  return values, slots
end

check.describe("quantiles", function()
  math.randomseed(20240501)
  local draws = {
    uniform = function() return math.random(0, 100000) end,
    exponential = function() return math.floor(-math.log(1 - math.random()) * 5000) end,
    zeros = function(i) return i % 3 == 0 and math.random(1, 9) or 0 end,
    constant = function() return 77 end,
    wide = function() return math.random(0) >> math.random(1, 60) end,
    ramp = function(i) return i end,
  }
  for name, draw in pairs(draws) do
    for _, n in ipairs { 1, 2, 20, 1000 } do
      local values, slots = samples(n, draw)
      for _, q in ipairs { 0, 0.07, 0.29, 0.5, 0.95, 0.99, 0.999, 1 } do
        local got = hist.quantile(slots, q)
        check.equal(hist.slot(got), hist.slot(exact(values, q)),
          ("%s: P%g of %d is in the bucket of the exact one"):format(name, q * 100, n))
      end
      check.equal(hist.quantile(slots, 1, { max = values[n] }), values[n], "exact maximum")
    end
  end
end)

check.describe("quantiles by hand", function()
  check.equal(hist.quantile({ [4] = 4 }, 0.5), 12, "8 + 7/2, rounded")
  check.equal(hist.quantile({ [4] = 4 }, 0), 8)
  check.equal(hist.quantile({ [4] = 4 }, 1), 15)
  check.equal(hist.quantile({ [4] = 4 }, 1, { max = 9 }), 9, "cut at the exact maximum")
  check.equal(hist.quantile({ [4] = 4 }, 1, { max = 500 }), 15, "a maximum that contradicts")
  check.equal(hist.quantile({ [4] = 4 }, 1, { max = 1 }), 15)
  check.equal(hist.quantile({ [0] = 50, [5] = 50 }, 0.5), 0)
  check.equal(hist.quantile({ [0] = 50, [5] = 50 }, 0.75), 24)
  local _, slots = samples(1000, function(i) return i end)
  check.ok(math.abs(hist.quantile(slots, 0.5) - 500) <= 3, "uniform data: interpolation is close")
  check.ok(math.abs(hist.quantile(slots, 0.95, { max = 1000 }) - 950) <= 3)
  check.equal(hist.quantile({ [64] = 1 }, 1), -1, "2^64-1")
  check.equal(hist.quantile({ [64] = 1 }, 0), MIN, "2^63")
  check.equal(hist.quantile({ [64] = 2 }, 0.5), 0xc000000000000000, "between, above 2^63")
  check.equal(hist.quantile({ [63] = 1 }, 1), MAX, "2^63-1")
  check.equal(hist.quantile({ [64] = 1 }, 1, { max = -5 }), -5, "a u64 maximum")
  local keyed = { { key = "a", slot = 0, count = 9 }, { key = "b", slot = 1, count = 1 } }
  check.equal(hist.quantile(keyed, 1), 1, "over all keys")
  check.equal(hist.quantile({ [60] = 1 }, 1, { max = 1 << 60 }), (1 << 60) - 1, "to the integer")
  check.equal(hist.quantile({ [60] = 1 }, 1, { max = 128.0 + (1 << 59) }), 128 + (1 << 59))
  check.raises(function() hist.quantile({ [1] = 1 }, 1.5) end, "q must be 0 to 1")
  check.raises(function() hist.quantile({ [1] = 1 }) end, "q must be 0 to 1")
end)

check.describe("stats line", function()
  check.contains(hist.log2({ [4] = 4 }),
    "\n     count 4, P50 ~12, P95 ~15, P99 ~15, P99.9 ~15, max <= 15\n")
  check.contains(hist.log2({ [4] = 4, max = 13, total = 42 }),
    "\n     count 4, avg 10.5, P50 ~11, P95 ~13, P99 ~13, P99.9 ~13, max 13\n")
  check.contains(hist.log2({ [64] = 1 }), "max <= 18446744073709551615\n")
  check.ok(not hist.log2({ [4] = 4, stats = false }):find("count 4", 1, true), "switched off")
end)

check.describe("several keys", function()
  local data = {
    { key = "sdb", slot = 3, count = 1 }, { key = "sda", slot = 3, count = 2 },
    { key = "sda", slot = 3, count = 3 }, { key = "sdb", slot = 1, count = 100 },
  }
  local text = hist.format(data, { section = "disk" })
  check.equal(text:match("^[^\n]*"), "disk = sdb", "busiest first")
  check.contains(text, "\n\ndisk = sda\n", "a blank line between")
  check.contains(text, "         4 -> 7          : 5        |" .. FULL, "the same slot adds up")
  text = hist.format(data, { sort = "key" })
  check.equal(text:match("^[^\n]*"), "sda", "by key, no section word")
  text = hist.format(data, { key = function(k) return k:upper() .. "!" end })
  check.equal(text:match("^[^\n]*"), "SDB!")
  check.equal(hist.format(data, { key = "<%s>" }):match("^[^\n]*"), "<sdb>")
  text = hist.format({ { key = 10, slot = 1, count = 1 }, { key = 9, slot = 1, count = 1 } },
    { sort = "key" })
  check.equal(text:match("^[^\n]*"), "9", "numbers sort as numbers")
  text = hist.format({ { key = "a\27[2J", slot = 1, count = 1 } })
  check.equal(text:match("^[^\n]*"), "a\\x1b[2J", "hostile key")
  text = hist.format(data, { total = { sda = 25, sdb = 101 }, max = { sda = 6 } })
  check.contains(text, "count 5, avg 5.0,")
  check.contains(text, "max 6\n")
  check.contains(text, "count 101, avg 1.0,")
  check.contains(text, "max <= 7\n")
  text = hist.format({ { key = "a", slot = 1, count = 0 }, { key = "b", slot = 1, count = 1 } })
  check.contains(text, "\na\n     value               : no data\n")
end)

check.describe("map snapshots", function()
  local want = hist.format({ [1] = 5, [2] = 6 })
  check.equal(hist.format({ { 1, 5 }, { 2, 6 } }), want, "plain keys")
  check.equal(hist.format({ { { slot = 1 }, 5 }, { { slot = 2 }, 6 } }), want, "struct of a slot")
  check.equal(hist.format({ { key = 1, value = 5 }, { key = 2, value = 6 } }), want)
  check.equal(hist.format({ { slot = 1, count = 5 }, { slot = 2, count = 6 } }), want)
  check.equal(hist.format({ [1] = 5.0, [2] = 6 }), want, "whole floats")
  local map = { snapshot = function() return { { { key = "x", slot = 1 }, 5 } } end }
  check.equal(hist.format(map, {}):match("^[^\n]*"), "x")
  check.equal(hist.format({ { { pid = 7, comm = "sh", slot = 1 }, 5 } }):match("^[^\n]*"),
    "comm=sh, pid=7", "other fields make the key")
  check.equal(hist.format({ { { key = 1, cpu = 2, slot = 1 }, 5 } }):match("^[^\n]*"),
    "cpu=2, key=1")
  local pid = function(k) return k.pid end
  check.equal(hist.format({ { { pid = 7, comm = "sh", slot = 1 }, 5 },
    { { pid = 7, comm = "ls", slot = 1 }, 6 } }, { key = pid, stats = false }),
    "7\n" .. hist.format({ [1] = 11 }, { stats = false }), "keys of one title add up")
  local denied = { nil, "read map 'x': Permission denied", "EPERM" }
  local failing = { snapshot = function() return table.unpack(denied, 1, 3) end }
  for name, call in pairs { format = hist.format, print = hist.print, to_table = hist.to_table } do
    check.equal({ call(failing, {}) }, denied, name)
  end
  check.equal({ hist.quantile(failing, 0.5, {}) }, denied)
end)

check.describe("tables", function()
  local t = hist.to_table({ [0] = 1, [2] = 3, label = "us", total = 9 })
  check.equal(t.buckets, { { lo = 0, hi = 0, count = 1 }, { lo = 2, hi = 3, count = 3 } })
  check.equal({ t.count, t.p50, t.max, t.max_exact, t.avg, t.unit }, { 4, 2, 3, false, 2.25, "us" })
  t = hist.to_table({ [64] = 2 })
  check.equal(t.buckets, { { lo = 0x1p63, hi = 0x1p64, count = 2 } }, "no negative number in JSON")
  check.ok(t.p50 > 0 and t.max == 0x1p64)
  t = hist.to_table({ { key = "b", slot = 1, count = 1 }, { key = "a", slot = 1, count = 9 } })
  check.equal({ #t, t[1].key, t[2].key, t[1].count }, { 2, "a", "b", 9 })
  t = hist.to_table({ { key = "b", slot = 1, count = 1 } })
  check.equal({ #t, t[1].key }, { 1, "b" }, "one key is a list, too")
  t = hist.to_table({ [1] = 1 }, { kind = "linear", min = -5 })
  check.equal(t.buckets, { { lo = -4, hi = -4, count = 1 } }, "linear values stay signed")
end)

check.describe("print", function()
  local got
  local file = { write = function(self, text) got = text return self end }
  check.equal(hist.print({ [1] = 1 }, { file = file }), true)
  check.equal(got, hist.format({ [1] = 1 }))
  file.write = function() return nil, "No space left on device", 28 end
  check.equal({ hist.print({ [1] = 1 }, { file = file }) }, { nil, "No space left on device", 28 })
end)

check.describe("misuse", function()
  local log2, linear = "a slot of a log2 histogram is 0 to 64", "a slot of a linear histogram"
  check.raises(function() hist.log2({ [65] = 1 }) end, log2)
  check.raises(function() hist.log2({ [-1] = 1 }) end, log2)
  check.raises(function() hist.format({ { {}, 1 } }) end, log2)
  check.raises(function() hist.format({ { "x", 1 } }) end, log2)
  check.raises(function() hist.linear({ [-1] = 1 }) end, linear)
  check.raises(function() hist.linear({ [1 << 31] = 1 }) end, linear)
  check.raises(function() hist.log2({ [1] = 1.5 }) end, "a count must be an integer")
  check.raises(function() hist.log2({ { 1 } }) end, "a count must be an integer")
  check.raises(function() hist.log2({ lable = "x" }) end, "'lable' is neither a slot nor an option")
  check.raises(function() hist.format({}, { kind = "log10" }) end, "kind is 'log2' or 'linear'")
  check.raises(function() hist.format({}, { sort = "size" }) end, "sort is 'count' or 'key'")
  check.raises(function() hist.format({}, { step = 0 }) end, "step must be a whole number")
  check.raises(function() hist.format({}, { width = 0 }) end, "width must be a whole number")
  check.raises(function() hist.format({}, { min = 0.5 }) end, "min must be a whole number")
end)

check.finish()
