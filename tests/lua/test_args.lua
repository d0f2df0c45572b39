-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
local args = require "args"

local exit

-- parses without leaving; exit holds what the script would have ended with
local function parse(spec, ...)
  exit = nil
  local original = args.exit
  args.exit = function(status, text, stream)
    exit = { status = status, text = text, stream = stream }
  end
  local results = table.pack(pcall(args.parse, spec, { ... }))
  args.exit = original
  if not results[1] then
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

local function usage_error(spec, want, ...)
  local value, message, code = parse(spec, ...)
  local what = table.concat({ ... }, " ")
  check.equal({ value, message, code }, { nil, want, "usage" }, what)
  check.equal(exit and { exit.status, exit.text, exit.stream == io.stderr },
    { 2, ("%s: %s\ntry '%s -h'\n"):format(spec.name, want, spec.name), true }, what .. ": exit")
end

local SPEC = {
  name = "tool", summary = "Does a thing.",
  options = {
    { "-d", "--dist", help = "show distributions" },
    { "-T", "--timestamp", help = "show the time" },
    { "-c", "--cpu", type = "cpu", help = "only this CPU" },
    { "-n", "--number", type = "int", default = 7 },
    { "-m", "--comm", arg = "NAME", max = 15 },
    { "-p", "--pid", type = "list:pid" },
    { "-i", "--iface", arg = "IF", repeatable = true },
    { "-v", "--verbose", repeatable = true },
    { "--by-name", type = "choice:cpu,pid" },
    { "-4", help = "IPv4 only" },
  },
  positionals = { { "interval", type = "duration" }, { "count", type = "uint" } },
  exclusive = { { "dist", "timestamp" } },
}

check.describe("key", function()
  local spec = { name = "x", options = { { "-u", "--useronly", key = "user" }, { "-k", "--kernel" } },
    exclusive = { { "user", "kernel" } } }
  check.equal(parse(spec, "-u").user, true)
  check.equal(parse(spec, "--useronly").useronly, nil)
  check.equal(parse(spec, "-u", "-k"), nil)
end)

check.describe("values", function()
  local opts = parse(SPEC)
  check.equal(opts, { dist = false, timestamp = false, number = 7, verbose = 0, ["4"] = false,
    json = false, csv = false }, "nothing given")
  check.equal(parse(SPEC, "-d").dist, true)
  check.equal(parse(SPEC, "--dist").dist, true)
  for _, form in ipairs { { "-c1" }, { "-c", "1" }, { "--cpu=1" }, { "--cpu", "1" } } do
    check.equal(parse(SPEC, table.unpack(form)).cpu, 1, table.concat(form, " "))
  end
  opts = parse(SPEC, "-d4c3", "-vvv")
  check.equal({ opts.dist, opts["4"], opts.cpu, opts.verbose }, { true, true, 3, 3 }, "bundles")
  opts = parse(SPEC, "1.5", "10")
  check.equal({ opts.interval, opts.count }, { 1.5, 10 })
  opts = parse(SPEC, "2m", "-d", "3")
  check.equal({ opts.interval, opts.dist, opts.count }, { 120, true, 3 }, "options in between")
  opts = parse(SPEC, "-d", "--", "5")
  check.equal({ opts.dist, opts.interval }, { true, 5 }, "after --")
  check.equal(parse(SPEC, "-n", "-5").number, -5)
  check.equal(parse(SPEC, "-n", "-4").number, -4, "a value, though -4 is an option")
  check.equal(parse(SPEC, "-n-5").number, -5)
  check.equal(parse(SPEC, "--number=-5").number, -5)
  local empty = { name = "t", options = { { "--title", arg = "TEXT", min = 0 } } }
  check.equal(parse(empty, "--title=").title, "", "an empty text")
  check.equal(parse(SPEC, "--comm=a=b").comm, "a=b")
  check.equal(parse(SPEC, "-m", "-x").comm, "-x", "not a declared option")
  check.equal(parse(SPEC, "-m-d").comm, "-d")
  check.equal(parse(SPEC, "-m", "-").comm, "-")
  check.equal(parse(SPEC, "-p", "1,22,333").pid, { 1, 22, 333 })
  check.equal(parse(SPEC, "-i", "eth0", "-ieth1").iface, { "eth0", "eth1" })
  check.equal(parse(SPEC, "--by-name", "pid").by_name, "pid")
  check.equal(parse(SPEC, "--json").json, true)
  local repeated = { name = "t", options = { { "--pid", type = "list:pid", repeatable = true } } }
  check.equal(parse(repeated, "--pid=1,2", "--pid", "3").pid, { 1, 2, 3 }, "lists are joined")
end)

check.describe("positionals", function()
  local spec = { name = "t", positionals = { { "path", required = true },
    { "words", repeatable = true } } }
  local opts = parse(spec, "a", "b", "-", "--", "-c", "--d")
  check.equal({ opts.path, opts.words }, { "a", { "b", "-", "-c", "--d" } })
  usage_error(spec, "argument 'path' is missing")
  local number = { name = "t", positionals = { { "n", type = "int", default = 3 } } }
  check.equal(parse(number, "-5").n, -5, "a negative number")
  check.equal(parse(number).n, 3, "default")
  local saved = _G.arg
  _G.arg = { "9" }
  check.equal(args.parse(number).n, 9, "from the global arg")
  _G.arg = saved
end)

check.describe("messages", function()
  local cpu = "is not accepted (expected a CPU number from 0 to 8191)"
  usage_error(SPEC, "unknown option '--cpuu' (did you mean '--cpu'?)", "--cpuu")
  usage_error(SPEC, "unknown option '--cpuu' (did you mean '--cpu'?)", "--cpuu=3")
  usage_error(SPEC, "unknown option '--tiemstamp' (did you mean '--timestamp'?)", "--tiemstamp")
  usage_error(SPEC, "unknown option '--time' (did you mean '--timestamp'?)", "--time")
  usage_error(SPEC, "unknown option '--frobnicate'", "--frobnicate")
  local near = { name = "t", output = false, options = { { "--porta" }, { "--ports" }, { "--port" },
    { "--portable" }, { "--sport" } } }
  usage_error(near, "unknown option '--portt' (did you mean '--porta', '--ports', '--port'?)",
    "--portt")
  near.options = { { "--stack-sides" }, { "--stack-size" } }
  usage_error(near, "unknown option '--stack-sizee' (did you mean '--stack-size', " ..
    "'--stack-sides'?)", "--stack-sizee")
  usage_error(SPEC, "unknown option '--'", "--=x")
  usage_error(SPEC, "unknown option '-x'", "-x")
  usage_error(SPEC, "unknown option '-x' in '-dx'", "-dx")
  usage_error(SPEC, "unknown option '-s' in '-dsit' (did you mean '--dist'?)", "-dsit")
  usage_error(SPEC, "unknown option '-x' in '-hx'", "-hx")
  usage_error(SPEC, "unknown option '--di' (did you mean '--dist'?)", "--di")
  usage_error(SPEC, "argument 'interval': value '--dist' is not accepted (expected a time such " ..
    "as 5, 1.5, 100ms, 2m or 1h, above 0 and up to 100 years)", "--", "--dist")
  usage_error(SPEC, "unexpected argument '--'", "1", "2", "--", "--")
  usage_error(SPEC, "unknown option '-\\xff' in '-d\\xff'", "-d\xff")
  usage_error(SPEC, "unknown option '--\\x1b[2J'", "--\27[2J")
  usage_error(SPEC, "unknown option '--" .. ("a"):rep(57) .. "+'", "--" .. ("a"):rep(500))
  usage_error(SPEC, "option '--cpu' needs a value (CPU)", "--cpu")
  usage_error(SPEC, "option '-c' needs a value (CPU)", "-c")
  usage_error(SPEC, "option '-c' needs a value (CPU)", "-dc")
  usage_error(SPEC, "option '-m' needs a value (NAME)", "-m", "--dist")
  usage_error(SPEC, "option '-m' needs a value (NAME)", "-m", "--cpu=1")
  usage_error(SPEC, "option '-m' needs a value (NAME)", "-m", "-d")
  usage_error(SPEC, "option '-m' needs a value (NAME)", "-m", "--")
  usage_error(SPEC, "option '--dist' takes no value", "--dist=1")
  usage_error(SPEC, "option '-c': value '-1' " .. cpu, "-c", "-1")
  usage_error(SPEC, "option '--cpu': value '8192' " .. cpu, "--cpu=8192")
  usage_error(SPEC, "option '--cpu': value '' " .. cpu, "--cpu=")
  usage_error(SPEC, "option '--cpu': value '1; x' " .. cpu, "--cpu=1; x")
  usage_error(SPEC, "option '--cpu': value '\\x1b[31m' " .. cpu, "--cpu=\27[31m")
  usage_error(SPEC, "option '-c' is given more than once", "--cpu=1", "-c2")
  usage_error(SPEC, "option '-m': value '0123456789abcdef' is not accepted " ..
    "(expected text of at most 15 bytes)", "-m0123456789abcdef")
  usage_error(SPEC, "option '--comm': value '' is not accepted (expected a text that is not empty)",
    "--comm=")
  usage_error(SPEC, "option '--by-name': value 'x' is not accepted (expected one of cpu, pid)",
    "--by-name", "x")
  usage_error(SPEC, "option '-p': value '1,0' is not accepted (expected up to 256 values, " ..
    "separated by commas, each a process id from 1 to 4194304)", "-p1,0")
  usage_error(SPEC, "argument 'interval': value '0' is not accepted (expected a time such as " ..
    "5, 1.5, 100ms, 2m or 1h, above 0 and up to 100 years)", "0")
  usage_error(SPEC, "argument 'count': value 'x' is not accepted (expected an integer of at " ..
    "least 0)", "1", "x")
  usage_error(SPEC, "unexpected argument '3'", "1", "2", "3")
  usage_error(SPEC, "'--dist' and '--timestamp' cannot be used together", "-dT")
  usage_error(SPEC, "'--json' and '--csv' cannot be used together", "--csv", "--json")
  usage_error({ name = "t", output = false }, "unknown option '--json'", "--json")
  check.equal(parse({ name = "t", output = false }), {}, "no output options")
end)

-- accepted and refused values by type
local TYPES = {
  int = {
    good = { ["0"] = 0, ["-1"] = -1, ["+7"] = 7, ["0x10"] = 16, ["007"] = 7,
      ["9223372036854775807"] = math.maxinteger, ["-9223372036854775808"] = math.mininteger,
      ["0x7fffffffffffffff"] = math.maxinteger, ["0x00000000000000000001"] = 1, ["0x0"] = 0 },
    bad = { "", " 1", "1 ", "1.0", "1e3", "0x", "x", "9223372036854775808", "--1",
      "-9223372036854775809", "0x8000000000000000", "0x1ffffffffffffffff", "0b1", "1\n" },
  },
  uint = { good = { ["0"] = 0, ["18"] = 18 }, bad = { "-1", "-0x1", "18446744073709551615" } },
  float = {
    good = { ["1"] = 1.0, ["-1.5"] = -1.5, [".5"] = 0.5, ["1e3"] = 1000.0, ["1e-3"] = 0.001 },
    bad = { "", "inf", "nan", "1e999", "-1e999", "0x1p4", "1..2", "e", "1e", "1 " },
  },
  cpu = { good = { ["0"] = 0, ["8191"] = 8191 }, bad = { "8192", "-1", "0-3", "all" } },
  cpus = {
    good = { ["0"] = { { 0, 0 } }, ["0-3"] = { { 0, 3 } }, ["0,2-3"] = { { 0, 0 }, { 2, 3 } },
      ["5,1-2,8191"] = { { 1, 2 }, { 5, 5 }, { 8191, 8191 } }, ["2,1,0"] = { { 0, 2 } },
      ["0-4,2-3,3-6,8"] = { { 0, 6 }, { 8, 8 } }, ["3-3"] = { { 3, 3 } },
      ["0-8191"] = { { 0, 8191 } }, ["1,1"] = { { 1, 1 } }, [("1,"):rep(255) .. "1"] = { { 1, 1 } } },
    bad = { "", ",", "1,", ",1", "1,,2", "1, 2", "all", "-1", "1-", "3-1", "0-8192", "8192", "1-2-3",
      "0--1", "0-3:2", "0-99999999999999999999", "x-3", ("1,"):rep(256) .. "1" },
  },
  pid = { good = { ["1"] = 1, ["4194304"] = 4194304 }, bad = { "0", "-1", "4194305", "self" } },
  tid = { good = { ["1"] = 1 }, bad = { "0", "4194305" } },
  port = { good = { ["1"] = 1, ["65535"] = 65535 }, bad = { "0", "65536", "http" } },
  string = { good = { ["x y"] = "x y", ["\u{6771}"] = "\u{6771}" }, bad = { "", "a\0b" } },
  duration = { good = { ["1"] = 1, ["100ms"] = 0.1, ["1.5"] = 1.5, ["36500d"] = 36500 * 86400 },
    bad = { "0", "0ms", "-1", "x", "36501d", "" } },
  ["choice:a,bc"] = { good = { a = "a", bc = "bc" }, bad = { "", "b", "a,bc", "A" } },
  ["list:int"] = { good = { ["1"] = { 1 }, ["1,-2,0x3"] = { 1, -2, 3 } },
    bad = { "", ",", "1,", ",1", "1,,2", "1, 2", ("1,"):rep(256) .. "1" } },
  ["list:choice:a,b"] = { good = { ["a,b,a"] = { "a", "b", "a" } }, bad = { "a,c" } },
}

check.describe("types", function()
  for name, cases in pairs(TYPES) do
    local spec = { name = "t", options = { { "--x", type = name } } }
    for text, want in pairs(cases.good) do
      local opts = parse(spec, "--x=" .. text) or {}
      check.equal(opts.x, want, ("%s accepts %q"):format(name, text))
    end
    for _, text in ipairs(cases.bad) do
      local value = parse(spec, "--x=" .. text)
      check.ok(value == nil and exit.text:find("is not accepted", 1, true),
        ("%s refuses %q"):format(name, text:sub(1, 40)))
    end
  end
  local long = { name = "t", options = { { "--x", type = "list:int" } } }
  check.equal(#parse(long, "--x=" .. ("1,"):rep(255) .. "1").x, 256, "the longest list")
  local bounded = { name = "t", options = { { "--x", type = "int", min = -2, max = 2 },
    { "--d", type = "duration", min = 0, max = 10 }, { "--s", arg = "S", min = 1 } } }
  check.equal(parse(bounded, "--x=-2", "--d", "0").d, 0, "min allows 0")
  check.equal(parse(bounded, "--s=a").s, "a", "the shortest text")
  usage_error(bounded, "option '--x': value '3' is not accepted (expected an integer from -2 " ..
    "to 2)", "--x=3")
  usage_error(bounded, "option '--d': value '11' is not accepted (expected a time such as 5, " ..
    "1.5, 100ms, 2m or 1h, from 0 to 10 seconds)", "--d=11")
  usage_error(bounded, "option '--s': value '' is not accepted (expected a text that is " ..
    "not empty)", "--s=")
  local own = { name = "t", options = { { "--x", type = function(text)
    if text == "yes" then
      return 1
    end
    return nil, "'yes'"
  end } } }
  check.equal(parse(own, "--x", "yes").x, 1)
  usage_error(own, "option '--x': value 'no' is not accepted (expected 'yes')", "--x", "no")
end)

check.describe("addresses", function()
  local spec = { name = "t", options = { { "--v4", type = "ipv4" }, { "--any", type = "addr" } } }
  check.equal(parse(spec, "--v4", "192.0.2.1").v4, { family = 4, text = "192.0.2.1",
    bytes = "\192\0\2\1", be32 = 0x010200c0 })
  check.equal(parse(spec, "--any", "127.0.0.1").any.be32, 0x0100007f)
  check.equal(parse(spec, "--any", "255.255.255.255").any.be32, 0xffffffff)
  local six = parse(spec, "--any", "2001:DB8:0:0::1").any
  check.equal(six, { family = 6, text = "2001:db8::1",
    bytes = "\x20\x01\x0d\xb8" .. ("\0"):rep(11) .. "\1" })
  local good = { ["::"] = "::", ["::1"] = "::1", ["1::"] = "1::", ["::ffff:1.2.3.4"] =
    "::ffff:1.2.3.4", ["1:2:3:4:5:6:7:8"] = "1:2:3:4:5:6:7:8", ["1:2:3:4:5:6:1.2.3.4"] =
    "1:2:3:4:5:6:102:304", ["1:2:3:4:5:6:7::"] = "1:2:3:4:5:6:7:0", ["::1.2.3.4"] = "::102:304",
    ["fe80::0001"] = "fe80::1" }
  for text, want in pairs(good) do
    local opts = parse(spec, "--any", text)
    check.equal(opts and opts.any.text, want, text)
    check.equal(opts and #opts.any.bytes, 16, text .. " has 16 bytes")
  end
  local bad4 = { "", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "1.2.3.04", "01.2.3.4", "1.2.3.-4",
    "1.2.3.4 ", "a.b.c.d", "1.2.3.4/24", "0x1.2.3.4", "1..2.3" }
  local bad6 = { ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::",
    "::1%eth0", ":1::", "::1:", "1:2:3:4:5:6:7:8::", "::1.2.3", "::1.2.3.256", "1.2.3.4::",
    "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "1:2:3:4::5:6:7:8" }
  for _, text in ipairs(bad4) do
    usage_error(spec, ("option '--v4': value '%s' is not accepted (expected an IPv4 address " ..
      "such as 192.0.2.1)"):format(text), "--v4=" .. text)
  end
  usage_error(spec, "option '--v4': value '::1' is not accepted (expected an IPv4 address such " ..
    "as 192.0.2.1)", "--v4=::1")
  for _, list in ipairs { bad4, bad6 } do
    for _, text in ipairs(list) do
      usage_error(spec, ("option '--any': value '%s' is not accepted (expected an IPv4 or IPv6 " ..
        "address such as 192.0.2.1 or 2001:db8::1)"):format(text), "--any=" .. text)
    end
  end
end)

local HELP = {
  name = "softirqs", summary = "Summarize soft interrupt time.",
  options = {
    { "-d", "--dist", help = "show distributions as histograms" },
    { "-c", "--cpu", type = "cpu", default = 3, help = "only this CPU" },
    { "--a-very-long-option-name", arg = "VALUE", help = "one two three four five six seven " ..
      "eight nine ten eleven twelve", repeatable = true },
  },
  positionals = { { "interval", type = "duration", help = "seconds between summaries" },
    { "count", type = "uint" } },
  examples = { { "softirqs 1 10", "print 1 second summaries, 10 times" } },
}

check.describe("help", function()
  local value, text, code = parse(HELP, "--cpu", "1", "-h", "--nonsense")
  check.equal({ value, code }, { nil, "help" }, "ends at -h")
  check.equal({ exit.status, exit.text == text, exit.stream == io.stdout }, { 0, true, true })
  check.equal(text, [[
usage: softirqs [options] [interval] [count]

Summarize soft interrupt time.

arguments:
  interval  seconds between summaries
  count

options:
  -d, --dist     show distributions as histograms
  -c, --cpu CPU  only this CPU (default: 3)
      --a-very-long-option-name VALUE
                 one two three four five six seven eight nine ten eleven twelve
                 (may be repeated)
      --json     print one JSON object a line
      --csv      print comma-separated values
  -h, --help     show this help and exit

examples:
  softirqs 1 10  print 1 second summaries, 10 times
]])
  check.equal(select(2, parse(HELP, "--help")), text)
  check.equal(select(2, parse(HELP, "-dh")), text, "in a bundle")
  local usage = { name = "t", usage = "FILE...", output = false,
    positionals = { { "files", required = true, repeatable = true } } }
  check.contains(select(2, parse(usage, "-h")), "usage: t [options] FILE...\n")
  usage.usage = nil
  check.contains(select(2, parse(usage, "-h")), "usage: t [options] files...\n")
  usage.options = { { "--a", type = "addr", default = { text = "::1" } },
    { "--l", type = "list:int", default = { 1, 2 } } }
  check.contains(select(2, parse(usage, "-h")), "--a ADDR   (default: ::1)\n")
  check.contains(select(2, parse(usage, "-h")), "--l N,...  (default: 1,2)\n")
end)

check.describe("help details", function()
  local spec = { name = "t", output = false, examples = {}, summary = ("x"):rep(39) .. " " ..
    ("y"):rep(40) .. " z", options = { { "--on", default = true, help = "starts on" } } }
  local _, text = parse(spec, "-h")
  check.contains(text, "\n" .. ("x"):rep(39) .. " " .. ("y"):rep(40) .. "\nz\n", "80 columns fit")
  check.ok(not text:find("examples", 1, true), "no empty section")
  check.contains(text, "starts on\n", "no default for flags")
end)

check.describe("the host's output mode", function()
  local mode
  package.loaded.out = { mode = function(name) mode = name end }
  for _, case in ipairs { { "--json", "json" }, { "--csv", "csv" }, { "-d", nil } } do
    mode = "unset"
    parse(SPEC, case[1])
    check.equal(mode, case[2], case[1])
  end
  package.loaded.out = {}
  check.equal(parse(SPEC, "--json").json, true, "an 'out' of another kind")
  package.loaded.out = nil
end)

check.describe("help width", function()
  local help = require "args_help"
  local original = os.getenv
  for _, case in ipairs { { nil, 80 }, { "120", 120 }, { "40", 40 }, { "39", 80 }, { "x", 80 },
    { "-5", 80 }, { "1e9", 80 }, { "100000", 80 } } do
    os.getenv = function() return case[1] end -- luacheck: ignore 122
    check.equal(help.columns(), case[2], "COLUMNS=" .. tostring(case[1]))
    local _, text = parse(HELP, "-h")
    for line in text:gmatch("[^\n]+") do
      if #line > case[2] and not line:find("^usage:") then
        check.ok(false, ("wider than %d: %s"):format(case[2], line))
      end
    end
  end
  os.getenv = original -- luacheck: ignore 122
end)

check.describe("completion and manual", function()
  check.equal(args.complete(HELP), { "-d", "--dist", "-c", "--cpu", "--a-very-long-option-name",
    "--json", "--csv", "-h", "--help" })
  local man = args.man(HELP)
  check.equal(man:sub(1, 12), ".SH OPTIONS\n")
  check.contains(man, ".TP\n\\fIinterval\\fR\nseconds between summaries\n")
  check.contains(man,
    ".TP\n\\fB\\-c\\fR, \\fB\\-\\-cpu\\fR \\fICPU\\fR\nonly this CPU (default: 3)\n")
  check.contains(man, ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nshow this help and exit\n")
  local hostile = { "--x", help = ".SH \\fB 'q' a-b\n.so /etc/passwd" }
  man = args.man({ name = "t", options = { hostile } })
  check.contains(man, "\n\\&.SH \\efB 'q' a\\-b .so /etc/passwd\n", "text cannot be a request")
end)

local function broken(want, spec)
  spec.name = spec.name or "t"
  check.raises(function() parse(spec) end, "args: " .. want, want)
end

check.describe("faulty specifications raise", function()
  check.raises(function() args.parse({}) end, "args: a specification is a table with a name")
  check.raises(function() args.parse("x") end, "args: a specification is a table with a name")
  broken("'dist' is not an option name", { options = { { "dist" } } })
  broken("'-dist' is not an option name", { options = { { "-dist" } } })
  broken("'--a b' is not an option name", { options = { { "--a b" } } })
  broken("an option row has no name", { options = { { help = "x" } } })
  broken("option '-d' is declared twice", { options = { { "-d", "--aa" }, { "-d", "--bb" } } })
  broken("option '--json' is declared twice", { options = { { "--json" } } })
  broken("count: 'count' is declared twice", { options = { { "--count" } },
    positionals = { { "count" } } })
  broken("--x: unknown type 'uit'", { options = { { "--x", type = "uit" } } })
  broken("--x: unknown type 'list:x'", { options = { { "--x", type = "list:x" } } })
  broken("--x: unknown type 'list:list:int'", { options = { { "--x", type = "list:list:int" } } })
  broken("--x: unknown field 'defualt'", { options = { { "--x", defualt = 1 } } })
  broken("exclusive: unknown option 'nope'", { exclusive = { { "json", "nope" } } })
  broken("a positional row has no name", { positionals = { {} } })
  broken("b: cannot follow 'a'", { positionals = { { "a", repeatable = true }, { "b" } } })
  broken("b: cannot follow 'a'", { positionals = { { "a" }, { "b", required = true } } })
end)

-- the real exit, in a process of its own
local function spawn(words)
  local code = 'X=setmetatable({},{__gc=function() io.stderr:write("closed\\n") end}) ' ..
    'require"args".parse{name="t", options={{"--cpu",type="cpu"}}}'
  local pipe = assert(io.popen(("%s -e '%s os.exit(9)' /dev/null %s 2>&1 >&3 3>&- | sed s/^/E:/")
    :format(os.getenv("LUA") or "lua5.4", code, words):gsub("^", "{ ", 1) .. "; } 3>&1"))
  local text = pipe:read("a")
  pipe:close()
  return text
end

check.describe("exit", function()
  check.equal(spawn("--cpu"),
    "E:t: option '--cpu' needs a value (CPU)\nE:try 't -h'\nE:closed\n",
    "stderr; the state is closed, so that probes are detached")
  check.contains(spawn("-h"), "usage: t [options]\n")
  check.ok(not spawn("-h"):find("E:usage", 1, true), "help goes to stdout")
end)

check.finish()
