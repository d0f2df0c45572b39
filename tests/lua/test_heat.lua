-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
local fmt = require "fmt"
local heat = require "heat"

-- the tooltips of a picture, a line each
local function cells(rows, opts)
  local list = {}
  for title in heat.svg(rows, opts):gmatch('<title>([^<]*)</title></rect>') do
    list[#list + 1] = title:gsub("\n", "|")
  end
  return list
end

check.describe("rows", function()
  local want = { "1 s|4 to 7 usecs|5", "0 s|2 to 3 usecs|10", "1 s|2 to 3 usecs|20" }
  table.sort(want)
  local rows = {
    { { { 0, 2, 10 }, { 1, 2, 20 }, { 1, 3, 5 } }, "{TIME, SLOT, COUNT}" },
    { { { time = 1, slot = 3, count = 5 }, { time = 0, slot = 2, count = 10 }, { time = 1, slot = 2, count = 20 } },
      "in any order" },
    { { { 0, 2, 4 }, { 0, 2, 6 }, { 1, 2, 20 }, { 1, 3, 5 } }, "equal ones add up" },
    { { { time = 0, hist = { [2] = 10 } }, { time = 1, hist = { [2] = 20, [3] = 5 } } }, "histograms" },
    { { { time = 0, hist = { { key = { vec = 1, slot = 2 }, value = 7 }, { key = { vec = 9, slot = 2 }, value = 3 } } },
      { time = 1, hist = { { key = "a", slot = 2, count = 20 }, { key = "b", slot = 3, count = 5 } } } },
      "snapshots with keys" },
  }
  for _, row in ipairs(rows) do
    local got = cells(row[1])
    table.sort(got)
    check.equal(got, want, row[2])
  end
end)

check.describe("kinds", function()
  check.equal(cells({ { 0, 3, 1 } }, { kind = "linear", step = 10, min = 5, unit = "ms" }), { "0 s|35 to 44 ms|1" })
  check.equal(cells({ { time = 0, hist = { [3] = 1 } } }, { kind = "linear", step = 10, min = 5 }),
    { "0 s|35 to 44 usecs|1" }, "a histogram")
  check.equal(cells{ { 0, 0, 1 } }, { "0 s|0 to 0 usecs|1" })
  check.equal(cells{ { 0, 64, -1 } },
    { "0 s|9223372036854775808 to 18446744073709551615 usecs|18,446,744,073,709,551,616" },
    "the last slot, the largest count")
  check.equal(cells{ { time = 0, hist = { [64] = 2 } } },
    { "0 s|9223372036854775808 to 18446744073709551615 usecs|2" }, "of a histogram")
end)

check.describe("time", function()
  check.equal(#cells{ { 0, 1, 1 }, { 1.001, 1, 1 }, { 1.999, 1, 1 }, { 3.002, 1, 1 } }, 4, "ticks are not exact")
  check.equal(cells({ { 0, 1, 1 }, { 1, 1, 2 }, { 2, 1, 4 }, { 3, 1, 8 } }, { interval = 2 }),
    { "0 s|1 to 1 usecs|1", "2 s|1 to 1 usecs|6", "4 s|1 to 1 usecs|8" }, "an interval")
  local rows = {}
  for i = 1, 5000 do
    rows[i] = { i, i % 5, 1 }
  end
  check.ok(#cells(rows) <= 400 * 5, "columns have an end")
  check.equal(#cells{ { 0, 1, 1 }, { 1e9, 1, 1 }, { 1e9 + 1, 1, 1 } } <= 3, true, "a long pause")
  check.contains(heat.svg{ { 1700000000, 1, 1 } }, "<title>03:43:20\n", "a wall clock")
end)

check.describe("svg", function()
  local text = heat.svg({ { 0, 1, 1 } }, { title = "<t>\1", subtitle = "\xff&", unit = "<u>" })
  check.contains(text, "<title>&lt;t&gt;\\x01</title>")
  check.contains(text, "\\xff&amp; · 1 values in &lt;u&gt;")
  check.equal(text, heat.svg({ { 0, 1, 1 } }, { title = "<t>\1", subtitle = "\xff&", unit = "<u>" }), "the same bytes")
  check.contains(heat.svg{}, "nothing was counted")
  check.contains(heat.svg{ { 0, 1, 0 } }, "nothing was counted", "only zeros")
  for width = 1, 200, 9 do
    check.ok(heat.svg({ { 0, 1, 1 }, { 1, 9, 9 } }, { width = width }), "width " .. width)
  end
end)

check.describe("misuse and failure", function()
  check.raises(function() heat.svg{ { 0, 65, 1 } } end, "a row has a time")
  check.raises(function() heat.svg{ { "x", 1, 1 } } end, "a row has a time")
  check.raises(function() heat.svg{ { 0, 1.5, 1 } } end, "a row has a time")
  check.raises(function() heat.svg({}, { kind = "cubic" }) end, "kind is")
  check.raises(function() heat.svg({}, { step = 0 }) end, "step must be")
  local failing = { snapshot = function() return nil, "gone", "E-MAP" end }
  check.equal({ heat.svg{ { time = 0, hist = failing } } }, { nil, "gone", "E-MAP" })
  check.equal({ heat.text{ { time = 0, hist = failing } } }, { nil, "gone", "E-MAP" })
end)

check.describe("text", function()
  local rows = { { 0, 2, 1 }, { 1, 2, 50 }, { 2, 2, 3 }, { 2, 5, 1 } }
  check.equal(heat.text(rows, { ascii = true, width = 40 }), [[
55 values in usecs, at most 50 in a cell
         16 |  .
          8 |
          4 |
          2 |.@-
             0 s
]])
  check.contains(heat.text(rows, {}), "│░█▒\n")
  check.contains(heat.text(rows, { colour = true }), "\27[48;5;228m \27[0m")
  check.equal(heat.text{}, "nothing was counted\n")
  for width = 1, 30 do
    local widest = 0
    for line in heat.text(rows, { width = width }):gmatch("([^\n]*)\n") do
      widest = math.max(widest, fmt.width(line))
    end
    check.ok(widest <= width, ("width %d"):format(width))
  end
end)

check.finish()
