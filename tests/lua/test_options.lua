-- SPDX-License-Identifier: Apache-2.0
-- Every option of every bundled script: what it must accept and refuse, and the examples of -h.

local args = require "args"
local check = require "check"
local options = require "options"

local specs = {}
for path in assert(io.popen("ls ../../scripts/*.lua")):lines() do
  local spec = options.spec(path)
  specs[#specs + 1], specs[spec.name] = spec, spec
end

-- what args.parse makes of the words: its options, or nil, how it ended the script, and the text
local function parse(spec, argv)
  local exit, original = nil, args.exit
  args.exit = function(status, text) exit = { status = status, text = text } end -- luacheck: ignore 122
  local done, opts, _, code = pcall(args.parse, spec, argv)
  args.exit = original -- luacheck: ignore 122
  if not done then
    return nil, "raised", tostring(opts)
  end
  return opts, code, exit and exit.text
end

local function shown(spec, argv)
  return ("%s %q"):format(spec.name, table.concat(argv, " "))
end

-- what did not go as it must, of one script
local faults = {}

local function expect(right, spec, argv, text)
  if not right then
    faults[#faults + 1] = ("%s: %s"):format(shown(spec, argv), tostring(text))
  end
end

local function accepts(spec, argv)
  local opts, _, text = parse(spec, argv)
  expect(opts, spec, argv, text)
end

local function refuses(spec, argv, word)
  local opts, code, text = parse(spec, argv)
  local _, lines = (text or ""):gsub("\n", "")
  expect(not opts and code == "usage" and lines == 2 and text:find(word, 1, true), spec, argv,
    text or "is accepted")
end

-- a value in each way to write it
local function forms(name, value)
  if name:find("^%-%-") then
    return { { name .. "=" .. value }, { name, value } }
  end
  return { { name .. value }, { name, value } }
end

local function accepts_all(spec)
  accepts(spec, options.required(spec))
  for _, row in ipairs(spec.options or {}) do
    for _, name in ipairs(row) do
      local flag = options.kind(row) == "flag"
      for _, argv in ipairs(flag and { { name } } or forms(name, options.value(spec, row))) do
        accepts(spec, options.required(spec, argv))
      end
    end
  end
  local argv = {}
  for i, row in ipairs(spec.positionals or {}) do
    argv[i] = options.value(spec, row)
    accepts(spec, argv)
  end
end

local function refuses_all(spec)
  for _, row in ipairs(spec.options or {}) do
    local long = options.long(row)
    for _, value in ipairs(options.wrong(spec, row)) do
      refuses(spec, options.required(spec, { forms(long, value)[1][1] }), long)
    end
  end
  local argv = {}
  for i, row in ipairs(spec.positionals or {}) do
    for _, value in ipairs(options.wrong(spec, row)) do
      argv[i] = value
      refuses(spec, { "--", table.unpack(argv) }, row[1])
    end
    argv[i] = options.value(spec, row)
  end
end

-- "moontrace NAME", or "NAME" alone
local function accepts_examples(spec)
  expect(spec.examples and spec.examples[1], spec, {}, "no examples")
  for _, example in ipairs(spec.examples or {}) do
    local own = false
    for _, words in ipairs(options.commands(example[1])) do
      local first = words[1] == "moontrace" and 2 or 1
      local other = specs[words[first]]
      if other then
        accepts(other, table.move(words, first + 1, #words, 1, {}))
      end
      own = own or other == spec
    end
    expect(own, spec, {}, "example: " .. example[1])
  end
end

for _, row in ipairs{ { "values that fit", accepts_all }, { "values that do not", refuses_all },
  { "examples", accepts_examples } } do
  check.describe(row[1], function()
    for _, spec in ipairs(specs) do
      faults = {}
      row[2](spec)
      check.equal(table.concat(faults, "\n"), "", spec.name)
    end
  end)
end

-- an abbreviation, or a word with a letter more
check.describe("names that are nearly right", function()
  for _, spec in ipairs(specs) do
    faults = {}
    for _, name in ipairs(args.complete(spec)) do
      local cut = name:sub(1, -2)
      if #cut > 4 and not table.concat(args.complete(spec), " "):find(cut .. " ", 1, true) then
        refuses(spec, options.required(spec, { cut }), "did you mean '")
      end
      if name:sub(1, 2) == "--" and #name > 4 then
        refuses(spec, options.required(spec, { name .. "x" }), "'" .. name .. "'")
      end
    end
    check.equal(table.concat(faults, "\n"), "", spec.name)
  end
end)

-- an example's command is not broken, however narrow the terminal
check.describe("help", function()
  for _, spec in ipairs(specs) do
    local commands, wide = {}, {}
    for _, example in ipairs(spec.examples) do
      commands["  " .. example[1]] = true
    end
    for _, width in ipairs{ 40, 80 } do
      local getenv = os.getenv
      os.getenv = function() return tostring(width) end -- luacheck: ignore 122
      local _, _, text = parse(spec, { "-h" })
      os.getenv = getenv -- luacheck: ignore 122
      for line in text:gmatch("[^\n]+") do
        wide[#wide + 1] = #line > width and not commands[line] and line or nil
      end
    end
    check.equal(table.concat(wide, "\n"), "", spec.name)
  end
end)

-- the same idea has the same letter, unless that says something else in the script
local LETTERS = {
  ["--address"] = "-a", ["--cpu"] = "-c", ["--delimited"] = "-d", ["--dist"] = "-d", ["--duration"] = "-d",
  ["--folded"] = "-f", ["--frequency"] = "-F", ["--include"] = "-I", ["--include-idle"] = "-I",
  ["--interval"] = "-i", ["--kernel-stacks-only"] = "-K", ["--max-block-time"] = "-M",
  ["--microseconds"] = "-u", ["--milliseconds"] = "-m", ["--min-block-time"] = "-m", ["--name"] = "-n",
  ["--nanoseconds"] = "-N", ["--netns"] = "-n", ["--output"] = "-o", ["--pid"] = "-p", ["--pids"] = "-P",
  ["--ppid"] = "-P", ["--regexp"] = "-r", ["--string-size"] = "-z", ["--summary"] = "-s",
  ["--text"] = "-t", ["--tid"] = "-t", ["--tids"] = "-L", ["--time"] = "-T", ["--timestamp"] = "-T",
  ["--uid"] = "-u", ["--unit"] = "-u", ["--user-stacks-only"] = "-U", ["--verbose"] = "-v",
  ["--width"] = "-w",
}
-- heat's is the name of a column
local OTHERWISE = { ["heat --time"] = true }
-- and the same type
local TYPES = { ["--pid"] = "pid", ["--tid"] = "tid", ["--ppid"] = "pid", ["--cpu"] = "cpus",
  ["--interval"] = "duration", ["--duration"] = "duration", ["--uid"] = "uint", ["--dist"] = "flag" }

check.describe("letters", function()
  for _, spec in ipairs(specs) do
    local row_of = {}
    for _, row in ipairs(spec.options or {}) do
      for _, name in ipairs(row) do
        row_of[name] = row
      end
    end
    local found = {}
    for name, row in pairs(row_of) do
      local letter, kind = LETTERS[name], TYPES[name]
      if letter and not row_of[letter] and not OTHERWISE[spec.name .. " " .. name] then
        found[#found + 1] = ("%s has no %s"):format(name, letter)
      end
      if kind and not kind:find(options.kind(row), 1, true) then
        found[#found + 1] = ("%s is no %s"):format(name, kind)
      end
    end
    check.equal(table.concat(found, ", "), "", spec.name)
  end
end)

check.finish()
