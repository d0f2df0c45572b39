-- SPDX-License-Identifier: Apache-2.0
-- heat: values over time as a heat map, an SVG file or in the terminal
--
--          8 │ ░▒░  ▒█
--          4 │▓█▓▓▒▓░
local args, heat, heat_rows, picture = require "args", require "heat", require "heat_rows", require "tool_picture"

local SECONDS = { s = 1, ms = 1e-3, us = 1e-6, ns = 1e-9 }

local opts = args.parse{
  name = "heat",
  summary = "Draw values over time, such as latencies, as a heat map.",
  output = false,
  options = {
    { "-o", "--output", arg = "FILE", help = "write to FILE, else to standard output" },
    { "--time", arg = "COLUMN", help = "name or number of the column with the time (time, or 1)" },
    { "--value", arg = "COLUMN", help = "and of the one with the value (lo of a distribution, or 2)" },
    { "--count", arg = "COLUMN", help = "column that says how often (count of a distribution, or once)" },
    { "--time-unit", type = "choice:s,ms,us,ns", default = "s", help = "unit of times that are numbers" },
    { "--multiply", arg = "X", type = "float", min = 1e-12, max = 1e12, help = "values by this, as 1000 for ms to us" },
    { "-l", "--linear", arg = "STEP", type = "uint", min = 1, help = "rows of so many values, not of powers of two" },
    { "--min", arg = "VALUE", type = "int", default = 0, help = "first value of linear rows" },
    { "-i", "--interval", type = "duration", min = 0.000001, help = "seconds of a column (by default what is usual)" },
    { "-t", "--text", help = "for a terminal (without -o, what a terminal gets)" },
    { "--ascii", help = "only ASCII characters in the terminal" },
    { "--colour", type = "choice:auto,always,never", default = "auto", help = "ANSI colours in the terminal" },
    { "-w", "--width", type = "uint", min = 1, max = 20000, help = "pixels, 200 or more, or columns of text" },
    { "-u", "--unit", type = "string", min = 0, default = "usecs", help = "of the values" },
    { "--title", type = "string", min = 0, help = "title of the SVG" },
    { "--subtitle", type = "string", min = 0, help = "a second line of it" },
  },
  positionals = {
    { "file", type = "string", repeatable = true,
      help = "files of rows: two columns, CSV or JSON; - for standard input (the default)" },
  },
  examples = {
    { "heat -o out.svg times.txt", "lines such as \"12.5 380\"" },
    { "runqlat -T --csv 1 60 | moontrace heat", "in the terminal" },
    { "heat --value delta_us --linear 100 rows.csv", "rows of 100 us" },
  },
}

-- files have a form each
local function read(names)
  local rows = {}
  local how = { time = opts.time, value = opts.value, count = opts.count, scale = SECONDS[opts.time_unit],
    multiply = opts.multiply, step = opts.linear, min = opts.min }
  for _, name in ipairs(names) do
    local done, message = heat_rows.read(picture.lines("heat", { name }), how, rows)
    if not done then
      picture.fail("heat", name .. ": " .. message)
    end
  end
  if rows.skipped > 0 then
    io.stderr:write(("heat: %s: %d lines are no rows\n"):format(table.concat(names, ", "), rows.skipped))
  end
  return rows
end

local rows = read(opts.file or { "-" })

-- seconds of about a hundredth of it all, but of one value at least; counts have their own
local function usual_interval()
  local times, gap = {}, math.huge
  for i, row in ipairs(rows) do
    times[i] = row[1]
  end
  table.sort(times)
  for i = 2, #times do
    gap = times[i] > times[i - 1] and math.min(gap, times[i] - times[i - 1]) or gap
  end
  if rows.binned or gap == math.huge then
    return nil
  end
  local seconds, digits, power = (times[#times] - times[1]) / 120, 1, 1e-6
  while digits * power < seconds do
    digits = digits == 5 and 1 or digits * 2 + digits // 2
    power = digits == 1 and power * 10 or power
  end
  return math.max(gap, digits * power)
end

local how = picture.terminal(opts, opts.text)
local as = { title = opts.title, subtitle = opts.subtitle, unit = opts.unit, kind = opts.linear and "linear" or "log2",
  step = opts.linear, min = opts.linear and opts.min, interval = opts.interval or usual_interval() }
if not how and opts.width and opts.width < 200 then
  picture.fail("heat", "an SVG is at least 200 pixels wide")
end
for name, value in pairs(how or { width = opts.width }) do
  as[name] = value
end
picture.write("heat", opts.output, (how and heat.text or heat.svg)(rows, as))
