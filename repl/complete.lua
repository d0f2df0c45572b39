-- SPDX-License-Identifier: Apache-2.0
-- complete: what could stand where the cursor is. complete(line, cursor) returns a list of
-- words or {word, shown}, the byte from which they stand, and a note if there is no word.

local commands = require "repl.commands"
local help = require "repl.help"

local M = {}

local LIMIT = 5000

local KEYWORDS = {
  "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
  "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
}

local env = _G

local function starts(s, prefix)
  return s:sub(1, #prefix) == prefix
end

local function matching(words, prefix)
  local found = {}
  for _, word in ipairs(words) do
    local text = type(word) == "table" and word[1] or word
    if starts(text, prefix) then
      found[#found + 1] = word
    end
  end
  return found
end

local function module_probes()
  local found, probes = pcall(require, "probes")
  return found and probes or nil
end

-- ---- kinds of words ----

local function probe_words(prefix)
  local probes = module_probes()
  local found, words = pcall(probes and probes.complete or error, prefix, LIMIT)
  return found and words or {}
end

local function struct_words(prefix)
  local probes = module_probes()
  if not probes then
    return {}
  end
  if prefix:find(":", 1, true) then
    local words = {}
    local bare = not prefix:find("^tracepoint:")
    for _, word in ipairs(probe_words(bare and "tracepoint:" .. prefix or prefix)) do
      words[#words + 1] = bare and word:gsub("^tracepoint:", "") or word
    end
    return words
  end
  local found, words = pcall(probes.structs, prefix, LIMIT)
  return found and words or {}
end

local function file_words(prefix)
  local words = require("console").files(prefix)
  table.sort(words)
  return words
end

local function script_words(prefix)
  local words = {}
  for _, script in ipairs(require("console").scripts()) do
    words[#words + 1] = { script.name, ("%-20s %s"):format(script.name, script.summary) }
  end
  local found = matching(words, prefix)
  if #found == 0 then
    return file_words(prefix)
  end
  return found
end

local KINDS = { probe = probe_words, struct = struct_words, file = file_words,
  script = script_words }

-- ---- `:commands` ----

local function command_words(start, name)
  local words = {}
  for _, row in ipairs(commands.rows) do
    if starts(row[1], name) then
      words[#words + 1] = { ":" .. row[1] .. (row[2] ~= "" and " " or ""),
        (":%-8s %-20s %s"):format(row[1], row[2], row[3]) }
    end
  end
  return words, start
end

local function complete_command(before)
  local start, name = before:match("^%s*():(%S*)$")
  if name then
    return command_words(start, name)
  end
  local command, at = before:match("^%s*:(%S+)%s+()")
  local row = command and commands.find(command)
  if not row or not row.words then
    return nil
  end
  -- the last word, or for probes all that follows
  local from = before:match(".*%s()%S*$") or at
  local prefix = before:sub(from)
  local kind = type(row.words) == "string" and KINDS[row.words]
  if kind then
    return kind(prefix), from
  end
  return matching(row.words(), prefix), from
end

-- ---- inside of a string ----

-- the byte behind the quote of a string that is open at the end of the text, or nil
local function open_string(text)
  local at, open = 1, nil
  while at <= #text do
    local c = text:sub(at, at)
    if open then
      if c == "\\" then
        at = at + 1
      elseif c == open.quote then
        open = nil
      end
    elseif c == '"' or c == "'" then
      open = { quote = c, from = at + 1 }
    elseif c == "-" and text:sub(at, at + 1) == "--" then
      at = (text:find("\n", at, true) or #text + 1)
    end
    at = at + 1
  end
  return open and open.from, open and open.quote
end

local PROBE_CALLS = {}
for name in ("count sum avg min max hist lhist latency trace stacks who list args probe"):gmatch("%a+") do
  PROBE_CALLS[name] = true
end

-- the function whose argument list is open before `upto`, and the arguments' text so far
local function open_call(text, upto)
  local depth = 0
  for at = upto, 1, -1 do
    local c = text:sub(at, at)
    if c == ")" or c == "}" or c == "]" then
      depth = depth + 1
    elseif (c == "(" or c == "{" or c == "[") and depth > 0 then
      depth = depth - 1
    elseif c == "(" then
      return text:sub(1, at - 1):match("([%w_%.:]+)%s*$"), text:sub(at + 1, upto)
    end
  end
  return nil
end

-- names that an expression may use at this probe
local function field_words(spec, prefix)
  local probes = module_probes()
  local found, list = pcall(probes and probes.args or error, spec)
  local words = {}
  for _, arg in ipairs(found and list or {}) do
    words[#words + 1] = { arg.name, ("%-16s %s"):format(arg.name, arg.type or "") }
  end
  for _, name in ipairs{ "comm", "pid", "tid", "uid", "cpu", "retval", "ns" } do
    words[#words + 1] = name
  end
  return matching(words, prefix)
end

local function complete_string(before, from)
  local inside = before:sub(from)
  local head = before:sub(1, from - 2)
  local direct = head:match("([%w_]+)%s*%(?%s*$")
  if direct and PROBE_CALLS[direct] then
    return probe_words(inside), from
  end
  local call, arguments = open_call(head, #head)
  local name = call and call:match("[%w_]+$")
  local spec = arguments and arguments:match("^%s*[\"']([^\"']+)[\"']")
  if name and PROBE_CALLS[name] and spec then
    local word = inside:match("[%a_][%w_]*$") or ""
    return field_words(spec, word), from + #inside - #word
  end
  return file_words(inside), from
end

-- ---- names ----

-- what the dotted path names; no function is called but a map's or program's index
local function value_of(path)
  local value = env
  for name in path:gmatch("[%a_][%w_]*") do
    local got, next_value = pcall(function() return value[name] end)
    if not got or next_value == nil then
      return nil
    end
    value = next_value
  end
  return value
end

-- the functions of a value behind a colon or a dot
local function members(value)
  local found = {}
  local function take(t)
    for k in next, t do
      if type(k) == "string" and k:find("^[%a_][%w_]*$") and not k:find("^__") then
        found[k] = true
      end
    end
  end
  if type(value) == "table" then
    take(value)
  end
  local meta = debug.getmetatable(value)
  local index = meta and (type(meta.__index) == "table" and meta.__index or meta.methods)
  if index then
    take(index)
  end
  return found
end

local function show_name(path, name, value)
  local signature = type(value) == "function" and help.signature(path .. name)
  if type(value) == "function" then
    return { name .. "(", signature or name .. "()" }
  end
  return { name, type(value) == "table" and name .. "." or name }
end

local function names_in(value, path, prefix)
  local words = {}
  for name in pairs(members(value)) do
    if starts(name, prefix) then
      local _, member = pcall(function() return value[name] end)
      words[#words + 1] = show_name(path, name, member)
    end
  end
  table.sort(words, function(a, b) return a[1] < b[1] end)
  return words
end

local function complete_name(before)
  local path, separator, prefix = before:match("([%a_][%w_%.]*)([%.:])([%w_]*)$")
  if path then
    local value = value_of(path)
    if value == nil then
      return nil
    end
    return names_in(value, path .. separator, prefix), #before - #prefix + 1
  end
  prefix = before:match("[%a_][%w_]*$") or ""
  local words = names_in(env, "", prefix)
  for _, word in ipairs(prefix ~= "" and matching(KEYWORDS, prefix) or {}) do
    words[#words + 1] = { word, word }
  end
  return words, #before - #prefix + 1
end

-- behind "name(": its signature
local function call_note(before)
  local name = before:match("([%a_][%w_%.:]*)%s*%($")
  return name and help.signature(name)
end

--- Once: where the prompt's globals are.
function M.start(environment)
  env = environment
end

function M.complete(line, cursor)
  local before = line:sub(1, cursor)
  if before:find("^%s*:") then
    return complete_command(before)
  end
  local from = open_string(before)
  if from then
    return complete_string(before, from)
  end
  local note = call_note(before)
  if note then
    return {}, cursor + 1, note
  end
  return complete_name(before)
end

return M
