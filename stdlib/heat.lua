-- SPDX-License-Identifier: Apache-2.0
-- heat: latency over time as a heat map, an SVG file or text for a terminal.
--
--   local rows = {}
--   every(1, function() rows[#rows + 1] = { time = time.now(), hist = prog.dist:drain() } end)
--   on_exit(function() flame.save("out.svg", heat.svg(rows, { unit = "usecs" })) end)
--
-- ROWS is a list of {time=, slot=, count=} (or {TIME, SLOT, COUNT}), or of {time=, hist=DATA}
-- with DATA as hist takes it, in which keys do not matter. Times are seconds. Counts, of u64, of
-- the same time and slot add up.

local fmt = require "fmt"
local hist = require "hist"
local svg = require "svg"
local time = require "time"

local M = {}

local MAX_COLUMNS, MAX_ROWS = 400, 400
local LEFT, RIGHT, TOP, BOTTOM = 96, 20, 84, 34
local SHADES = { " ", "░", "▒", "▓", "█" }
local ASCII = { " ", ".", ":", "-", "=", "+", "*", "#", "%", "@" }
local INK = { 235, 17, 18, 54, 90, 126, 162, 198, 203, 209, 215, 221, 228 }
-- colours from few to many, ever darker: hue, saturation, lightness
local RAMP = { { 52, 0.90, 0.87 }, { 44, 0.96, 0.71 }, { 28, 0.95, 0.60 }, { 8, 0.82, 0.51 },
  { -18, 0.72, 0.38 }, { -55, 0.52, 0.25 }, { -88, 0.55, 0.15 } }

local function number(opts, name, default, least)
  local value = opts[name] or default
  if type(value) ~= "number" or value ~= value or value < least or value > 1e9 then
    error(("heat: %s must be a number from %g"):format(name, least), 0)
  end
  return value
end

local function check(opts)
  local kind = opts.kind or "log2"
  if kind ~= "log2" and kind ~= "linear" then
    error("heat: kind is 'log2' or 'linear'", 0)
  end
  return { kind = kind, step = number(opts, "step", 1, 1), min = opts.min or 0, unit = opts.unit or "usecs",
    width = number(opts, "width", 0, 0), interval = opts.interval and number(opts, "interval", 1, 1e-9) }
end

-- one count of a row, as {time, slot, count} with a float
local function point(map, t, slot, count)
  t, slot = tonumber(t), math.tointeger(slot)
  if not t or t ~= t or math.abs(t) > 1e15 or not slot or slot < 0 or (map.kind == "log2" and slot > 64) then
    error("heat: a row has a time in seconds and a slot", 0)
  end
  count = fmt.u64_float(count)
  if count > 0 then
    map[#map + 1] = { t, slot, count }
  end
end

local function snapshot(map, t, data)
  local made, msg, code = hist.to_table(data, { kind = map.kind, step = map.step, min = map.min,
    key = function() return "" end })
  if not made then
    return nil, msg, code
  end
  for _, bucket in ipairs((made[1] or made).buckets) do
    local slot = map.kind == "linear" and (bucket.lo - map.min) // map.step
    point(map, t, slot or hist.slot(math.tointeger(bucket.lo) or math.mininteger), bucket.count)
  end
  map.times[#map.times + 1] = t
  return true
end

local function read_rows(map, rows)
  map.times = {}
  for _, row in ipairs(rows) do
    local t = row.time or row[1]
    if row.hist then
      local done, msg, code = snapshot(map, t, row.hist)
      if not done then
        return nil, msg, code
      end
    else
      point(map, t, row.slot or row[2], row.count or row[3])
      map.times[#map.times + 1] = t
    end
  end
  table.sort(map.times)
  return true
end

-- the usual time between two rows; ticks of a timer are not exact
local function usual_gap(times)
  local gaps = {}
  for i = 2, #times do
    local gap = times[i] - times[i - 1]
    gaps[#gaps + 1] = gap > 1e-9 and gap or nil
  end
  table.sort(gaps)
  local gap = gaps[(#gaps + 1) // 2] or 1
  local whole = math.floor(gap + 0.5)
  return whole > 0 and math.abs(gap - whole) < 0.01 * whole and whole or gap
end

-- seconds of a column, so that there are not more than that many
local function interval_of(map, columns)
  local gap = map.interval or usual_gap(map.times)
  local needed = (map.times[#map.times] - map.times[1]) / gap
  return gap * math.max(1, math.ceil(needed / (columns - 0.5)))
end

-- Points into cells: map.cells[row][column], both from 0; map.rows and map.columns are how many.
local function grid(rows, opts, most_columns)
  local map = check(opts)
  local done, msg, code = read_rows(map, rows)
  if not done then
    return nil, msg, code
  end
  map.cells, map.total, map.most, map.columns, map.rows = {}, 0.0, 0.0, 0, 0
  if #map == 0 then
    return map
  end
  local low, high = math.huge, 0
  for _, p in ipairs(map) do
    low, high = math.min(low, p[2]), math.max(high, p[2])
  end
  map.low, map.per_row = low, (high - low) // MAX_ROWS + 1
  map.start, map.seconds = map.times[1], interval_of(map, math.max(2, most_columns))
  for _, p in ipairs(map) do
    local row, column = (p[2] - low) // map.per_row, math.floor((p[1] - map.start) / map.seconds + 0.5)
    column = math.min(column, math.max(1, most_columns) - 1)
    local cells = map.cells[row] or {}
    map.cells[row], cells[column] = cells, (cells[column] or 0.0) + p[3]
    map.most, map.total = math.max(map.most, cells[column]), map.total + p[3]
    map.columns, map.rows = math.max(map.columns, column + 1), math.max(map.rows, row + 1)
  end
  return map
end

-- first and last value of a row of cells, as text
local function bounds(map, row)
  local first = map.low + row * map.per_row
  local last = first + map.per_row - 1
  if map.kind == "linear" then
    return tostring(map.min + first * map.step), tostring(map.min + (last + 1) * map.step - 1)
  end
  local lo = hist.bounds(first)
  local _, hi = hist.bounds(math.min(last, 64))
  return fmt.u64(lo), fmt.u64(hi)
end

-- 0 to 1, by the logarithm: rare outliers must be seen beside what is common
local function heat_of(map, count)
  return map.most > 1 and math.max(0.0, math.log(count) / math.log(map.most)) or 1.0
end

local function colour(heat)
  local at = 1 + heat * (#RAMP - 1)
  local i = math.min(#RAMP - 1, math.floor(at))
  local a, b, part = RAMP[i], RAMP[i + 1], at - i
  local function mix(n) return a[n] + (b[n] - a[n]) * part end
  return svg.hsl(mix(1) % 360, mix(2), mix(3))
end

local function clock(map, column)
  local t = map.start + column * map.seconds
  if map.start > 1e8 then
    return time.stamp(t, map.seconds < 0.99 and 3 or 0)
  end
  return svg.number(t) .. " s"
end

-- a short number for an axis: 1024 is "1k", as powers of two are read
local function short(text)
  local n = tonumber(text)
  for _, unit in ipairs{ "", "k", "M", "G", "T", "P" } do
    if n < 1024 then
      return (n == math.floor(n) and "%d" or "%.1f"):format(n) .. unit
    end
    n = n / 1024
  end
  return ("%.0f"):format(n) .. "E"
end

local function axis_label(map, row)
  local lo = bounds(map, row)
  return map.kind == "log2" and short(lo) or lo
end

local STYLE = [[

.heat { font: 11px system-ui, "DejaVu Sans", "Segoe UI", Helvetica, sans-serif; --paper: #fdfdfc; --ink: #1d2126;
  --dim: #6a717a; background: var(--paper); }
.heat .paper { fill: #fdfdfc; fill: var(--paper); }
.heat .back { fill: #eff0f2; }
.heat text { fill: #6a717a; fill: var(--dim); }
.heat .head { font-size: 17px; font-weight: 600; fill: #1d2126; fill: var(--ink); }
.heat .note { font-size: 12px; }
.heat .value { text-anchor: end; }
.heat .time { text-anchor: middle; }
.heat .cells rect:hover { stroke: #111; stroke-width: 1.5px; }
@media (prefers-color-scheme: dark) { .heat { --paper: #17191d; --ink: #e9ebee; --dim: #98a0aa; } }
]]

local function add(out, text, ...)
  out[#out + 1] = text:format(...)
end

local function draw_cells(map, out, cell_width, cell_height)
  add(out, '<g class="cells">\n')
  for row = 0, map.rows - 1 do
    local lo, hi = bounds(map, row)
    for column = 0, map.columns - 1 do
      local count = map.cells[row] and map.cells[row][column]
      if count then
        add(out, '<rect x="%s" y="%s" width="%s" height="%s" fill="%s"><title>%s\n%s to %s %s\n%s</title></rect>\n',
          svg.number(LEFT + column * cell_width), svg.number(TOP + (map.rows - 1 - row) * cell_height),
          svg.number(math.max(0.3, cell_width - (cell_width > 4 and 1 or 0))), svg.number(cell_height - 1),
          colour(heat_of(map, count)), clock(map, column), lo, hi, svg.text(map.unit), svg.count(count))
      end
    end
  end
  add(out, "</g>\n")
end

local function draw_axes(map, out, cell_width, cell_height)
  local every = math.max(1, math.ceil(16 / cell_height))
  for row = 0, map.rows - 1, every do
    add(out, '<text class="value" x="%d" y="%s">%s</text>\n', LEFT - 8,
      svg.number(TOP + (map.rows - row) * cell_height - cell_height / 2 + 4), axis_label(map, row))
  end
  every = math.max(1, math.ceil(90 / cell_width))
  for column = 0, map.columns - 1, every do
    add(out, '<text class="time" x="%s" y="%s">%s</text>\n', svg.number(LEFT + (column + 0.5) * cell_width),
      svg.number(TOP + map.rows * cell_height + 17), clock(map, column))
  end
end

-- what the colours mean
local function draw_legend(map, out)
  add(out, '<text x="%d" y="69" class="value">1</text>', LEFT - 8)
  for i = 0, 39 do
    add(out, '<rect x="%d" y="60" width="5" height="10" fill="%s"/>', LEFT + i * 5, colour(i / 39))
  end
  add(out, '<text x="%d" y="69">%s in a cell, on a logarithmic scale</text>\n', LEFT + 208, svg.count(map.most))
end

--- A heat map as text of an SVG file, with a tooltip for each cell; nil, message, code when a
--- map's snapshot failed. opts, all optional:
---   title, subtitle   text at the top
---   unit              of the values ("usecs")
---   kind, step, min   as for hist: "log2" (the default) or "linear"
---   width             pixels (1200)
---   interval          seconds of a column; by default what is usual between two times
--- Time goes from left to right, values go up; colours are by the logarithm of the count.
function M.svg(rows, opts)
  opts = opts or {}
  local width = opts.width or 1200
  local map, msg, code = grid(rows, opts, math.min(MAX_COLUMNS, math.max(2, (width - LEFT - RIGHT) // 3)))
  if not map then
    return nil, msg, code
  end
  local room = math.max(10, width - LEFT - RIGHT)
  local cell_width = math.min(40, room / math.max(1, map.columns))
  local cell_height = math.max(3, math.min(24, 420 / math.max(1, map.rows)))
  local inside = math.max(1, map.rows) * cell_height
  local title, out = svg.text(opts.title or "Latency over time"), {}
  add(out, '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<svg xmlns="http://www.w3.org/2000/svg" ' ..
    'version="1.1" class="heat" width="%d" height="%s">\n<title>%s</title>\n<style>%s</style>\n', width,
    svg.number(TOP + inside + BOTTOM), title, STYLE)
  add(out, '<rect class="paper" width="100%%" height="100%%"/>\n<text class="head" x="12" y="26">%s</text>\n', title)
  add(out, '<text class="note" x="12" y="45">%s%s values in %s%s</text>\n',
    svg.text(opts.subtitle and opts.subtitle .. " · " or ""), svg.count(map.total), svg.text(map.unit),
    map.total > 0 and "" or ": nothing was counted")
  if map.total > 0 then
    add(out, '<rect class="back" x="%d" y="%d" width="%s" height="%s"/>\n', LEFT, TOP,
      svg.number(map.columns * cell_width), svg.number(inside))
    draw_legend(map, out)
    draw_cells(map, out, cell_width, cell_height)
    draw_axes(map, out, cell_width, cell_height)
  end
  return table.concat(out) .. "</svg>\n"
end

-- the character, or coloured cell, of a count
local function cell_text(map, count, opts)
  local heat = count and heat_of(map, count) or 0.0
  if opts.colour then
    local ink = INK[count and 2 + math.floor(heat * (#INK - 2) + 0.5) or 1]
    return ("\27[48;5;%dm \27[0m"):format(ink)
  end
  local shades = opts.ascii and ASCII or SHADES
  return shades[count and 2 + math.floor(heat * (#shades - 2) + 0.5) or 1]
end

-- times below the columns, each where there is room for it
local function time_axis(map, indent, width)
  local text, at = (" "):rep(indent), 0
  while at < map.columns do
    local label = clock(map, at)
    if indent + at + #label > width then
      break
    end
    text = text .. label .. "  "
    at = #text - indent
  end
  return text
end

--- A heat map as lines for a terminal: width columns (80) at most, the highest values first.
--- opts as of heat.svg, and colour (ANSI), ascii. nil, message, code as heat.svg.
function M.text(rows, opts)
  opts = opts or {}
  local width = math.max(1, math.floor(number(opts, "width", 80, 1)))
  local indent = math.min(12, math.max(0, width - 4))
  local edge = width > 1 and (opts.ascii and "|" or "│") or ""
  local map, msg, code = grid(rows, opts, math.max(1, width - indent - fmt.width(edge)))
  if not map then
    return nil, msg, code
  end
  if map.total == 0 then
    return fmt.clip("nothing was counted", width) .. "\n"
  end
  local lines = {}
  lines[1] = fmt.clip(("%s values in %s, at most %s in a cell"):format(svg.count(map.total), map.unit,
    svg.count(map.most)), width)
  for row = map.rows - 1, 0, -1 do
    local cells = {}
    for column = 0, map.columns - 1 do
      cells[#cells + 1] = cell_text(map, map.cells[row] and map.cells[row][column], opts)
    end
    local label = indent > 1 and fmt.pad(fmt.clip(axis_label(map, row), indent - 1), indent - 1, "right") .. " " or ""
    lines[#lines + 1] = label .. edge .. table.concat(cells)
  end
  lines[#lines + 1] = fmt.clip(time_axis(map, indent + 1, width), width)
  return ((table.concat(lines, "\n") .. "\n"):gsub(" +\n", "\n"))
end

return M
