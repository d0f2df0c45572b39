-- SPDX-License-Identifier: Apache-2.0
-- watch: draws a value again and again in one place, until a key is pressed.

local console = require "console"
local pretty = require "repl.pretty"

local M = {}

local function text_of(value, columns)
  local paint = pretty.painter(console.colours())
  if type(value) == "function" then
    value = value()
  end
  if type(value) == "string" then
    return value
  end
  return pretty.result(value, { width = columns, paint = paint, colour = console.colours() })
end

--- watch(h [, seconds]): a handle, a function that returns something, or any value.
function M.watch(value, seconds)
  seconds = seconds or 1
  if value == nil or math.type(seconds) == nil or seconds ~= seconds or seconds < 0.02 then
    error("watch(value [, seconds]): a handle or function, and at least 0.02 seconds", 2)
  end
  repeat
    local went_well, text = pcall(text_of, value, (console.size()))
    if not went_well then
      console.panel()
      error(text, 0)
    end
    console.panel(text .. "\n" .. ("every %.14g s; a key ends it"):format(seconds))
    local _, why = console.key(seconds)
  until why ~= "time"
  console.panel()
end

return M
