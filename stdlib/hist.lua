-- SPDX-License-Identifier: Apache-2.0
-- hist: histograms of what BPF programs counted, as text and as tables.
--
-- A log2 histogram counts value v in slot 0 for v = 0 and in the slot of its bit length
-- otherwise: slot 1 is [1,1], slot 2 is [2,3], slot 3 is [4,7], slot 64 is [2^63, 2^64-1].
-- A linear one counts v in slot (v - min) / step. Counts, and the values of log2 slots, are
-- u64: print them with fmt.u64.
--
-- DATA, wherever a function takes it, is one of
--   {[slot]=count}                           one histogram
--   a list of {key=, slot=, count=}          one per key; no key: one histogram
--   a list of {KEY, count}, a map snapshot   KEY is a slot, or a table of slot= and the rest
--   anything with a snapshot method, a map
-- Entries of the same key and slot add up.

local fmt = require "fmt"

local M = {}

local MAX_SLOT = { log2 = 64, linear = 0x7fffffff }
local MAX_GAP = 16
local QUANTILES = { { "p50", "P50", 0.50 }, { "p95", "P95", 0.95 }, { "p99", "P99", 0.99 },
  { "p999", "P99.9", 0.999 } }

-- options that may stand next to the slots in {[slot]=count, label="usecs"}
local OPTIONS = {
  label = true, key = true, section = true, sort = true, strip_leading_zero = true,
  width = true, kind = true, step = true, min = true, max = true, total = true, stats = true,
  file = true,
}

--- The log2 slot of v, an integer read as u64: 0 to 64.
function M.slot(v)
  local slot = 0
  for shift = 5, 0, -1 do
    local bits = 1 << shift
    if v >> bits ~= 0 then
      v, slot = v >> bits, slot + bits
    end
  end
  return v ~= 0 and slot + 1 or 0
end

--- First and last value of a log2 slot, 0 to 64, as u64 (slot 64: 2^63 and 2^64-1, which as
--- Lua integers are negative).
function M.bounds(slot)
  if math.type(slot) ~= "integer" or slot < 0 or slot > 64 then
    error("hist.bounds: a slot is an integer from 0 to 64", 2)
  end
  if slot == 0 then
    return 0, 0
  end
  return 1 << slot - 1, (1 << slot) - 1
end

-- what bucket a slot is, with the ends as text and as numbers
local function bucket_of(slot, count, opts)
  local b = { slot = slot, count = count, weight = fmt.u64_float(count) }
  if opts.kind == "linear" then
    b.lo = opts.min + slot * opts.step
    b.hi = b.lo + opts.step - 1
    b.lo_text, b.hi_text = tostring(b.lo), tostring(b.hi)
    b.lo_float, b.hi_float = b.lo + 0.0, b.hi + 0.0
  else
    b.lo, b.hi = M.bounds(slot)
    b.lo_text, b.hi_text = fmt.u64(b.lo), fmt.u64(b.hi)
    b.lo_float, b.hi_float = fmt.u64_float(b.lo), fmt.u64_float(b.hi)
  end
  return b
end

local function check_options(o)
  if not MAX_SLOT[o.kind] then
    error("hist: kind is 'log2' or 'linear'", 0)
  end
  if o.sort ~= "count" and o.sort ~= "key" then
    error("hist: sort is 'count' or 'key'", 0)
  end
  for _, name in ipairs { "width", "step", "min" } do
    o[name] = math.tointeger(o[name])
    if not o[name] or (name ~= "min" and o[name] < 1) then
      error("hist: " .. name .. " must be a whole number", 0)
    end
  end
end

local function default_options(data, opts)
  local given = opts or (type(data) == "table" and data) or {}
  local get = given == data and rawget or function(t, name) return t[name] end
  local o = { width = 40, kind = "log2", step = 1, min = 0, sort = "count" }
  for name in pairs(OPTIONS) do
    local value = get(given, name)
    if value ~= nil then
      o[name] = value
    end
  end
  check_options(o)
  return o
end

-- {KEY, count} and {key=, slot=, count=} as section key, slot, count
local function resolve(entry)
  local key = entry.key
  if key == nil then
    key = entry[1]
  end
  local count = entry.count or entry.value or entry[2]
  if entry.slot or type(key) ~= "table" then
    local slot = entry.slot
    return slot and key or nil, slot or key, count
  end
  local rest, fields = {}, 0
  for name, value in pairs(key) do
    if name ~= "slot" then
      rest[name], fields = value, fields + 1
    end
  end
  if fields == 1 and rest.key ~= nil then
    rest = rest.key
  end
  return fields > 0 and rest or nil, key.slot, count
end

local function table_text(key)
  local words = {}
  for name, value in pairs(key) do
    words[#words + 1] = ("%s=%s"):format(name, value)
  end
  table.sort(words)
  return table.concat(words, ", ")
end

local function title_of(key, opts)
  if type(opts.key) == "function" then
    return fmt.safe(opts.key(key))
  end
  if opts.key then
    return fmt.safe(opts.key:format(key))
  end
  return fmt.safe(type(key) == "table" and table_text(key) or key)
end

local function add(sections, key, slot, count, opts)
  slot, count = math.tointeger(slot), math.tointeger(count)
  if not slot or slot < 0 or slot > MAX_SLOT[opts.kind] then
    error(("hist: a slot of a %s histogram is 0 to %d"):format(opts.kind, MAX_SLOT[opts.kind]), 0)
  end
  if not count then
    error("hist: a count must be an integer", 0)
  end
  local title = key ~= nil and title_of(key, opts) or ""
  local section = sections[title]
  if not section then
    section = { key = key, title = title, slots = {}, count = 0 }
    sections[title] = section
    sections[#sections + 1] = section
  end
  section.slots[slot] = (section.slots[slot] or 0) + count
  section.count = section.count + count
end

local function add_all(sections, data, opts)
  for name, value in pairs(data) do
    if type(value) == "table" and math.type(name) == "integer" then
      local key, slot, count = resolve(value)
      add(sections, key, slot, count, opts)
    elseif math.type(name) == "integer" then
      add(sections, nil, name, value, opts)
    elseif not OPTIONS[name] then
      error(("hist: '%s' is neither a slot nor an option"):format(tostring(name)), 0)
    end
  end
end

local function sort_sections(sections, opts)
  local numeric = true
  for _, section in ipairs(sections) do
    numeric = numeric and type(section.key) == "number"
  end
  table.sort(sections, function(a, b)
    if opts.sort ~= "key" and a.count ~= b.count then
      return math.ult(b.count, a.count)
    end
    if numeric and a.key ~= b.key then
      return a.key < b.key
    end
    return a.title < b.title
  end)
end

-- non-empty buckets of a section in order
local function fill_buckets(section, opts)
  section.buckets = {}
  for slot, count in pairs(section.slots) do
    if count ~= 0 then
      table.insert(section.buckets, bucket_of(slot, count, opts))
    end
  end
  table.sort(section.buckets, function(a, b) return a.slot < b.slot end)
end

-- exact total or maximum: a number for all, or a table by section key or title
local function exact(value, section)
  if type(value) ~= "table" then
    return value
  end
  local found = section.key ~= nil and value[section.key]
  return found or value[section.title]
end

-- x back from float: rounded, and between lo and hi, both {integer, float}
local function clamp(x, lo, hi)
  if x >= hi[2] or x <= lo[2] then
    return x >= hi[2] and hi[1] or lo[1]
  end
  local whole = math.floor(x + 0.5)
  if math.type(whole) ~= "integer" then
    whole = math.tointeger(whole - 0x1p64)
  end
  return whole
end

local function total_weight(buckets)
  local sum = 0.0
  for _, b in ipairs(buckets) do
    sum = sum + b.weight
  end
  return sum
end

-- last value of the highest bucket b: the exact maximum, where that is known and inside b
local function top_of(b, max, opts)
  max = math.tointeger(max)
  if max and opts.kind == "log2" and M.slot(max) == b.slot then
    return { max, fmt.u64_float(max) }
  end
  if max and opts.kind == "linear" and max >= b.lo and max <= b.hi then
    return { max, max + 0.0 }
  end
  return { b.hi, b.hi_float }
end

-- estimate at rank q (0 to 1) of the buckets' values
local function quantile(buckets, q, max, opts)
  local n, before = total_weight(buckets), 0.0
  local rank = q * n
  for i, b in ipairs(buckets) do
    if before + b.weight >= rank - n * 1e-12 or i == #buckets then
      local hi = i == #buckets and top_of(b, max, opts) or { b.hi, b.hi_float }
      local part = math.min(1.0, math.max(0.0, (rank - before) / b.weight))
      return clamp(b.lo_float + part * (hi[2] - b.lo_float), { b.lo, b.lo_float }, hi)
    end
    before = before + b.weight
  end
  return nil
end

local function fill_stats(section, opts)
  local buckets = section.buckets
  local top = buckets[#buckets]
  local max, total = exact(opts.max, section), exact(opts.total, section)
  section.max, section.max_exact = max or (top and top.hi), max ~= nil
  section.total = total
  section.avg = total and top and fmt.u64_float(total) / fmt.u64_float(section.count) or nil
  for _, q in ipairs(QUANTILES) do
    section[q[1]] = quantile(buckets, q[3], max, opts)
  end
end

-- DATA as a sorted list of sections; or nil, message, code when a snapshot failed
local function sections_of(data, opts)
  if type(data) == "userdata" or (type(data) == "table" and data.snapshot) then
    local list, msg, code = data:snapshot()
    if not list then
      return nil, msg, code
    end
    data = list
  end
  local sections = {}
  add_all(sections, data, opts)
  sort_sections(sections, opts)
  for _, section in ipairs(sections) do
    fill_buckets(section, opts)
    fill_stats(section, opts)
  end
  return sections
end

local function number_text(n, opts)
  return opts.kind == "log2" and fmt.u64(n) or tostring(n)
end

local function stats_line(section, opts)
  local words = { "count " .. fmt.u64(section.count) }
  if section.avg then
    words[#words + 1] = ("avg %.1f"):format(section.avg)
  end
  for _, q in ipairs(QUANTILES) do
    words[#words + 1] = ("%s ~%s"):format(q[2], number_text(section[q[1]], opts))
  end
  words[#words + 1] = ("max %s%s"):format(section.max_exact and "" or "<= ",
    number_text(section.max, opts))
  return "     " .. table.concat(words, ", ") .. "\n"
end

-- buckets to print: gaps filled, "false" for a gap too long to fill
local function rows_of(section, opts)
  local rows, buckets = {}, section.buckets
  local next_slot = 0
  if opts.strip_leading_zero ~= false then
    next_slot = buckets[1].slot
  end
  for _, b in ipairs(buckets) do
    if opts.kind == "linear" and b.slot - next_slot > MAX_GAP then
      rows[#rows + 1] = false
      next_slot = b.slot
    end
    for slot = next_slot, b.slot - 1 do
      rows[#rows + 1] = bucket_of(slot, 0, opts)
    end
    rows[#rows + 1] = b
    next_slot = b.slot + 1
  end
  return rows
end

-- widths of the number columns and the largest count
local function measure(rows)
  local bound, count, largest = 10, 8, 0
  for _, b in ipairs(rows) do
    if b then
      bound = math.max(bound, #b.lo_text, #b.hi_text)
      count = math.max(count, #fmt.u64(b.count))
      largest = math.ult(largest, b.count) and b.count or largest
    end
  end
  return bound, count, largest
end

local function bar(count, largest, width)
  local length
  if largest > 0 and largest < 1 << 40 then
    length = count * width // largest
  else
    length = math.floor(width * (fmt.u64_float(count) / fmt.u64_float(largest)))
  end
  return ("*"):rep(length) .. (" "):rep(width - length)
end

local function label_of(b, bound, single)
  if single then
    return "        " .. b.lo_text .. (" "):rep(bound - #b.lo_text)
  end
  return ("%s%s -> %s%s"):format((" "):rep(bound - #b.lo_text), b.lo_text, b.hi_text,
    (" "):rep(bound - #b.hi_text))
end

local function header(opts, bound, count_width, single)
  local label_width = single and bound + 3 or bound * 2 - 1
  return ("     %s : %s  distribution\n"):format(fmt.pad(opts.label or "value", label_width),
    fmt.pad("count", count_width))
end

local function section_text(section, opts)
  if #section.buckets == 0 then
    return ("     %s : no data\n"):format(fmt.pad(opts.label or "value", 19))
  end
  local rows = rows_of(section, opts)
  local single = opts.kind == "linear" and opts.step == 1
  local bound, count_width, largest = measure(rows)
  local lines = { header(opts, bound, count_width, single) }
  for _, b in ipairs(rows) do
    lines[#lines + 1] = not b and "         ...\n" or ("%s : %s |%s|\n"):format(
      label_of(b, bound, single), fmt.pad(fmt.u64(b.count), count_width),
      bar(b.count, largest, opts.width))
  end
  if opts.stats ~= false then
    lines[#lines + 1] = stats_line(section, opts)
  end
  return table.concat(lines)
end

--- Histograms of DATA as text. opts, all optional:
---   label               unit of the values in the title line ("value")
---   kind                "log2" (the default) or "linear"
---   step, min           linear: values per slot (1), first value of slot 0 (0)
---   key                 function(key) -> title, or a string.format text, for section titles
---   section             word before the title: "disk" prints "disk = sda"
---   sort                "count": busiest section first (the default); "key": by key
---   strip_leading_zero  start at the first counted bucket (true); false: at slot 0
---   width               columns of the bar (40)
---   stats               false: no line with count, quantiles and max
---   max, total          exact maximum and sum of the values, where counted apart; a number, or
---                       a table by section key; quantiles and max are estimates otherwise
--- Quantiles are interpolated inside their bucket. No data gives a line that says so.
--- Returns nil, message, code when a map's snapshot failed. Raises for a slot out of range.
function M.format(data, opts)
  opts = default_options(data, opts)
  local sections, msg, code = sections_of(data, opts)
  if not sections then
    return nil, msg, code
  end
  if #sections == 0 then
    return section_text({ buckets = {} }, opts)
  end
  local parts = {}
  for _, section in ipairs(sections) do
    local title = section.key ~= nil and section.title .. "\n" or ""
    if title ~= "" and opts.section then
      title = fmt.safe(opts.section) .. " = " .. title
    end
    parts[#parts + 1] = title .. section_text(section, opts)
  end
  return table.concat(parts, "\n")
end

local function with_kind(data, opts, kind)
  opts = default_options(data, opts)
  opts.kind = kind
  return M.format(data, opts)
end

--- hist.format of log2 slots; options may stand in the data table:
--- hist.log2{ [3] = 5, label = "usecs" }.
function M.log2(data, opts)
  return with_kind(data, opts, "log2")
end

--- hist.format of linear slots.
function M.linear(data, opts)
  return with_kind(data, opts, "linear")
end

--- Writes hist.format to opts.file, standard output unless given. Returns true, or nil,
--- message, code.
function M.print(data, opts)
  local text, msg, code = M.format(data, opts)
  if not text then
    return nil, msg, code
  end
  local file = opts and opts.file or io.stdout
  local done
  done, msg, code = file:write(text)
  if not done then
    return nil, msg, code
  end
  return true
end

--- Estimate of the quantile q (0 to 1) over all of DATA, interpolated inside its bucket and
--- never outside of it: an integer (u64 for log2), or nil without data. opts as hist.format's
--- kind, step, min and max (a number).
function M.quantile(data, q, opts)
  if type(q) ~= "number" or q < 0 or q > 1 then
    error("hist.quantile: q must be 0 to 1", 2)
  end
  opts = default_options(data, opts)
  opts.key = function() return "" end
  local sections, msg, code = sections_of(data, opts)
  if not sections then
    return nil, msg, code
  end
  return sections[1] and quantile(sections[1].buckets, q, opts.max, opts)
end

-- a value for JSON: a u64 above the signed range becomes a float
local function plain(n, opts)
  if n and opts.kind == "log2" and math.type(n) == "integer" and n < 0 then
    return fmt.u64_float(n)
  end
  return n
end

-- a list that is [] in JSON while it is empty, if the host writes JSON
local function listed(t)
  local hosted, out = pcall(require, "out")
  return hosted and out.list and out.list(t) or t
end

local function section_table(section, opts)
  local t = {
    key = section.key, count = section.count, total = section.total, avg = section.avg,
    max = plain(section.max, opts), max_exact = section.max_exact, buckets = listed{},
    unit = opts.label,
  }
  for i, b in ipairs(section.buckets) do
    t.buckets[i] = { lo = plain(b.lo, opts), hi = plain(b.hi, opts), count = b.count }
  end
  for _, q in ipairs(QUANTILES) do
    t[q[1]] = plain(section[q[1]], opts)
  end
  return t
end

--- DATA as a table for JSON: {buckets={{lo=,hi=,count=}...}, count=, p50=, p95=, p99=, p999=,
--- max=, max_exact=, total=, avg=, unit=}, only buckets that counted something; with keys a list
--- of these, each with key=. Values from 2^63 up are floats. nil, message, code when a map's
--- snapshot failed.
function M.to_table(data, opts)
  opts = default_options(data, opts)
  local sections, msg, code = sections_of(data, opts)
  if not sections then
    return nil, msg, code
  end
  if #sections == 0 then
    return { buckets = listed{}, count = 0, max_exact = false, unit = opts.label }
  end
  if #sections == 1 and sections[1].key == nil then
    return section_table(sections[1], opts)
  end
  local list = {}
  for i, section in ipairs(sections) do
    list[i] = section_table(section, opts)
  end
  return list
end

return M
