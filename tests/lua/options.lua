-- SPDX-License-Identifier: Apache-2.0
-- options: what each bundled script parses, from its own table, and values that fit its options
-- or do not. For test_options.lua, and for runtime/options.test in moontrace itself.

local M = {}

-- the host's modules are not needed before the options are parsed
local HOST = { "bpf", "debuginfo", "ftrace", "oneliner", "out", "probe", "probe_trace", "probes", "screen",
  "sys" }

-- what cannot be told from the type: a value by script and option, or by option
local VALUES = {
  argdist = { ["--histogram"] = "r::vfs_read():u64:$latency/1000#us", ["--count"] = "p::vfs_read()",
    ["--include"] = "linux/fs.h" },
  epollwake = { ["--callback"] = "/bin/sh:no_such_*" },
  heat = { file = "-", ["--time"] = "1", ["--value"] = "lo", ["--count"] = "count",
    ["--width"] = "400" },
  flame = { file = "-" },
  funccount = { pattern = "vfs_read" },
  funcgraph = { ["function"] = "vfs_read" },
  funclatency = { pattern = "vfs_read" },
  livepatch = { ["--patch"] = "no_such_patch" },
  skbpath = { ["--protocol"] = "icmp", ["--device"] = "lo" },
  stackcount = { pattern = "vfs_read" },
  symline = { frame = "main+0x10" },
  trace = { probe = 'p::vfs_read "%d", $pid', ["--include"] = "linux/fs.h" },
}
-- what a function refuses that parses values
local PATTERNS = { "", "t:", "u:", "t::x", "p::", "p:::", "x:y:z", "a b", ":", "u::", "c:" }
local REFUSED = {
  argdist = { ["--histogram"] = { "", "x", "r", "r:", "p::f", "x::f()", "r::f():u64", "t:irq:x:int:1" },
    ["--count"] = { "", "x", "r", "r:", "p::f", "x::f()", "r::f():u64", "p:c:f(:" } },
  epollwake = { ["--callback"] = { "", "x", ":", "/bin/sh", "/bin/sh:" } },
  funccount = { pattern = PATTERNS }, funclatency = { pattern = PATTERNS },
  skbpath = { ["--protocol"] = { "", "x", "-1", "256", "1.5", "1e30", "nan" },
    ["--device"] = { "", ("x"):rep(16), "a/b", "a b" }, ["--netns"] = { "", "a/b" } },
  stackcount = { pattern = PATTERNS },
  trace = { probe = { "", "t:", "p:::", "x:y:z", 'f "%d"', 'f "%', 'f (', 'f "%d", ' , 'f "%y", 1' } },
}
local BY_NAME = {
  ["--netns"] = "1",
}
-- options that say something only with another
local NEEDS = {
  ["--children"] = { "--top" }, ["--zero"] = { "--top" }, ["--rows"] = { "--top" },
  ["--unix-timestamp"] = { "--timestamp" }, ["profile --interval"] = { "--top" },
}
local BY_TYPE = {
  addr = "2001:db8::1", cpu = "0", cpus = "0,2-3", duration = "1.5", float = "2.5", int = "3",
  ipv4 = "192.0.2.1", pid = "1", tid = "1", port = "80", string = "text", uint = "100",
}

-- by kind of value: what is none. Numbers also have what is next to their limits
local NUMBERS = { "", "x", "-1", "1.5", "1e30", "nan", "inf", "-inf", "99999999999999999999999", "0x", "1 2",
  "1,,2", "--" }
local WRONG = {
  addr = { "", "x", "1.2.3", "1.2.3.256", "2001::1::2", "127.0.0.1/8", "localhost" },
  cpu = NUMBERS, pid = NUMBERS, tid = NUMBERS, port = NUMBERS, uint = NUMBERS,
  cpus = { "", "x", "-1", "1.5", "3-1", "0-", ",", "8192", "nan", "1e30", "99999999999999999999999" },
  duration = { "", "x", "-1", "0", "1e30", "nan", "inf", "-inf", "36501d", "1e3", "1..2", "5 s", "5parsec",
    "99999999999999999999999" },
  float = { "", "x", "nan", "inf", "-inf", "1e999", "0x1p4", "1..2" },
  int = { "", "x", "1.5", "1e30", "nan", "inf", "99999999999999999999999" },
}
WRONG.ipv4 = WRONG.addr

local function stub()
  for _, name in ipairs(HOST) do
    package.loaded[name] = nil
    package.preload[name] = function() return {} end
  end
end

--- The specification of a script, the file of which is told.
function M.spec(path)
  local args = require "args"
  local parse, found = args.parse, nil
  stub()
  args.parse = function(spec) -- luacheck: ignore 122
    found = spec
    error(M, 0)
  end
  local _, message = pcall(assert(loadfile(path)))
  args.parse = parse -- luacheck: ignore 122
  for _, name in ipairs(HOST) do
    package.loaded[name], package.preload[name] = nil, nil
  end
  return found or error(path .. ": " .. tostring(message), 0)
end

--- The kind of a value ("uint", "string", "function", ...), or "flag".
function M.kind(row)
  if type(row.type) == "function" then
    return "function"
  end
  return row.type or (row.arg or row[1]:sub(1, 1) ~= "-") and "string" or "flag"
end

--- The first long name of an option, else its letter; the name of a positional.
function M.long(row)
  for _, name in ipairs(row) do
    if name:sub(1, 2) == "--" then
      return name
    end
  end
  return row[1]
end

local function number_in(row, value)
  local n = tonumber(value)
  if row.min and n < row.min then
    n = row.min
  end
  if row.max and n > row.max then
    n = row.max
  end
  return math.type(n) == "integer" and tostring(n) or ("%.17g"):format(n)
end

--- A value that an option or a positional accepts.
function M.value(spec, row)
  local long, kind = M.long(row), M.kind(row)
  local known = (VALUES[spec.name] or {})[long] or BY_NAME[long]
  if known then
    return known
  elseif kind == "string" then
    return row.max and ("x"):rep(row.max) or BY_TYPE.string
  elseif kind:find("^choice:") then
    return kind:match(":([^,]+)")
  end
  local value = BY_TYPE[kind] or error(("%s: %s: no value for type %s"):format(spec.name, long, kind), 0)
  return (kind == "uint" or kind == "float" or kind == "int") and number_in(row, value) or value
end

-- beside the limits
local function outside(row, kind)
  local list = {}
  if kind == "duration" or kind == "uint" or kind == "int" or kind == "float" then
    if row.min and (kind == "int" or row.min > 0) then
      list[1] = kind == "uint" and tostring(row.min - 1) or kind == "int" and tostring(row.min - 1)
        or ("%.12f"):format(row.min * 0.99)
    end
    if row.max then
      list[#list + 1] = kind == "duration" and tostring(row.max * 2) or ("%.0f"):format(row.max * 2 + 1)
    end
  end
  return list
end

--- Values that an option or a positional must refuse.
function M.wrong(spec, row)
  local kind = M.kind(row)
  if kind == "function" then
    return (REFUSED[spec.name] or {})[M.long(row)]
      or error(("%s: %s: no values that it refuses"):format(spec.name, M.long(row)), 0)
  end
  local list = table.move(WRONG[kind] or {}, 1, #(WRONG[kind] or {}), 1, outside(row, kind))
  if kind:find("^choice:") then
    list = { "", "nonsense", kind:match(":(.+)") }
  elseif kind == "flag" then
    list = { "", "1" }
  elseif kind == "string" and row.min ~= 0 then
    list = { "" }
  end
  if kind == "string" and row.max then
    list[#list + 1] = ("x"):rep(row.max + 1)
  end
  return list
end

--- The required positionals with values, behind "--".
function M.required(spec, argv)
  argv = argv or {}
  for _, row in ipairs(spec.positionals or {}) do
    if row.required then
      argv[#argv + 1] = M.value(spec, row)
    end
  end
  return argv
end

--- Lists of words, each with one option, by its long name, and what goes with it.
function M.lines(spec)
  local lines = { M.required(spec) }
  for _, row in ipairs(spec.options or {}) do
    local long = M.long(row)
    local argv = { table.unpack(NEEDS[long] or NEEDS[spec.name .. " " .. long] or {}) }
    argv[#argv + 1] = long
    argv[#argv + 1] = M.kind(row) ~= "flag" and M.value(spec, row) or nil
    lines[#lines + 1] = M.required(spec, argv)
  end
  return lines
end

-- the words of a line as sh has them, and the word at which each of its commands begins
local function words_of(line)
  local words, word, at = {}, nil, 1
  local function add(text)
    word = (word or "") .. text
  end
  while at <= #line do
    local c = line:sub(at, at)
    local quoted = c:find("['\"]") and line:match(c == "'" and "^'([^']*)'" or '^"([^"]*)"', at)
    if quoted then
      add(quoted)
      at = at + #quoted + 1
    elseif c:find("%s") then
      words[#words + 1], word = word, nil
    elseif c:find("[|;<>&]") then
      words[#words + 1], word = word, nil
      words[#words + 1] = { c }
    else
      add(c)
    end
    at = at + 1
  end
  words[#words + 1] = word
  return words
end

--- The commands of an example: a list of their words. Files of redirections are left out.
function M.commands(line)
  local list, skip = { {} }, false
  for _, word in ipairs(words_of(line)) do
    local command = list[#list]
    if type(word) == "table" and word[1]:find("[<>]") then
      skip = true
    elseif type(word) == "table" then
      list[#list + 1] = {}
    elseif not skip then
      command[#command + 1] = word
    else
      skip = false
    end
  end
  return list
end

return M
