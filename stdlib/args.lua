-- SPDX-License-Identifier: Apache-2.0
-- args: a script's options from rows; help, completion and the manual come from the same rows.
--
--   local opts = args.parse{
--     name = "softirqs", summary = "Summarize soft interrupt time.",
--     options = {
--       { "-d", "--dist", help = "show distributions as histograms" },
--       { "-c", "--cpu", type = "cpu", help = "only this CPU" },
--     },
--     positionals = { { "interval", type = "duration" }, { "count", type = "uint" } },
--     exclusive = { { "dist", "json" } },
--     examples = { { "softirqs 1 10", "print 1 second summaries, 10 times" } },
--   }
--
-- A row without type and arg is a flag. Fields of a row: arg (name of the value in the help),
-- type ("string" where only arg is given), help, default, repeatable, min, max (of numbers; of
-- durations in seconds; of strings in bytes, of which they have one at least unless min says
-- otherwise), and for positionals required.
--
-- Types: int, uint, float, cpu, cpus ("0,2-3" as a sorted list of {first, last}), pid and tid (all
-- four of what is there), port, string, duration (seconds), ipv4, addr ({family=, text=, bytes=,
-- be32=} with the bytes in network order and, IPv4 only, be32 the __be32 as the kernel stores it,
-- read as a little-endian integer),
-- choice:a,b and list:TYPE, or a function (text) -> value, or nil and what is accepted.

local fmt = require "fmt"
local there = require "args_there"
local types = require "args_types"
local text_of = require "args_help"

local M = {}

local FIELDS = {
  arg = true, type = true, help = true, default = true, repeatable = true, min = true,
  max = true, required = true, key = true,
}

-- rows every script has
local function standard_rows(spec)
  local rows = {}
  if spec.output ~= false then
    rows[1] = { "--json", help = "print one JSON object a line" }
    rows[2] = { "--csv", help = "print comma-separated values" }
  end
  rows[#rows + 1] = { "-h", "--help", help = "show this help and exit" }
  return rows
end

local function broken(message, ...)
  error("args: " .. message:format(...), 0)
end

--- How args.parse ends the script: writes text to stream and exits with status. Whoever must
--- survive (the host's REPL, a test) puts another function here; args.parse then returns nil,
--- message and "usage", "help" or "absent".
function M.exit(status, text, stream)
  stream:write(text)
  os.exit(status, true)
end

local function check_fields(row, name)
  for field in pairs(row) do
    if type(field) == "string" and not FIELDS[field] then
      broken("%s: unknown field '%s'", name, field)
    end
  end
end

-- the part of a row that options and positionals share
local function compile_row(row, name)
  check_fields(row, name)
  local kind = row.type or (row.arg and "string")
  local compiled = {
    names = {}, name = name, key = row.key or name:gsub("^%-+", ""):gsub("-", "_"), help = row.help,
    default = row.default, repeatable = row.repeatable, min = row.min, max = row.max,
    required = row.required, type = kind and types.get(kind),
  }
  if kind and not compiled.type then
    broken("%s: unknown type '%s'", name, tostring(kind))
  end
  compiled.arg = compiled.type and (row.arg or compiled.type.arg)
  return compiled
end

local function claim_key(compiled, row)
  if compiled.by_key[row.key] then
    broken("%s: '%s' is declared twice", row.name, row.key)
  end
  compiled.by_key[row.key] = row
end

local function add_option(compiled, source)
  local display
  for i, name in ipairs(source) do
    if not name:find("^%-%w$") and not name:find("^%-%-%w[%w-]*$") then
      broken("'%s' is not an option name", name)
    end
    local first_long = name:sub(1, 2) == "--" and (not display or display:sub(1, 2) ~= "--")
    display = (i == 1 or first_long) and name or display
  end
  if not display then
    broken("an option row has no name")
  end
  local row = compile_row(source, display)
  for i, name in ipairs(source) do
    if compiled.by_name[name] then
      broken("option '%s' is declared twice", name)
    end
    row.names[i], compiled.by_name[name] = name, row
  end
  claim_key(compiled, row)
  table.insert(compiled.rows, row)
end

local function add_positional(compiled, source)
  if type(source[1]) ~= "string" then
    broken("a positional row has no name")
  end
  local row = compile_row(source, source[1])
  local last = compiled.positionals[#compiled.positionals]
  if last and (last.repeatable or (row.required and not last.required)) then
    broken("%s: cannot follow '%s'", row.name, last.name)
  end
  row.type = row.type or types.get("string")
  claim_key(compiled, row)
  table.insert(compiled.positionals, row)
end

local function add_exclusive(compiled, group)
  local rows = {}
  for i, name in ipairs(group) do
    rows[i] = compiled.by_key[(name:gsub("^%-+", ""):gsub("-", "_"))]
    if not rows[i] then
      broken("exclusive: unknown option '%s'", name)
    end
  end
  table.insert(compiled.exclusive, rows)
end

local function compile(spec)
  if type(spec) ~= "table" or type(spec.name) ~= "string" then
    broken("a specification is a table with a name")
  end
  local compiled = {
    spec = spec, rows = {}, positionals = {}, by_name = {}, by_key = {}, exclusive = {},
  }
  for _, row in ipairs(spec.options or {}) do
    add_option(compiled, row)
  end
  for _, row in ipairs(standard_rows(spec)) do
    add_option(compiled, row)
  end
  for _, row in ipairs(spec.positionals or {}) do
    add_positional(compiled, row)
  end
  for _, group in ipairs(spec.exclusive or {}) do
    add_exclusive(compiled, group)
  end
  if spec.output ~= false then
    add_exclusive(compiled, { "json", "csv" })
  end
  return compiled
end

local function shown(text)
  return fmt.clip(text, 60)
end

local function unknown(state, name, bundle)
  local message = ("unknown option '%s'"):format(shown(name))
  if bundle then
    message = message .. (" in '%s'"):format(shown(bundle))
  end
  local names = M.complete(state.compiled.spec)
  local near = text_of.near(bundle and "-" .. bundle or name, names)
  if (bundle or #name > 2) and near[1] then
    message = message .. (" (did you mean '%s'?)"):format(table.concat(near, "', '"))
  end
  return nil, message
end

-- whether text, where a value is due, is an option instead
local function is_option(state, row, text)
  local by_name = state.compiled.by_name
  if text == "--" or by_name[text:match("^%-%-[^=]+")] then
    return true
  end
  local negative = row.type.negative and text:find("^%-%.?%d")
  return not negative and text:find("^%-[^-]") and by_name[text:sub(1, 2)] ~= nil
end

local function store_value(state, row, value)
  local opts = state.opts
  if not row.repeatable then
    opts[row.key] = value
    return
  end
  opts[row.key] = opts[row.key] or {}
  for _, one in ipairs(row.type.list and value or { value }) do
    table.insert(opts[row.key], one)
  end
end

local function store(state, row, what, text)
  local value = row.type.parse(text, row)
  if value == nil then
    return nil, ("%s: value '%s' is not accepted (expected %s)"):format(what, shown(text),
      row.type.accepts(row, text))
  end
  if state.seen[row] and not row.repeatable then
    return nil, ("%s is given more than once"):format(what)
  end
  state.seen[row] = true
  store_value(state, row, value)
  return true
end

local function store_option(state, row, name, text)
  return store(state, row, ("option '%s'"):format(name), text)
end

-- the value in the argument after the current one
local function store_next(state, row, name)
  local text = state.argv[state.at]
  if not text or is_option(state, row, text) then
    return nil, ("option '%s' needs a value (%s)"):format(name, row.arg)
  end
  state.at = state.at + 1
  return store_option(state, row, name, text)
end

local function set_flag(state, row)
  local count = state.opts[row.key] or 0
  state.seen[row] = true
  state.opts[row.key] = not row.repeatable or count + 1
  state.help = state.help or row.key == "help"
  return true
end

local function parse_long(state, text)
  local name, value = text:match("^([^=]+)=(.*)$")
  name = name or text
  local row = state.compiled.by_name[name]
  if not row then
    return unknown(state, name)
  end
  if row.type then
    if value then
      return store_option(state, row, name, value)
    end
    return store_next(state, row, name)
  end
  if value then
    return nil, ("option '%s' takes no value"):format(name)
  end
  return set_flag(state, row)
end

-- "-dT", "-c1", "-c" "1"
local function parse_short(state, text)
  for i = 2, #text do
    local name = "-" .. text:sub(i, i)
    local row = state.compiled.by_name[name]
    if not row then
      return unknown(state, #text == 2 and text or name, #text > 2 and text or nil)
    end
    if row.type and i < #text then
      return store_option(state, row, name, text:sub(i + 1))
    end
    if row.type then
      return store_next(state, row, name)
    end
    set_flag(state, row)
  end
  return true
end

local function parse_positional(state, text)
  local row = state.compiled.positionals[state.position]
  if not row then
    return nil, ("unexpected argument '%s'"):format(shown(text))
  end
  if not row.repeatable then
    state.position = state.position + 1
  end
  return store(state, row, ("argument '%s'"):format(row.name), text)
end

local function parse_one(state, text)
  if state.only_positionals or text == "-" or text:sub(1, 1) ~= "-" then
    return parse_positional(state, text)
  end
  if text == "--" then
    state.only_positionals = true
    return true
  end
  if text:sub(1, 2) == "--" then
    return parse_long(state, text)
  end
  if text:find("^%-%.?%d") and not state.compiled.by_name[text:sub(1, 2)] then
    return parse_positional(state, text)
  end
  return parse_short(state, text)
end

local function check_exclusive(state)
  for _, group in ipairs(state.compiled.exclusive) do
    local first
    for _, row in ipairs(group) do
      if state.seen[row] and first and first ~= row then
        return nil, ("'%s' and '%s' cannot be used together"):format(first.name, row.name)
      end
      first = state.seen[row] and row or first
    end
  end
  return true
end

local function fill_default(state, row)
  if state.opts[row.key] == nil then
    state.opts[row.key] = row.default
    if row.default == nil and not row.type then
      state.opts[row.key] = row.repeatable and 0 or false
    end
  end
end

local function finish(state)
  for _, row in ipairs(state.compiled.positionals) do
    if row.required and not state.seen[row] then
      return nil, ("argument '%s' is missing"):format(row.name)
    end
    fill_default(state, row)
  end
  for _, row in ipairs(state.compiled.rows) do
    fill_default(state, row)
  end
  state.opts.help = nil
  return check_exclusive(state)
end

-- true; or nil, message; stops at --help
local function parse_all(state)
  while state.argv[state.at] ~= nil and not state.help do
    local text = state.argv[state.at]
    state.at = state.at + 1
    local done, message = parse_one(state, text)
    if not done then
      return nil, message
    end
  end
  if state.help then
    return true
  end
  return finish(state)
end

local function check_row(row, value)
  for _, one in ipairs((row.repeatable or row.type.list) and value or { value }) do
    local found, why = there.check(row.type.names, one)
    if not found then
      return nil, why
    end
  end
  return true
end

-- the processes, threads and CPUs that are named
local function check_there(state)
  for row in pairs(state.seen) do
    if row.type and row.type.names then
      local found, why = check_row(row, state.opts[row.key])
      if not found then
        return nil, why
      end
    end
  end
  return true
end

-- --json and --csv decide how the host's rows are written; without a host there are none
local function set_mode(opts)
  local hosted, out = pcall(require, "out")
  if hosted and out.mode then
    out.mode(opts.json and "json" or opts.csv and "csv" or nil)
  end
end

--- Options of a script as a table by long name with '_' for '-' (a row with only a short name:
--- by its letter); flags are true or false, others their value, the default, or nil; with
--- repeatable a list, or for flags the count. Arguments come from argv or the global arg.
--- Every script also has -h and --help and, unless spec.output is false, --json and --csv.
--- Usage errors print "NAME: message" and exit with status 2; --help exits with 0; a process, a
--- thread or a CPU that is not there ends it with 1. A faulty specification raises.
function M.parse(spec, argv)
  local compiled = compile(spec)
  local state = { compiled = compiled, argv = argv or _G.arg or {}, opts = {}, seen = {}, at = 1,
    position = 1 }
  local done, message = parse_all(state)
  if not done then
    local text = ("%s: %s\ntry '%s -h'\n"):format(spec.name, message, spec.name)
    M.exit(2, text, io.stderr)
    return nil, message, "usage"
  end
  if state.help then
    local text = text_of.help(compiled, text_of.columns())
    M.exit(0, text, io.stdout)
    return nil, text, "help"
  end
  done, message = check_there(state)
  if not done then
    M.exit(1, ("%s: %s\n"):format(spec.name, message), io.stderr)
    return nil, message, "absent"
  end
  set_mode(state.opts)
  return state.opts
end

--- The option words of a specification, in the order of its rows, for completion.
function M.complete(spec)
  local words = {}
  for _, row in ipairs(compile(spec).rows) do
    table.move(row.names, 1, #row.names, #words + 1, words)
  end
  return words
end

--- The OPTIONS section of the script's manual page in man(7) macros.
function M.man(spec)
  return text_of.man(compile(spec))
end

return M
