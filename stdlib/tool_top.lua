-- SPDX-License-Identifier: Apache-2.0
-- tool_top: live views: a heading and rows that are drawn anew again and again, in one place of a
-- terminal, below one another elsewhere; and counts that fade.

local bpf, fmt, out, screen, sys = require "bpf", require "fmt", require "out", require "screen",
  require "sys"

local M = {}

local KEPT = 7 / 8                      -- of a count, from one refresh to the next
local GONE = 0.1                        -- what is left of a count of 1 after 18 of them
local LEFT_OVER = 0.05                  -- a last part of an interval of less seconds is not shown
local SECOND = 1e9

local Counts = {}
Counts.__index = Counts

--- Rows with counts that fade: fade() keeps 7/8 of each, as perf top does, or with fresh nothing.
--- fields are the names of the counts in a row, the first of which orders them; sum is what a
--- share is a share of, and fades, too.
function M.counts(fields, fresh)
  return setmetatable({ fields = fields, kept = fresh and 0 or KEPT, rows = {}, sum = 0 }, Counts)
end

--- Adds n to a field of the row of a key, which make() makes when it is new.
function Counts:add(key, field, n, make)
  local row = self.rows[key]
  if not row then
    row = make()
    for _, name in ipairs(self.fields) do
      row[name] = 0
    end
    self.rows[key] = row
  end
  row[field] = row[field] + n
end

--- An interval is over; rows of which next to nothing is left are forgotten.
function Counts:fade()
  self.sum = self.sum * self.kept
  for key, row in pairs(self.rows) do
    local most = 0
    for _, name in ipairs(self.fields) do
      row[name] = row[name] * self.kept
      most = math.max(most, row[name])
    end
    if most < GONE then
      self.rows[key] = nil
    end
  end
end

--- A list of the rows, the largest first.
function Counts:list()
  local list, first, keys = {}, self.fields[1], {}
  for key, row in pairs(self.rows) do
    list[#list + 1], keys[row] = row, key
  end
  table.sort(list, function(a, b)
    return a[first] > b[first] or a[first] == b[first] and keys[a] < keys[b]
  end)
  return list
end

--- All that has been lost so far: events, stacks, entries of maps.
function M.lost()
  local sum = 0
  for kind, n in pairs(bpf.losses()) do
    sum = sum + (kind ~= "emitted" and kind ~= "received" and n or 0)
  end
  return sum
end

-- the view as lines, cut to what fits
local function lines_of(view, columns, height)
  local lines, most = { view.heading, "" }, view.rows or #view.list
  local room = height and math.max(height - #lines - 1, 0) or most
  local shown = table.move(view.list, 1, math.min(#view.list, most, room), 1, {})
  for line in fmt.table(shown, view.columns):gmatch("(.-)\n") do
    lines[#lines + 1] = line
  end
  for i, line in ipairs(lines) do
    lines[i] = columns and fmt.clip(line, columns) or line
  end
  return lines
end

local function print_rows(view)
  for i = 1, math.min(#view.list, view.rows or #view.list) do
    view.sink:row(view.list[i])
  end
end

local function show(view)
  if out.mode() ~= "text" then
    print_rows(view)
  elseif view.on_screen then
    screen.draw(lines_of(view, sys.columns() or 80, sys.rows() or 24))
  else
    local height = view.was_on_screen and sys.rows()
    print(table.concat(lines_of(view, sys.columns(), height), "\n") .. "\n")
  end
end

local function refresh(view)
  local now = sys.monotonic_ns()
  view.heading, view.list = view.update((now - view.since) / SECOND)
  view.since = now
  show(view)
end

local function on_key(view, keys)
  if keys == "resized" then
    show(view)
  elseif keys:find("[qQ]") then
    bpf.stop()
  end
end

local function finish(view)
  local in_part = (sys.monotonic_ns() - view.since) / SECOND > LEFT_OVER
  view.on_screen = false
  if in_part then
    refresh(view)
  elseif view.was_on_screen then
    show(view)
  end
end

--- Ends script `tool` with a usage error where one of the options is given, but --top is not.
function M.check_options(tool, opts, names)
  for _, name in ipairs(names) do
    if opts[name] and not opts.top then
      io.stderr:write(("%s: '--%s' needs '--top'\ntry '%s -h'\n"):format(tool, name, tool))
      os.exit(2, true)
    end
  end
end

--- Shows a view from the beginning of the run to its end, where it is printed once more:
--- interval= seconds between refreshes; update= function(seconds since the last) -> heading, list
--- of rows; columns= as for fmt.table; sink= of out.columns, for --json and --csv; rows= most of
--- them (as many as the terminal has lines; 20 where there is none). Key q ends the run.
function M.start(view)
  view.heading, view.list = view.heading or "", {}
  after(0, function()
    view.since = sys.monotonic_ns()
    view.on_screen = out.mode() == "text" and screen.open(function(keys) on_key(view, keys) end)
    view.was_on_screen = view.on_screen
    view.rows = view.rows or not view.on_screen and out.mode() == "text" and 20 or nil
    if view.on_screen then
      show(view)
    elseif out.mode() == "csv" then
      view.sink:header()
    end
  end)
  every(view.interval, function() refresh(view) end)
  on_exit(function()
    if view.since then finish(view) end
  end)
end

return M
