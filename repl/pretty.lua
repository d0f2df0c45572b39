-- SPDX-License-Identifier: Apache-2.0
-- pretty: values as the prompt shows them. Pure: the colours are given.

local M = {}

local DEPTH, ITEMS = 4, 200

local COLOURS = {
  number = "36", string = "32", boolean = "35", ["nil"] = "90", error = "31", dim = "90",
  title = "1", key = "34",
}

--- style(kind, text) -> text: paints only if `colours`.
function M.painter(colours)
  return function(kind, text)
    local code = colours and COLOURS[kind]
    return code and ("\27[%sm%s\27[0m"):format(code, text) or text
  end
end

local function plain(_, text)
  return text
end

local NAMES = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quote(s)
  s = s:gsub('[%c"\\]', function(c)
    return NAMES[c] or ("\\x%02x"):format(c:byte())
  end)
  -- bytes that are no UTF-8 would spoil the line
  if not utf8.len(s) then
    s = s:gsub("[\x80-\xff]", function(c)
      return ("\\x%02x"):format(c:byte())
    end)
  end
  return '"' .. s .. '"'
end

-- integers whole; those that look like addresses in hexadecimal, too
local function number(n)
  if math.type(n) == "integer" then
    if n < 0 and n < -(1 << 40) then
      return ("%d (0x%x)"):format(n, n)
    end
    return ("%d"):format(n)
  end
  return ("%.14g"):format(n)
end

local function is_name(k)
  return type(k) == "string" and k:find("^[%a_][%w_]*$") ~= nil
end

local RANK = { number = 1, string = 2 }

local function before(a, b)
  local ra, rb = RANK[type(a)] or 3, RANK[type(b)] or 3
  if ra ~= rb then
    return ra < rb
  end
  if ra == 3 then
    return tostring(a) < tostring(b)
  end
  return a < b
end

local function sorted_keys(t, n)
  local keys = {}
  for k in next, t do
    if not (math.type(k) == "integer" and k >= 1 and k <= n) then
      keys[#keys + 1] = k
    end
  end
  table.sort(keys, before)
  return keys
end

local format

local function key_text(k, state)
  if is_name(k) then
    return state.paint("key", k) .. " = "
  end
  return "[" .. format(k, state, DEPTH) .. "] = "
end

-- the texts of a table's items
local function items(t, state, depth)
  local n = #t
  local found, count = {}, 0
  local function add(prefix, v)
    count = count + 1
    if count <= ITEMS then
      found[#found + 1] = prefix .. format(v, state, depth + 1)
    end
  end
  for i = 1, n do
    add("", rawget(t, i))
  end
  for _, k in ipairs(sorted_keys(t, n)) do
    add(key_text(k, state), rawget(t, k))
  end
  if count > ITEMS then
    found[#found + 1] = state.paint("dim", ("... and %d more"):format(count - ITEMS))
  end
  return found
end

local function bare(text)
  return (text:gsub("\27%[[%d;]*m", ""))
end

local function table_text(t, state, depth)
  if state.seen[t] then
    return state.paint("dim", "<the same table>")
  end
  if next(t) == nil then
    return "{}"
  end
  if depth >= DEPTH then
    return state.paint("dim", "{...}")
  end
  state.seen[t] = true
  local list = items(t, state, depth)
  state.seen[t] = nil
  local line = "{ " .. table.concat(list, ", ") .. " }"
  if #bare(line) + 2 * depth <= state.width and not line:find("\n", 1, true) then
    return line
  end
  local indent = ("  "):rep(depth + 1)
  return ("{\n%s%s\n%s}"):format(indent, table.concat(list, ",\n" .. indent), ("  "):rep(depth))
end

function format(v, state, depth)
  local kind = type(v)
  if kind == "string" then
    return state.paint("string", quote(v))
  elseif kind == "number" then
    return state.paint("number", number(v))
  elseif kind == "table" then
    local meta = getmetatable(v)
    if type(meta) == "table" and meta.__tostring then
      return tostring(v)
    end
    return table_text(v, state, depth)
  end
  return state.paint(kind, tostring(v))
end

--- The text of any value. opts: width, paint.
function M.value(v, opts)
  opts = opts or {}
  return format(v, { paint = opts.paint or plain, width = opts.width or 80, seen = {} }, 0)
end

--- Is it a live handle of module probe?
function M.is_handle(v)
  return type(v) == "table" and type(v.render) == "function" and type(v.stop) == "function"
end

--- As the prompt prints a result: strings plain, handles with what they have counted.
function M.result(v, opts)
  if M.is_handle(v) then
    local text = v:render{ width = opts.width, colour = opts.colour }
    return (("%s\n%s"):format(v, text):gsub("\n+$", ""))
  end
  if type(v) == "string" and not v:find("[%c]") and utf8.len(v) then
    return opts.paint("string", v)
  elseif type(v) == "string" and utf8.len(v) and not v:find("[^%C\n\t]") then
    return v
  end
  return M.value(v, opts)
end

local BLOCKS = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local ASCII = { "_", ".", ":", "-", "=", "+", "*", "#" }

--- One character a number, against the greatest of them.
function M.sparkline(values, unicode)
  local marks, most, out = unicode and BLOCKS or ASCII, 0, {}
  for _, v in ipairs(values) do
    most = math.max(most, v)
  end
  for i, v in ipairs(values) do
    local step = v > 0 and most > 0 and math.max(1, math.ceil(v * #marks / most)) or 0
    out[i] = step == 0 and " " or marks[step]
  end
  return table.concat(out)
end

return M
