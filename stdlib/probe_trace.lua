-- SPDX-License-Identifier: Apache-2.0
-- probe_trace: the lines of a one-liner that traces.

local fmt = require "fmt"
local out = require "out"
local value = require "probe_value"

local M = {}

-- {before, conversion} of each conversion in FORMAT, and what is behind the last; nil and a message
local function split(format)
  local parts, at, text = {}, 1, ""
  while at <= #format do
    local from, to, flags, letter = format:find("%%([-+ #0]*%d*%.?%d*)[hlzj]*(%a)", at)
    local percent = format:find("%%", at, true)
    if percent and percent ~= from then
      text, at = text .. format:sub(at, percent), percent + 2
    elseif not from then
      text, at = text .. format:sub(at), #format + 1
    else
      parts[#parts + 1] = { before = text .. format:sub(at, from - 1), flags = flags,
        letter = letter, at = from }
      text, at = "", to + 1
    end
  end
  parts.behind = text
  return parts
end

local KNOWN = { d = "d", i = "d", u = "u", x = "x", X = "X", o = "o", s = "s", c = "c", p = "p" }

--- FORMAT of a plan has a conversion for each expression; raises misuse as text.
function M.check_format(plan)
  local parts = split(plan.format)
  for _, part in ipairs(parts) do
    if not KNOWN[part.letter] then
      error(("trace: '%%%s' is no conversion of d i u x X o s c p"):format(part.letter), 0)
    end
  end
  if #parts ~= #plan.by then
    error(("trace: the format has %d conversions, and there are %d expressions"):format(#parts,
      #plan.by), 0)
  end
  plan.parts = parts
end

local function one(part, v)
  local letter = part.letter
  if letter == "u" and type(v) == "number" then
    return ("%" .. part.flags .. "s"):format(fmt.u64(v))
  elseif letter == "p" and type(v) == "number" then
    return ("%" .. part.flags .. "s"):format(fmt.hex(v))
  elseif type(v) == "string" or letter == "s" then
    return ("%" .. part.flags:gsub("[+ #0]", "") .. "s"):format(fmt.safe(tostring(v)))
  end
  return ("%" .. part.flags .. (letter == "i" and "d" or letter)):format(v)
end

-- the lines as the user's format has them
local function by_format(h, plan)
  local fields, parts = plan.sites[1].fields, plan.parts
  return function(e)
    local words = {}
    for i, part in ipairs(parts) do
      words[#words + 1] = part.before
      words[#words + 1] = one(part, value.of(h, fields[i], e))
    end
    words[#words + 1] = parts.behind
    io.write(table.concat(words), "\n")
  end
end

local function column(h, f, title)
  local kind, show_as = f.expr.kind, f.expr.show
  if kind == "comm" then
    return { f.member, "%-16s", title = title:upper(), key = title }
  elseif kind == "string" then
    return { f.member, "%s", title = title:upper(), key = title }
  elseif kind == "number" and not show_as then
    return { f.member, "%-8d", title = title:upper(), key = title }
  end
  return { function(e) return value.of(h, f, e) end, "%-12s", title = title:upper(), key = title }
end

-- a pointer is more readable as such
local function is_pointer(plan, f)
  local name = f.expr.text:match("^args%->([%w_]+)$")
  for _, a in ipairs(plan.sites[1].args or {}) do
    if a.name == name then
      return a.kind == "number" and (a.type or ""):find("%*") ~= nil
    end
  end
  return false
end

local function columns_of(h, plan)
  local fields, list = plan.sites[1].fields, {}
  if plan.arguments then
    local n = #fields
    list[1] = { fields[n - 2].member, "%-15s", as = "time", title = "TIME", key = "time" }
    list[2] = { fields[n - 1].member, "%-7d", title = "PID", key = "pid" }
    list[3] = { fields[n].member, "%-16s", title = "COMM", key = "comm" }
  end
  for i = 1, #fields - (plan.arguments and 3 or 0) do
    local f = fields[i]
    if f.member ~= "tgid" then
      local title = f.expr.text:gsub("^args%->", ""):gsub("^str%(args%->([%w_]+)%)$", "%1")
      list[#list + 1] = column(h, f, title)
      if is_pointer(plan, f) then
        list[#list][2], list[#list].as = "%-18s", "hex"
      end
    end
  end
  return out.columns(list)
end

--- Begins to read the events of the program.
function M.open(plan, program)
  local h = { plan = plan, program = program }
  if plan.format and out.mode() == "text" then
    program.events:each(by_format(h, plan))
  else
    program.events:each(columns_of(h, plan))
  end
end

return M
