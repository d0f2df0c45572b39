-- SPDX-License-Identifier: Apache-2.0
-- probe_show: what a one-liner has counted, as text, JSON or CSV.

local fmt = require "fmt"
local hist = require "hist"
local out = require "out"
local value = require "probe_value"
local stack = require "stack"

local M = {}

local function is_stack(f)
  return f.expr.kind == "kstack" or f.expr.kind == "ustack"
end

-- fields that are shown: not those that only help
local function shown_fields(h)
  local list = {}
  for _, f in ipairs(h.plan.sites[1].fields) do
    if f.member ~= "tgid" then
      list[#list + 1] = f
    end
  end
  return list
end

-- ---- entries ----

local function value_of(h, v)
  local kind = h.plan.kind
  if kind == "avg" then
    return v.count > 0 and v.sum / v.count or 0
  elseif kind == "sum" then
    return v.sum
  elseif kind == "min" or kind == "max" then
    return v.value
  end
  return v
end

-- one CPU's smallest or largest each: that of all
local function merge_cpus(h, entries)
  local merged, by_key = {}, {}
  for _, e in ipairs(entries) do
    local words = {}
    for _, m in ipairs(h.plan.layout) do
      if m.name ~= "cpu" then
        words[#words + 1] = tostring(e.key[m.name])
      end
    end
    local key = table.concat(words, "\0")
    local have = by_key[key]
    if e.value.seen ~= 0 and not have then
      by_key[key] = e
      merged[#merged + 1] = e
    elseif have and (h.plan.kind == "min") == (e.value.value < have.value.value) then
      have.value = e.value
    end
  end
  return merged
end

-- {rec=, value=, weight=} of all entries, in their order
local function entries_of(h, drain)
  local map = h.program.values
  local entries = drain and map:drain() or map:snapshot()
  if h.plan.record == "extreme" then
    entries = merge_cpus(h, entries)
  end
  local list = {}
  for i, e in ipairs(entries) do
    list[i] = { rec = e.key, value = value_of(h, e.value) }
  end
  return list
end

local function compare(h, a, b)
  if a.value ~= b.value then
    if h.plan.kind == "min" then
      return a.value < b.value
    end
    return a.value > b.value
  end
  for _, m in ipairs(h.plan.layout) do
    local x, y = a.rec[m.name], b.rec[m.name]
    if x ~= y then
      return x < y
    end
  end
  return false
end

--- Rows of a one-liner that is no histogram: {values by expression..., value=}, in order.
function M.rows(h, top, drain)
  if h.plan.record == "count" and h.plan.members == 0 then
    return { { rec = {}, value = h:take_hits(drain) } }
  end
  local list = entries_of(h, drain)
  table.sort(list, function(a, b) return compare(h, a, b) end)
  for i = #list, (top or #list) + 1, -1 do
    list[i] = nil
  end
  return list
end

-- ---- tables ----

local function number_text(v)
  return math.type(v) == "float" and ("%.1f"):format(v) or tostring(v)
end

local function stack_blocks(h, rows)
  local lines = {}
  local sink = { write = function(_, text) lines[#lines + 1] = text return true end }
  for _, row in ipairs(rows) do
    local who, words = {}, {}
    for _, f in ipairs(shown_fields(h)) do
      if f.expr.kind == "kstack" then
        who.kernel = row.rec[f.member]
      elseif f.expr.kind == "ustack" then
        who.user, who.tgid = row.rec[f.member], row.rec.tgid
      else
        words[#words + 1] = fmt.safe(tostring(value.of(h, f, row.rec)))
      end
    end
    stack.print(sink, stack.resolve(h.program.stacks, who), 4, { delimiter = true })
    lines[#lines + 1] = ("    %-16s %s\n        %s\n\n"):format("-", table.concat(words, " "),
      number_text(row.value))
  end
  return table.concat(lines)
end

local function has_stack(h)
  for _, f in ipairs(shown_fields(h)) do
    if is_stack(f) then
      return true
    end
  end
  return false
end

local function table_text(h, rows)
  local columns, list = {}, {}
  for i, f in ipairs(shown_fields(h)) do
    columns[i] = { i, title = f.expr.text:upper(), max = 80 }
    if f.expr.kind == "number" and not f.expr.show then
      columns[i].format = "%d"
    end
  end
  columns[#columns + 1] = { "value", title = h.plan.kind == "who" and "COUNT" or h.value_name:upper() }
  for i, row in ipairs(rows) do
    list[i] = { value = number_text(row.value) }
    for j, f in ipairs(shown_fields(h)) do
      list[i][j] = value.of(h, f, row.rec)
    end
  end
  columns[#columns].align = "right"
  return fmt.table(list, columns)
end

local function rows_text(h, rows)
  if #rows == 0 then
    return "no events\n"
  elseif #shown_fields(h) == 0 then
    return ("%s %s\n"):format(h.value_name, number_text(rows[1].value))
  elseif has_stack(h) then
    return stack_blocks(h, rows)
  end
  return table_text(h, rows)
end

-- ---- histograms ----

local function key_title(h, rec)
  local words = {}
  for i, f in ipairs(shown_fields(h)) do
    words[i] = ("%s = %s"):format(f.expr.text, fmt.safe(tostring(value.of(h, f, rec))))
  end
  return table.concat(words, ", ")
end

-- the slots; what is below the first and above the last has no place in a histogram
local function split_slots(h, drain)
  local data, below, above = {}, {}, {}
  local keyed = #shown_fields(h) > 0
  local top = h.plan.linear and h.plan.linear.slots
  for _, e in ipairs(entries_of(h, drain)) do
    local title = keyed and key_title(h, e.rec) or nil
    if e.rec.slot < 0 then
      below[title or ""] = (below[title or ""] or 0) + e.value
    elseif e.rec.slot == top then
      above[title or ""] = (above[title or ""] or 0) + e.value
    else
      data[#data + 1] = { key = title, slot = e.rec.slot, count = e.value }
    end
  end
  return data, below, above
end

-- "below 0: 3", a line for each title
local function outside(counts, word, bound)
  local lines, titles = {}, {}
  for title in pairs(counts) do
    titles[#titles + 1] = title
  end
  table.sort(titles)
  for i, title in ipairs(titles) do
    lines[i] = ("     %s%s %d: %d\n"):format(title ~= "" and title .. ": " or "", word, bound,
      counts[title])
  end
  return table.concat(lines)
end

local function hist_options(h, opts)
  local linear = h.plan.linear
  return { label = h.plan.label, width = opts and opts.width and math.max(opts.width - 45, 10),
    kind = linear and "linear" or nil, min = linear and linear.min, step = linear and linear.step,
    stats = not h.plan.quantiles }
end

local function quantile_line(h, data, how)
  local words = {}
  for _, q in ipairs(h.plan.quantiles) do
    local v = hist.quantile(data, q, { kind = how.kind, min = how.min, step = how.step })
    words[#words + 1] = ("p%g ~%s"):format(q * 100, v or "-")
  end
  return "     " .. table.concat(words, ", ") .. "\n"
end

local function hist_text(h, opts, drain)
  local data, below, above = split_slots(h, drain)
  local how, linear = hist_options(h, opts), h.plan.linear
  if #data == 0 and not next(below) and not next(above) then
    return "no events\n"
  end
  local parts = {}
  if #data > 0 then
    parts[1] = hist.format(data, how)
    if h.plan.quantiles then
      parts[2] = quantile_line(h, data, how)
    end
  end
  parts[#parts + 1] = outside(below, "below", linear and linear.min or 0)
  parts[#parts + 1] = outside(above, "from", linear and linear.max or 0)
  return table.concat(parts)
end

local function hist_table(h, drain)
  local data, below, above = split_slots(h, drain)
  local t = hist.to_table(data, hist_options(h))
  local list = t[1] and t or { t }
  for _, one in ipairs(list) do
    one.below, one.above = below[one.key or ""] or 0, above[one.key or ""]
    below[one.key or ""] = nil
  end
  for title, count in pairs(below) do
    list[#list + 1] = { key = title ~= "" and title or nil, buckets = {}, count = 0, below = count }
  end
  return list
end

-- ---- all together ----

--- Text of what is known now. opts: width, top. drain: and it is taken out.
function M.text(h, opts, drain)
  if h.plan.record == "hist" then
    return hist_text(h, opts, drain)
  elseif h.plan.record == "trace" then
    return ("%d lines\n"):format(h:hits())
  end
  return rows_text(h, M.rows(h, opts and opts.top or h.plan.top, drain))
end

--- Plain tables: a list of rows by expression, or of histograms.
function M.data(h, drain)
  if h.plan.record == "hist" then
    return hist_table(h, drain)
  elseif h.plan.record == "trace" then
    return { { lines = h:hits() } }
  end
  local list = {}
  for i, row in ipairs(M.rows(h, h.plan.top, drain)) do
    local t = { [h.value_name] = row.value }
    for _, f in ipairs(shown_fields(h)) do
      t[f.expr.text] = value.of(h, f, row.rec)
    end
    list[i] = t
  end
  return list
end

local function csv_columns(h)
  local columns = {}
  if h.plan.record == "hist" then
    return out.columns{ { "key" }, { "lo", "%d" }, { "hi", "%d" }, { "count", "%d" } }
  end
  for i, f in ipairs(shown_fields(h)) do
    columns[i] = { "c" .. i, "%s", title = f.expr.text, key = f.expr.text }
  end
  columns[#columns + 1] = { "value", "%s", title = h.value_name, key = h.value_name }
  return out.columns(columns)
end

local function print_csv(h, drain)
  local sink = h.csv or csv_columns(h)
  h.csv = sink
  if h.plan.record == "hist" then
    for _, t in ipairs(hist_table(h, drain)) do
      for _, b in ipairs(t.buckets) do
        sink:row{ key = t.key or "", lo = b.lo, hi = b.hi, count = b.count }
      end
    end
    return
  end
  for _, row in ipairs(M.rows(h, h.plan.top, drain)) do
    local cells = { value = row.value }
    for i, f in ipairs(shown_fields(h)) do
      cells["c" .. i] = value.of(h, f, row.rec)
    end
    sink:row(cells)
  end
end

--- Prints the result as out.mode() says.
function M.print(h, drain)
  if h.plan.record == "trace" then
    return
  elseif out.mode() == "json" then
    for _, row in ipairs(M.data(h, drain)) do
      print(out.json(row))
    end
  elseif out.mode() == "csv" then
    print_csv(h, drain)
  else
    io.write(M.text(h, nil, drain))
  end
end

return M
