-- SPDX-License-Identifier: Apache-2.0
-- args_help: help text, roff and near names, from a specification args has compiled.

local fmt = require "fmt"

local M = {}

local MAX_LABEL = 28
local MIN_WIDTH = 40

--- Columns of the terminal, from COLUMNS; 80 where that says nothing useful.
function M.columns()
  local n = math.tointeger(tonumber(os.getenv("COLUMNS") or ""))
  return n and n >= MIN_WIDTH and n <= 1000 and n or 80
end

-- words of text in lines of at most width cells; a longer word has a line of its own
local function wrap(text, width)
  local lines, line = {}, nil
  for word in text:gmatch("%S+") do
    local longer = line and line .. " " .. word or word
    if line and fmt.width(longer) > width then
      lines[#lines + 1] = line
      longer = word
    end
    line = longer
  end
  lines[#lines + 1] = line
  return lines
end

-- {label, text} pairs as two columns; labels that are too long have a line of their own
local function two_columns(pairs_list, width)
  local label_width, lines = 0, {}
  local longest = math.min(MAX_LABEL, width // 2 - 2)
  for _, pair in ipairs(pairs_list) do
    local w = fmt.width(pair[1])
    label_width = w <= longest and math.max(label_width, w) or label_width
  end
  for _, pair in ipairs(pairs_list) do
    local text = wrap(pair[2], width - label_width - 4)
    local first = fmt.width(pair[1]) <= label_width and table.remove(text, 1) or nil
    local label = first and fmt.pad(pair[1], label_width) .. "  " .. first or pair[1]
    lines[#lines + 1] = "  " .. label
    for _, more in ipairs(text) do
      lines[#lines + 1] = (" "):rep(label_width + 4) .. more
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function default_text(row)
  local default = row.default
  if default == nil or default == false or default == true then
    return ""
  end
  if type(default) == "table" then
    default = default.text or table.concat(default, ",")
  end
  return (" (default: %s)"):format(default)
end

local function row_help(row)
  return (row.help or "") .. default_text(row) .. (row.repeatable and " (may be repeated)" or "")
end

local function option_label(row)
  local words = {}
  for _, name in ipairs(row.names) do
    words[#words + 1] = name
  end
  local label = table.concat(words, ", ")
  if not row.names[1]:find("^%-[^-]") then
    label = "    " .. label
  end
  return row.arg and label .. " " .. row.arg or label
end

local function positional_usage(row)
  local word = row.repeatable and row.name .. "..." or row.name
  return row.required and word or "[" .. word .. "]"
end

--- "name [options] [interval] [count]"
function M.usage(compiled)
  local words = { compiled.spec.name, "[options]" }
  if compiled.spec.usage then
    words[#words + 1] = compiled.spec.usage
  else
    for _, row in ipairs(compiled.positionals) do
      words[#words + 1] = positional_usage(row)
    end
  end
  return table.concat(words, " ")
end

local function rows_help(rows, label, width)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = { label(row), row_help(row) }
  end
  return two_columns(list, width)
end

--- The whole of --help, wrapped to width columns.
function M.help(compiled, width)
  local spec = compiled.spec
  local usage = table.concat(wrap(M.usage(compiled), width - #"usage: "), "\n" .. (" "):rep(#"usage: "))
  local parts = { "usage: " .. usage .. "\n" }
  if spec.summary then
    parts[#parts + 1] = table.concat(wrap(spec.summary, width), "\n") .. "\n"
  end
  if #compiled.positionals > 0 then
    local label = function(row) return row.name end
    parts[#parts + 1] = "arguments:\n" .. rows_help(compiled.positionals, label, width)
  end
  parts[#parts + 1] = "options:\n" .. rows_help(compiled.rows, option_label, width)
  if spec.examples and #spec.examples > 0 then
    local list = {}
    for i, example in ipairs(spec.examples) do
      list[i] = { example[1], example[2] or "" }
    end
    parts[#parts + 1] = "examples:\n" .. two_columns(list, width)
  end
  return table.concat(parts, "\n")
end

local function roff(text)
  text = text:gsub("\\", "\\e"):gsub("-", "\\-"):gsub("%s+", " ")
  return (text:gsub("^([.'])", "\\&%1"))
end

local function roff_entry(label, row)
  return (".TP\n%s\n%s\n"):format(label, roff(row_help(row)))
end

local function roff_label(row)
  local words = {}
  for i, name in ipairs(row.names) do
    words[i] = "\\fB" .. roff(name) .. "\\fR"
  end
  local label = table.concat(words, ", ")
  return row.arg and label .. " \\fI" .. roff(row.arg) .. "\\fR" or label
end

--- The OPTIONS section of a manual page in man(7) macros, arguments first.
function M.man(compiled)
  local parts = { ".SH OPTIONS\n" }
  for _, row in ipairs(compiled.positionals) do
    parts[#parts + 1] = roff_entry("\\fI" .. roff(row.name) .. "\\fR", row)
  end
  for _, row in ipairs(compiled.rows) do
    parts[#parts + 1] = roff_entry(roff_label(row), row)
  end
  return table.concat(parts)
end

-- edits (insert, delete, replace, swap of neighbours) from a to b
local function distance(a, b)
  local before, last = nil, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      row[j] = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
      if before and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last = last, row
  end
  return last[#b]
end

--- Names of the list near to name, nearest first, three at most: a third of the letters may
--- differ, or name is how they begin.
function M.near(name, list)
  local found = {}
  if #name > 64 then
    return found
  end
  for i, other in ipairs(list) do
    local far = distance(name, other)
    if other:sub(1, #name) == name and #name > 2 then
      far = math.min(far, 1)
    end
    if far <= math.max(1, (#other - 2) // 3) then
      found[#found + 1] = { name = other, far = far, at = i }
    end
  end
  table.sort(found, function(a, b)
    if a.far ~= b.far then
      return a.far < b.far
    end
    return a.at < b.at
  end)
  local names = {}
  for i = 1, math.min(3, #found) do
    names[i] = found[i].name
  end
  return names
end

return M
