-- SPDX-License-Identifier: Apache-2.0
-- tool_picture: what scripts that draw have in common: files to read, and where the picture goes.

local bpf = require "bpf"
local flame = require "flame"
local heat = require "heat"
local stacks = require "tool_stacks"
local sys = require "sys"
local time = require "time"

local M = {}

--- Ends the script `tool` with a message.
function M.fail(tool, message)
  io.stderr:write(tool, ": ", message, "\n")
  os.exit(1, true)
end

--- The lines of one file after the other, without their ends; "-" is standard input. Ends the script where one
--- cannot be read.
function M.lines(tool, names)
  local at, lines = 0, nil
  local function next_file()
    at = at + 1
    local name, message = names[at], nil
    if name then
      lines, message = sys.lines(name ~= "-" and name or nil)
    end
    return lines or (message and M.fail(tool, message))
  end
  return function()
    while lines or next_file() do
      local line = lines()
      if line then
        return line
      end
      lines = nil
    end
    return nil
  end
end

local function is_utf8()
  for _, name in ipairs{ "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = os.getenv(name)
    if value and value ~= "" then
      return value:lower():find("utf%-?8") ~= nil
    end
  end
  return false
end

--- How to draw, of a script's options text, output, width, ascii and colour: nil for an SVG file,
--- else {width=, ascii=, colour=} for text.
function M.terminal(opts, text)
  local terminal = not opts.output and sys.isatty()
  if not text and not terminal then
    return nil
  end
  return { width = opts.width or terminal and sys.columns() or 80, ascii = opts.ascii or not is_utf8(),
    colour = opts.colour == "always" or (opts.colour == "auto" and terminal and not os.getenv("NO_COLOR")) }
end

--- Writes a picture to a file, or to standard output where output is nil or "-".
function M.write(tool, output, picture)
  local done, message
  if output and output ~= "-" then
    done, message = flame.save(output, picture)
  else
    done, message = io.stdout:write(picture)
  end
  if not done then
    M.fail(tool, message)
  end
end

--- Runs until the end, and then draws a heat map, for option --heat of script `tool`: opts.data()
--- is asked for what was counted, a DATA of hist, each opts.interval (1) seconds; opts.file, and
--- duration, count as tool_report.run has them; the rest as heat.svg() has it.
function M.run_heat(tool, opts)
  local interval, rows = opts.interval or 1, {}
  local duration = opts.count and math.min(opts.duration or math.huge, opts.count * interval) or opts.duration
  local function tick()
    rows[#rows + 1] = { time = time.now(), hist = opts.data() }
  end
  stacks.check_file(tool, opts.file)
  every(interval, tick)
  on_exit(function()
    tick()
    local picture, message = heat.svg(rows, { title = opts.title, unit = opts.unit, interval = interval })
    M.write(tool, opts.file, picture or M.fail(tool, message))
  end)
  bpf.run(duration)
end

return M
