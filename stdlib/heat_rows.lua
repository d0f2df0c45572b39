-- SPDX-License-Identifier: Apache-2.0
-- heat_rows: times and values from text: columns, CSV, or JSON objects, a row a line; for heat.
--
-- CSV and JSON are those of the scripts' --csv and --json; a JSON object with buckets, as a
-- distribution is printed, gives a row for each of them.

local hist = require "hist"

local M = {}

local TIMES = { "time", "ktime", "seconds", "timestamp", "ts" }

-- ---- JSON ----

local decode

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function decode_string(text, at)
  local from = at + 1
  repeat
    at = text:find('["\\]', at + 1)
    if not at then
      return nil
    end
    local escape = text:byte(at) == 92
    at = escape and at + 1 or at
  until not escape
  local plain = text:sub(from, at - 1):gsub("\\(.)", function(c) return ESCAPES[c] or c end)
  return plain, at + 1
end

-- what stands between brackets; each(at) reads one element
local function decode_list(text, at, close, each)
  at = text:find("%S", at + 1)
  while at and text:sub(at, at) ~= close do
    at = each(at)
    at = at and text:find("%S", at)
    if at and text:sub(at, at) == "," then
      at = text:find("%S", at + 1)
    elseif at and text:sub(at, at) ~= close then
      return nil
    end
  end
  return at and at + 1
end

local function decode_table(text, at, depth)
  local t = {}
  local function element(place)
    local value, behind = decode(text, place, depth + 1)
    t[#t + 1] = value
    return behind
  end
  local function member(place)
    local name, behind = decode_string(text, place)
    behind = name and text:sub(place, place) == '"' and text:match("^%s*:%s*()", behind)
    if not behind then
      return nil
    end
    t[name], behind = decode(text, behind, depth + 1)
    return behind
  end
  local object = text:sub(at, at) == "{"
  at = decode_list(text, at, object and "}" or "]", object and member or element)
  return t, at
end

-- value, and the place behind it or nil
function decode(text, at, depth)
  local first = text:sub(at, at)
  if depth > 20 then
    return nil
  elseif first == "{" or first == "[" then
    return decode_table(text, at, depth)
  elseif first == '"' then
    return decode_string(text, at)
  end
  local word, behind = text:match("^([%w.+-]+)()", at)
  return tonumber(word), behind
end

-- ---- CSV ----

-- a field in quotes, and the place behind it
local function quoted(line, at)
  local text, again = "", true
  while again do
    local quote = line:find('"', at + 1, true) or #line + 1
    text, at = text .. line:sub(at + 1, quote - 1), quote + 1
    again = line:sub(at, at) == '"'
    text = again and text .. '"' or text
  end
  return text, at
end

local function split_csv(line)
  local fields, at = {}, 1
  repeat
    local field
    if line:sub(at, at) == '"' then
      field, at = quoted(line, at)
    else
      field = line:match("^[^,]*", at)
      at = at + #field
    end
    fields[#fields + 1], at = field, at + 1
  until at > #line + 1
  return fields
end

-- ---- times ----

local function seconds_of_day(h, m, s)
  return tonumber(h) * 3600 + tonumber(m) * 60 + tonumber(s)
end

-- seconds between here and UTC at that time
local function local_offset(t)
  local utc = os.date("!*t", t)
  utc.isdst = os.date("*t", t).isdst
  return os.difftime(t, os.time(utc))
end

local function parse_iso(text)
  local y, mo, d, h, mi, s, zone = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[T ](%d%d):(%d%d):(%d%d%.?%d*)(.*)$")
  if not y then
    return nil
  end
  local whole = os.time{ year = tonumber(y), month = tonumber(mo), day = tonumber(d), hour = 0 }
  local t = whole + seconds_of_day(h, mi, s)
  local sign, zh, zm = zone:match("^([+-])(%d%d):?(%d%d)$")
  if sign or zone == "Z" then
    local there = sign and seconds_of_day(zh, zm, 0) * (sign == "-" and -1 or 1) or 0
    t = t + local_offset(whole) - there
  end
  return t
end

-- seconds of a number, "HH:MM:SS" of today, ISO 8601; nil if it is none
local function parse_time(text, scale)
  local n = tonumber(text)
  if n then
    return n == n and math.abs(n * scale) < 1e15 and n * scale or nil
  end
  local h, m, s = tostring(text):match("^(%d%d?):(%d%d):(%d%d%.?%d*)$")
  if h then
    local day = os.date("*t")
    return os.time{ year = day.year, month = day.month, day = day.day, hour = 0 } + seconds_of_day(h, m, s)
  end
  return parse_iso(tostring(text))
end

-- ---- rows ----

-- what a row has under a name or a number
local function get(row, column)
  local value = row[column]
  return value == nil and row[math.tointeger(tonumber(column)) or column] or value
end

local function names_of(row)
  local names = {}
  for name in pairs(row) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  return table.concat(names, ", ")
end

local function default_time(row)
  for _, name in ipairs(TIMES) do
    if row[name] ~= nil then
      return name
    end
  end
  return nil
end

-- which columns a file's rows have what in; nil, message where that is not known
local function columns_of(row, opts, named)
  local columns = { time = opts.time or (named and default_time(row)) or (not named and 1) or nil,
    value = opts.value or (not named and 2) or nil, count = opts.count }
  if not columns.value and row.lo and row.count then
    columns.value, columns.count = "lo", columns.count or "count"
  end
  for _, what in ipairs(row.buckets and { "time" } or { "time", "value" }) do
    if not columns[what] then
      return nil, ("which column is the %s? --%s is one of %s"):format(what, what, names_of(row))
    elseif get(row, columns[what]) == nil then
      return nil, ("no column '%s': there are %s"):format(columns[what], names_of(row))
    end
  end
  return columns
end

local function slot_of(value, opts)
  value = value * (opts.multiply or 1)
  if opts.step then
    local slot = math.floor((value - (opts.min or 0)) / opts.step)
    return slot >= 0 and slot < 0x7fffffff and slot or nil
  end
  return value >= 0 and value < 0x1p63 and hist.slot(math.floor(value)) or nil
end

local function add(list, t, value, count, opts)
  local slot = value and value == value and slot_of(value, opts)
  count = count or 1
  if not t or not slot or count < 0 or count >= 0x1p63 then
    list.skipped = list.skipped + 1
    return
  end
  list[#list + 1] = { t, math.tointeger(slot), count }
end

local function add_row(list, row, columns, opts)
  local t = parse_time(get(row, columns.time), opts.scale or 1)
  if type(row.buckets) == "table" then
    list.binned = true
    for _, b in ipairs(row.buckets) do
      add(list, t, tonumber(b.lo), tonumber(b.count), opts)
    end
    return
  end
  list.binned = list.binned or columns.count ~= nil
  local count = columns.count and (tonumber(get(row, columns.count)) or -1)
  add(list, t, tonumber(get(row, columns.value)), count, opts)
end

local function words_of(line)
  local words = {}
  for word in line:gmatch("[^%s,;]+") do
    words[#words + 1] = word
  end
  return words
end

local function csv_row(names, line)
  local row = {}
  for i, field in ipairs(split_csv(line)) do
    row[names[i] or i], row[i] = field, field
  end
  return row
end

-- how the first line of a file says to read it: a function(line) -> row or nil
local function form_of(line)
  if line:find("^%s*{") then
    return "json", function(text)
      local row = decode(text, text:find("%S"), 0)
      return type(row) == "table" and row or nil
    end
  elseif line:find(",", 1, true) and line:find("%a") and not line:find("^%s*[%d%[]") then
    local names = split_csv(line)
    return "csv", function(text) return csv_row(names, text) end
  end
  return "columns", words_of
end

--- Rows {time, slot, count} of lines, an iterator, for heat.svg; added to `list`, a list that
--- counts in its field skipped what was no row. opts: time, value, count, the columns by name or
--- number; scale, seconds of a unit of time; multiply, of values; step, min, for linear slots.
--- list.binned tells that values were counted already. True, or nil, message when the columns are
--- not known.
function M.read(lines, opts, list)
  local kind, read, columns, message
  list.skipped = list.skipped or 0
  for line in lines do
    line = line:gsub("[\r\n]+$", "")
    if not kind and line:find("%S") then
      kind, read = form_of(line)
      line = kind == "csv" and "" or line
    end
    local row = line:find("%S") and read(line)
    if row and not columns then
      columns, message = columns_of(row, opts, kind ~= "columns")
      if not columns and kind ~= "columns" then
        return nil, message
      end
    end
    if row and columns and (row.buckets or get(row, columns.time) ~= nil) then
      add_row(list, row, columns, opts)
    elseif line:find("%S") then
      list.skipped = list.skipped + 1
    end
  end
  return true
end

return M
