-- SPDX-License-Identifier: Apache-2.0
-- args_types: the types of option values, for args. A parser takes the text and the row, and
-- returns the value, or nil; what it accepts is said by the type's second half.

local fmt = require "fmt"
local time = require "time"

local M = {}

M.MAX_ITEMS = 256
M.CPU_MAX = 8191

local PID_MAX = 4194304
local TYPES = {}

-- decimal or 0x integer of the signed 64-bit range, else nil
local function integer(text)
  local digits = text:match("^0[xX]0*(%x*)$")
  if digits and #text > 2 then
    local n = #digits <= 16 and tonumber("0" .. digits, 16)
    return n and n >= 0 and n or nil
  end
  local n = text:match("^[+-]?%d+$") and tonumber(text)
  return math.type(n) == "integer" and n or nil
end

local function number(text)
  local n = text:match("^[+-]?[%d.]+[eE]?[+-]?%d*$") and tonumber(text)
  return n and n == n and math.abs(n) < math.huge and n + 0.0 or nil
end

local function in_range(value, min, max)
  return value and (not min or value >= min) and (not max or value <= max) and value or nil
end

local function range_text(noun, min, max)
  if min and max then
    return ("%s from %s to %s"):format(noun, min, max)
  end
  return noun .. (min and " of at least " .. min or "") .. (max and " of at most " .. max or "")
end

-- names: what a value is the number of and has to be there, see args_there
local function add_number(name, arg, noun, convert, lowest, highest, names)
  TYPES[name] = {
    arg = arg,
    names = names,
    negative = true,
    parse = function(text, row)
      return in_range(convert(text), row.min or lowest, row.max or highest)
    end,
    accepts = function(row)
      return range_text(noun, row.min or lowest, row.max or highest)
    end,
  }
end

add_number("int", "N", "an integer", integer)
add_number("uint", "N", "an integer", integer, 0)
add_number("float", "X", "a number", number)
add_number("cpu", "CPU", "a CPU number", integer, 0, M.CPU_MAX, "cpu")
add_number("pid", "PID", "a process id", integer, 1, PID_MAX, "process")
add_number("tid", "TID", "a thread id", integer, 1, PID_MAX, "thread")
add_number("port", "PORT", "a port number", integer, 1, 65535)

-- "3" or "0-3" as {first, last}, or nil
local function cpu_range(text)
  local first, last = text:match("^(%d+)%-(%d+)$")
  first = in_range(integer(first or text), 0, M.CPU_MAX)
  last = last and in_range(integer(last), first, M.CPU_MAX) or not last and first
  return first and last and { first, last }
end

-- sorted, without those that overlap or touch
local function merge_ranges(ranges)
  local merged = {}
  table.sort(ranges, function(a, b) return a[1] < b[1] end)
  for _, range in ipairs(ranges) do
    local last = merged[#merged]
    if last and range[1] <= last[2] + 1 then
      last[2] = math.max(last[2], range[2])
    else
      merged[#merged + 1] = range
    end
  end
  return merged
end

TYPES.cpus = {
  arg = "CPUS",
  names = "cpu",
  parse = function(text)
    local ranges = {}
    for word in (text .. ","):gmatch("(.-),") do
      local range = #ranges < M.MAX_ITEMS and cpu_range(word)
      if not range then
        return nil
      end
      ranges[#ranges + 1] = range
    end
    return merge_ranges(ranges)
  end,
  accepts = function() return ("CPUs from 0 to %d such as 3, 0-3 or 0,2-3"):format(M.CPU_MAX) end,
}

TYPES.duration = {
  arg = "TIME",
  parse = function(text, row)
    local seconds = time.parse_duration(text)
    if not row.min and seconds == 0 then
      return nil
    end
    return in_range(seconds, row.min, row.max)
  end,
  accepts = function(row)
    local what = "a time such as 5, 1.5, 100ms, 2m or 1h"
    if row.min or row.max then
      return range_text(what .. ",", row.min, row.max) .. " seconds"
    end
    return what .. ", above 0 and up to 100 years"
  end,
}

TYPES.string = {
  arg = "TEXT",
  parse = function(text, row)
    local long_enough = #text >= (row.min or 1)
    return long_enough and (not row.max or #text <= row.max) and not text:find("\0") and text or nil
  end,
  accepts = function(row, text)
    if text == "" and (row.min or 1) == 1 then
      return "a text that is not empty"
    end
    return range_text("text", row.min, row.max) .. ((row.min or row.max) and " bytes" or "")
  end,
}

-- four bytes of a dotted quad, or nil; leading zeros are refused, as some read them as octal
local function ipv4_bytes(text)
  local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for i, part in ipairs(parts) do
    if #part > 3 or part:find("^0%d") or tonumber(part) > 255 then
      return nil
    end
    parts[i] = string.char(tonumber(part))
  end
  return #parts == 4 and table.concat(parts) or nil
end

-- bytes of the groups of one side of "::", or nil
local function group_bytes(text)
  local bytes = {}
  if text == "" then
    return ""
  end
  for group in (text .. ":"):gmatch("(.-):") do
    if not group:find("^%x%x?%x?%x?$") then
      return nil
    end
    bytes[#bytes + 1] = (">I2"):pack(tonumber(group, 16))
  end
  return table.concat(bytes)
end

-- sixteen bytes of an IPv6 address, or nil
local function ipv6_bytes(text)
  local quad = text:match("[:]([%d.]+%.[%d.]+)$")
  if quad then
    local bytes = ipv4_bytes(quad)
    if not bytes then
      return nil
    end
    text = text:sub(1, -#quad - 1) .. ("%x:%x"):format((">I2I2"):unpack(bytes))
  end
  local left, right = text:match("^(.-)::(.*)$")
  if not left then
    local bytes = group_bytes(text)
    return bytes and #bytes == 16 and bytes or nil
  end
  left, right = group_bytes(left), group_bytes(right)
  if not left or not right or #left + #right > 14 then
    return nil
  end
  return left .. ("\0"):rep(16 - #left - #right) .. right
end

local function ipv4(text)
  local bytes = ipv4_bytes(text)
  return bytes and {
    family = 4, text = fmt.ipv4(bytes), bytes = bytes, be32 = ("<I4"):unpack(bytes),
  }
end

local function ipv6(text)
  local bytes = ipv6_bytes(text)
  return bytes and { family = 6, text = fmt.ipv6(bytes), bytes = bytes }
end

TYPES.ipv4 = {
  arg = "ADDR",
  parse = ipv4,
  accepts = function() return "an IPv4 address such as 192.0.2.1" end,
}

TYPES.addr = {
  arg = "ADDR",
  parse = function(text) return ipv4(text) or ipv6(text) end,
  accepts = function() return "an IPv4 or IPv6 address such as 192.0.2.1 or 2001:db8::1" end,
}

local function choice(words)
  local names, set = {}, {}
  for name in words:gmatch("[^,]+") do
    names[#names + 1] = name
    set[name] = true
  end
  return {
    arg = table.concat(names, "|"),
    parse = function(text) return set[text] and text or nil end,
    accepts = function() return "one of " .. table.concat(names, ", ") end,
  }
end

local function list(item)
  return {
    arg = item.arg .. ",...",
    list = true,
    names = item.names,
    negative = item.negative,
    parse = function(text, row)
      local values = {}
      for word in (text .. ","):gmatch("(.-),") do
        local value = #values < M.MAX_ITEMS and item.parse(word, row)
        if not value then
          return nil
        end
        values[#values + 1] = value
      end
      return values
    end,
    accepts = function(row)
      return ("up to %d values, separated by commas, each %s"):format(M.MAX_ITEMS,
        item.accepts(row))
    end,
  }
end

--- The type of a name ("uint", "choice:a,b", "list:pid") or of a function(text) -> value | nil,
--- accepts: {arg=, parse=function(text, row), accepts=function(row), list=, names=}; nil when
--- unknown.
function M.get(name)
  if type(name) == "function" then
    return {
      arg = "VALUE",
      parse = function(text) return (name(text)) end,
      accepts = function(_, text) return select(2, name(text)) or "something else" end,
    }
  end
  local kind, rest = name:match("^(%a+):(.+)$")
  if kind == "choice" then
    return choice(rest)
  end
  if kind == "list" then
    local item = M.get(rest)
    return item and not item.list and list(item) or nil
  end
  return TYPES[name]
end

return M
