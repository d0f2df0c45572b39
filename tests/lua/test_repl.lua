-- SPDX-License-Identifier: Apache-2.0
-- The prompt's Lua, without a terminal: what the binary gives is stood in for.

local check = require "check"

package.preload.console = function()
  return {
    utf8 = function() return true end,
    colours = function() return false end,
    scripts = function() return { { name = "softirqs", summary = "time" } } end,
    files = function(prefix)
      return prefix == "sa" and { "saved.lua", "sample/" } or {}
    end,
    size = function() return 80, 24 end,
  }
end
package.preload.sys = function()
  return { monotonic_ns = function() return 0 end, pid = function() return 7 end }
end
package.preload.bpf = function() return { load = function() end } end
package.preload.probes = function()
  return {
    complete = function(prefix)
      local found = {}
      for _, spec in ipairs{ "kprobe:tcp_sendmsg", "tracepoint:irq:softirq_entry" } do
        if spec:sub(1, #prefix) == prefix then
          found[#found + 1] = spec
        end
      end
      return found
    end,
    structs = function(prefix) return { prefix .. "ff" } end,
    args = function() return { { name = "skb", type = "struct sk_buff *" } } end,
  }
end
-- globals of the host
every, after, on_exit = function() end, function() end, function() end -- luacheck: ignore

local complete = require "repl.complete"
local eval = require "repl.eval"
local help = require "repl.help"
local pretty = require "repl.pretty"
local save = require "repl.save"

check.describe("eval.goes_on", function()
  check.equal(eval.goes_on("for i = 1, 2 do"), true)
  check.equal(eval.goes_on("f("), true)
  check.equal(eval.goes_on("x = [["), true)
  check.equal(eval.goes_on("1 + 1"), false)
  check.equal(eval.goes_on("1 +* 2"), false)
  check.equal(eval.goes_on(":probes for"), false)
  check.equal(eval.goes_on(""), false)
end)

check.describe("eval", function()
  local env = { x = 2 }
  local _, results = eval.run(eval.compile("x, nil, x + 1", env))
  check.equal(results, { n = 3, 2, nil, 3 })
  eval.compile("y = x * 21", env)()
  check.equal(env.y, 42)
  local chunk, message, more = eval.compile("f(")
  check.equal(chunk, nil)
  check.contains(message, "<eof>")
  check.equal(more, true)
  local went_well, text = eval.run(function() error("broken", 0) end)
  check.equal(went_well, false)
  check.contains(text, "broken")
  check.ok(not text:find("[C]", 1, true), "no frames of the host")
  local _, odd = eval.run(function() error(nil) end)
  check.contains(odd, "nil")
  local value = setmetatable({}, { __tostring = function() return "error[E-X]: told" end })
  local _, told = eval.run(function() error(value) end)
  check.contains(told, "error[E-X]: told")
end)

check.describe("pretty.value", function()
  check.equal(pretty.value(42), "42")
  check.equal(pretty.value(0.5), "0.5")
  check.equal(pretty.value(1 << 63), "-9223372036854775808 (0x8000000000000000)")
  check.equal(pretty.value("a\n\27\"b"), '"a\\n\\x1b\\"b"')
  check.equal(pretty.value("\xff"), '"\\xff"')
  check.equal(pretty.value({}), "{}")
  check.equal(pretty.value{ 1, 2, x = "y", [10] = true }, '{ 1, 2, [10] = true, x = "y" }')
  local loop = {}
  loop.again = loop
  check.contains(pretty.value(loop), "<the same table>")
  check.contains(pretty.value({ { { { { 1 } } } } }), "{...}")
  local long = {}
  for i = 1, 500 do
    long[i] = i
  end
  check.contains(pretty.value(long), "... and 300 more")
  check.contains(pretty.value({ ("x"):rep(50), ("y"):rep(50) }, { width = 80 }), "{\n  ")
end)

check.describe("pretty.result", function()
  local handle = setmetatable({ stop = function() end,
    render = function() return "A  1\nB  2\n\n" end },
    { __tostring = function() return "count x" end })
  check.equal(table.pack(pretty.result(handle, { width = 80 })),
    { n = 1, "count x\nA  1\nB  2" })
  check.equal(pretty.result("two\nlines", { paint = function(_, s) return s end }), "two\nlines")
end)

check.describe("pretty.sparkline", function()
  check.equal(pretty.sparkline({ 0, 1, 8 }, true), " ▁█")
  check.equal(pretty.sparkline({ 0, 4, 8 }, false), " -#")
  check.equal(pretty.sparkline({}, true), "")
  check.equal(pretty.sparkline({ 0, 0 }, true), "  ")
end)

local function words(line)
  local list, start, note = complete.complete(line, #line)
  local found = {}
  for i, word in ipairs(list or {}) do
    found[i] = type(word) == "table" and word[1] or word
  end
  return found, start, note
end

check.describe("complete", function()
  complete.start{ thing = { first = 1, second = function() end }, count = function() end,
    fmt = require "fmt" }
  check.equal({ words("x = thi") }, { { "thing" }, 5 })
  check.equal({ words("thing.") }, { { "first", "second(" }, 7 })
  check.equal({ words("thing.s") }, { { "second(" }, 7 })
  check.equal({ words("nothing.s") }, { {} })
  check.equal({ words("whi") }, { { "while" }, 1 })
  check.equal({ words(":he") }, { { ":help " }, 1 })
  check.equal({ words(":run so") }, { { "softirqs" }, 6 })
  check.equal({ words(":save sa") }, { { "sample/", "saved.lua" }, 7 })
  check.equal({ words(":probes kp") }, { { "kprobe:tcp_sendmsg" }, 9 })
  check.equal({ words(":fields sk_bu") }, { { "sk_buff" }, 9 })
  check.equal({ words(":fields irq:soft") }, { { "irq:softirq_entry" }, 9 })
  check.equal({ words('count("trace') }, { { "tracepoint:irq:softirq_entry" }, 8 })
  check.equal({ words('h = count "kp') }, { { "kprobe:tcp_sendmsg" }, 12 })
  check.equal({ words('count("kprobe:f", {by = "sk') }, { { "skb" }, 26 })
  check.equal({ words('io.open("sa') }, { { "sample/", "saved.lua" }, 10 })
  local _, _, note = words("count(")
  check.contains(note, "count(SPEC")
  check.equal({ words("-- don't thi") }, { { "thing" }, 10 })
end)

check.describe("help", function()
  local rows = { { "jobs", "", "what runs" } }
  check.contains(help.signature("fmt.ns"), "fmt.ns(NS)")
  check.contains(help.signature("h:stop"), "h:stop()")
  check.equal(help.signature("nothing"), nil)
  local function plain(_, text)
    return text
  end
  check.contains(help.topic("count", rows, plain), "count(SPEC")
  check.contains(help.topic("jobs", rows, plain), ":jobs")
  check.contains(help.topic("fmt", rows, plain), "fmt.u64(N)")
  check.equal(help.topic("nothing", rows, plain), nil)
  for _, topic in ipairs{ "start", "probes", "expressions", "keys", "handles" } do
    local widest = 0
    for line in (help.topic(topic, rows, plain) .. "\n"):gmatch("([^\n]*)\n") do
      widest = math.max(widest, #line)
    end
    check.ok(widest > 20 and widest < 80, topic .. " fits 80 columns")
  end
end)

check.describe("near names", function()
  local near = require "repl.near"
  local function hint(message, text)
    return near.hint(message, text or "", { cgroups = {}, fmt = { bytes = print } })
  end
  check.equal(hint("attempt to call a nil value (global 'cuont')"), "did you mean 'count'?")
  check.equal(hint("attempt to index a nil value (global 'cgrops')"), "did you mean 'cgroups'?")
  check.equal(hint("attempt to call a nil value (field 'bites')", "fmt.bites(3)"),
    "did you mean 'bytes'?")
  check.equal(hint("attempt to call a nil value (field 'bites')", "x.y.bites(3)"), nil)
  check.equal(hint("attempt to call a nil value (method 'rendr')"), "did you mean 'render'?")
  check.contains(hint("attempt to index a nil value (global 'bpf')"), 'require "bpf"')
  check.equal(hint("attempt to call a nil value (global 'xyzzyx')"), nil)
  check.equal(hint("something else"), nil)
  check.equal(near.command("hlep", { { "help" }, { "quit" } }), "did you mean 'help'?")
end)

check.describe("save", function()
  local text = save.script({ 'count("kprobe:f", {by = "comm"})', "profile(99)" }, "now")
  check.ok(load((text:gsub("^#[^\n]*", ""))), "is Lua")
  check.contains(text, "local count = probe.count\nlocal profile = probe.profile\n")
  check.contains(text, "bpf.run()")
  local path = os.tmpname()
  local written, why = save.write(path, "x")
  check.equal(written, nil)
  check.contains(why, "is there already")
  os.remove(path)
  check.equal(save.write(path, "x = 1\n"), true)
  os.remove(path)
end)

check.finish()
