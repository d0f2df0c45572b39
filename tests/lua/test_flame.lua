-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
local flame = require "flame"
local fmt = require "fmt"
local tree_of = require "flame_tree"

-- a node and those below it as text: "name total(self)[kids]"
local function shape(node)
  local kids = {}
  for i, kid in ipairs(node.kids or {}) do
    kids[i] = shape(kid)
  end
  local was = node.was_total and "/" .. node.was_total or ""
  return ("%s %s%s%s"):format(node.name, node.total, was, kids[1] and "[" .. table.concat(kids, " ") .. "]" or "")
end

local function iterator(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

check.describe("tree", function()
  local rows = {
    { "a;b 1\na;c 2\n", "all 3[a 3[b 1 c 2]]", "text" },
    { { "a;b 1", "a;c 2", "a 4" }, "all 7[a 7[b 1 c 2]]", "a list of lines" },
    { { { key = "a;b", value = 1 }, { "a;c", 2 } }, "all 3[a 3[b 1 c 2]]", "a list of entries" },
    { { ["a;c"] = 2, ["a;b"] = 1 }, "all 3[a 3[b 1 c 2]]", "counts by text" },
    { iterator{ "a;b 1\n", "a;c 2\r\n" }, "all 3[a 3[b 1 c 2]]", "an iterator" },
    { "", "all 0", "nothing" },
    { {}, "all 0", "an empty table" },
    { " 5\n", "all 5", "no frames at all" },
    { "b 1\na 1\nc 1\nB 1\n", "all 4[B 1 a 1 b 1 c 1]", "in order of names" },
    { "a;;b; 2\n", "all 2[a 2[b 2]]", "empty frames are none" },
    { "operator new[](unsigned long);f (x) 3\n", "all 3[operator new[](unsigned long) 3[f (x) 3]]", "blanks" },
    { "a\t7\n", "all 7[a 7]", "a tab" },
    { "a 1.5\na 0.25\n", "all 1.75[a 1.75]", "decimals" },
    { "a;b 0\n", "all 0[a 0[b 0]]", "zero" },
    { "p;f;-;k;l 1\np;f;k_[k];l_[k] 2\n", "all 3[p 3[f 3[k_[k] 3[l_[k] 3]]]]", "two marks of the kernel are one" },
    { "-;a 1\n", "all 1[- 1[a 1]]", "the first frame is no mark" },
    { "a;1 1\na;2 1\n", "all 2[a 2[1 1 2 1]]", "numbers as names" },
  }
  for _, row in ipairs(rows) do
    check.equal(shape(flame.tree(row[1]).root), row[2], row[3])
  end
end)

check.describe("tree: what is no stack", function()
  local tree = flame.tree("a 1\nno count\n\n  \nx -5\ny 1e9\nz " .. ("9"):rep(400) .. "\nb 1.2.3\n")
  check.equal({ tree.total, tree.skipped, tree.stacks }, { 1, 5, 1 })
  check.raises(function() flame.tree(7) end, "expected text")
  check.raises(function() flame.tree{ { "a", -0.5 } } end, "must be a number that is not negative")
  check.raises(function() flame.tree{ { "a", 0 / 0 } } end, "must be a number that is not negative")
  check.raises(function() flame.tree{ { "a", math.huge } } end, "must be a number that is not negative")
  check.raises(function() flame.tree{ { "a", "7" } } end, "must be a number that is not negative")
end)

check.describe("tree: huge counts", function()
  check.equal(flame.tree("a 9223372036854775807\n").total, math.maxinteger)
  check.equal(flame.tree("a 9223372036854775807\nb 1\n").total, 0x1p63, "floats from there on")
  check.equal(flame.tree("a 18446744073709551615\n").total, 0x1p64)
  check.equal(flame.tree{ a = -1 }.total, 0x1p64, "Lua's -1 is a u64")
  check.equal(flame.tree{ a = -1, b = -1, c = 5 }.total, 0x1p65)
  check.contains(flame.svg(flame.tree{ a = -1 }, {}), "18,446,744,073,709,551,616 samples, 100.0%")
end)

check.describe("tree: deep and many", function()
  local deep = flame.tree(("f;"):rep(100000) .. "leaf 1\n")
  check.equal({ deep.depth, deep.total, deep.stacks }, { 2000, 1, 1 }, "depth has an end")
  check.contains(flame.svg(deep, {}), "<title>[deeper frames]\n")
  local lines, frames = {}, {}
  for i = 1, 127 do
    frames[i] = "frame_" .. i
  end
  local base = table.concat(frames, ";")
  for i = 1, 1000 do
    lines[i] = ("%s;leaf_%d 1"):format(base, i)
  end
  local tree = flame.tree(lines)
  check.equal({ tree.depth, tree.nodes, tree.total }, { 128, 1128, 1000 })
end)

check.describe("kind", function()
  local rows = {
    { "nginx", 1, "nginx", "process" }, { "main", 2, "main", "user" }, { "schedule_[k]", 3, "schedule", "kernel" },
    { "swapper_[k]", 1, "swapper", "kernel" }, { "Foo::bar_[j]", 4, "Foo::bar", "jit" },
    { "inl_[i]", 4, "inl", "inlined" }, { "[libc.so.6+0x1f]", 2, "[libc.so.6+0x1f]", "module", "libc.so.6" },
    { "[unknown]", 2, "[unknown]", "unknown" }, { "[Missed Stack]", 2, "[Missed Stack]", "unknown" },
    { "[Missed Stack]_[k]", 2, "[Missed Stack]", "kernel" },
    { "libc.so.6`malloc", 2, "libc.so.6`malloc", "user", "libc.so.6" },
    { "app!main", 1, "app!main", "user", "app" },
    { "nf_hook [nf_tables]", 3, "nf_hook [nf_tables]", "user", "nf_tables" },
    { "operator[]", 2, "operator[]", "user" }, { "", 2, "", "user" },
  }
  for _, row in ipairs(rows) do
    check.equal({ tree_of.kind(row[1], row[2]) }, { table.unpack(row, 3, 5) }, row[1])
  end
end)

-- what the frames of a picture are: everything between the frames' own <svg> and its end
local function frames_of(text)
  return text:match('<svg class="frames"[^>]*>\n(.-)</svg>')
end

check.describe("svg: golden", function()
  local text = flame.svg(flame.tree{ "web;main;parse 3", "web;main;write_[k] 1" },
    { title = "T<&>", subtitle = "S", unit = "us", width = 224 })
  local golden = io.open("flame_frames.svg")
  check.equal(frames_of(text), golden:read("a"))
  golden:close()
  check.contains(text, '<title>T&lt;&amp;&gt;</title>')
  check.contains(text, '<text class="note" x="12" y="45">S · 4 us in 2 stacks</text>')
  check.contains(text, ' class="flame" width="224" height="158">')
  check.equal(text:sub(1, 5), "<?xml")
end)

check.describe("svg: the same bytes", function()
  local function text(order)
    local lines = {}
    for i = 1, 300 do
      lines[i] = ("p%d;f%d;g%d %d"):format(i % 7, i % 11, i, i)
    end
    if order then
      table.sort(lines)
    end
    return flame.svg(flame.tree(lines), {})
  end
  check.ok(text() == text(), "of the same input")
  check.ok(text() == text(true), "of another order of it")
end)

check.describe("svg: nothing from outside, nothing that is no XML", function()
  local names = { "a<b>&\"'", "\1\27[31m\127", "bad\xff\xc0utf", "\u{fffe}\u{ffff}\u{202e}", "]]>", "名前" }
  local tree = flame.tree{ [table.concat(names, ";")] = 1 }
  local text = flame.svg(tree, { title = "\0<t>", subtitle = "&", unit = "<u>" })
  check.contains(text, "&amp; · 1 &lt;u&gt; in 1 stacks")
  check.equal(utf8.len(text) ~= nil, true, "UTF-8")
  check.equal(text:find("[\1-\8\11\12\14-\31\127]"), nil, "no control characters")
  check.equal(text:find("\xef\xbf[\xbe\xbf]"), nil, "no U+FFFE")
  check.equal(select(2, text:gsub("%]%]>", "")), 1, "one end of CDATA")
  check.contains(text, "<title>a&lt;b&gt;&amp;&quot;&#39;\n1 &lt;u&gt;, 100.0%\nprocess</title>")
  check.contains(text, "<title>\\x01\\x1b[31m\\x7f\n")
  check.contains(text, "<title>bad\\xff\\xc0utf\n")
  check.contains(text, "<title>名前\n")
  for url in text:gmatch("%w+://[^\"]+") do
    check.ok(url == "http://www.w3.org/2000/svg" or url == "http://www.w3.org/1999/xhtml", url)
  end
end)

check.describe("svg: options", function()
  local tree = flame.tree{ ["a;b"] = 99999, ["a;c"] = 1 }
  check.equal(frames_of(flame.svg(tree, {})):find("<title>c\n"), nil, "too narrow")
  check.contains(flame.svg(tree, {}), "1 branches too narrow to draw")
  check.contains(frames_of(flame.svg(tree, { min_width = 0 })), "<title>c\n1 samples, 0.00%")
  check.contains(flame.svg(tree, { inverted = true }), '<title>all\n100,000 samples, 100.0%\nprocess</title>' ..
    '<rect x="0.000000%" y="0"')
  for _, colours in ipairs{ "kind", "module", "name" } do
    check.contains(flame.svg(tree, { colours = colours }), 'fill="#')
  end
  check.raises(function() flame.svg(tree, { colours = "rainbow" }) end, "colours is")
  check.raises(function() flame.svg(tree, { width = 5 }) end, "width is 100 to 100000")
  check.contains(flame.svg(flame.tree{}, {}), "nothing was counted")
  check.contains(flame.svg(flame.tree("a\n"), {}), "1 lines were no stacks")
end)

check.describe("diff", function()
  local tree = flame.diff("a;x 10\na;y 10\na;old 20\n", flame.tree("a;x 10\na;y 5\na;new 5\n"))
  check.equal(shape(tree.root), "all 20/40[a 20/40[new 5/0 old 0/20 x 10/10 y 5/10]]")
  local a = tree.root.kids.a
  check.equal(tree_of.change(tree, a), 0.0, "totals may differ")
  check.equal(tree_of.change(tree, a.kids.x), 0.25)
  check.equal(tree_of.change(tree, a.kids.y), 0.0)
  check.equal(tree_of.change(tree, a.kids.old), -0.5)
  local text = flame.svg(tree, { min_width = 0 })
  check.contains(text, "<title>x\n10 samples, 50.0%\n+25.0%; before 10, 25.0%</title>")
  check.contains(text, "40 before, of which 50.0% is gone")
  check.equal(text:match('<title>y\n.-fill="([^"]*)"'), "#ececec", "no change has no colour")
  check.equal(shape(flame.diff({}, {}).root), "all 0/0")
  check.contains(flame.svg(flame.diff("a 1\n", ""), {}), "nothing was counted")
  check.contains(flame.svg(flame.diff("", "a 1\n"), {}), "before 0, 0.0%")
end)

local TREE = flame.tree{ "web;main;parse 20", "web;main;draw;fill 30", "db;query_[k] 50" }

check.describe("text: golden", function()
  check.equal(flame.text(TREE, { width = 60, ascii = true }), [[
100 samples in 3 stacks
 total   self
 50.0%         ######        |-db
 50.0%  50.0%  ######        | query
 50.0%         ######        `-web
 50.0%         ######          main
 30.0%         ####            |-draw
 30.0%  30.0%  ####            | fill
 20.0%  20.0%  ##              `-parse
]])
  check.equal(flame.text(TREE, { width = 40, style = "flame", ascii = true }), [[
100 samples in 3 stacks
                    |fill-------
                    |draw-------|parse--
|query--------------|main---------------
|db-----------------|web----------------
|all------------------------------------
]])
end)

check.describe("text: sizes", function()
  local trees = { TREE, flame.tree{}, flame.tree{ ["名前;x"] = 1 }, flame.diff("a 1\n", TREE) }
  for _, tree in ipairs(trees) do
    for _, style in ipairs{ "tree", "flame" } do
      local widest, longest = 0, 0
      for _, width in ipairs{ 1, 2, 3, 7, 20, 56, 300 } do
        for _, ascii in ipairs{ false, true } do
          for height = 1, 9 do
            local text = flame.text(tree, { width = width, height = height, style = style, ascii = ascii })
            local lines = 0
            for line in text:gmatch("([^\n]*)\n") do
              lines = lines + 1
              widest = math.max(widest, fmt.width(line) - width)
            end
            longest = math.max(longest, lines - math.max(4, height))
            if ascii and text:find("[\x80-\xff]") then
              check.equal(text, "ASCII")
            end
          end
        end
      end
      check.equal({ widest <= 0, longest <= 0 }, { true, true }, style .. " stays inside")
    end
  end
end)

check.describe("text: options", function()
  check.contains(flame.text(TREE, { colour = true }), "\27[38;5;75mquery\27[0m")
  check.contains(flame.text(TREE, { colour = true, style = "flame" }), "\27[38;5;16;48;5;")
  check.equal(flame.text(TREE, {}):find("\27"), nil, "no colours unless asked for")
  check.contains(flame.text(TREE, { height = 5 }), "... 5 more frames\n")
  check.contains(flame.text(flame.tree{ ["a;b\27[2J"] = 1 }, {}), "b\\x1b[2J")
  check.contains(flame.text(flame.diff("a 1\nb 1\n", "a 3\nb 1\n"), { ascii = true }), "75.0%   +25.0%")
  check.raises(function() flame.text(TREE, { width = 0 }) end, "width is 1 to 10000")
  check.raises(function() flame.text(TREE, { style = "x" }) end, "style is")
end)

check.describe("save", function()
  local path = os.tmpname()
  check.equal({ flame.save(path, "one") }, { true })
  check.equal({ flame.save(path, "two") }, { true }, "replaces")
  local file = io.open(path)
  check.equal(file:read("a"), "two")
  file:close()
  os.remove(path)
  local done, message = flame.save("/nonexistent/x.svg", "text")
  check.equal(done, nil)
  check.equal(message, "/nonexistent/x.svg: No such file or directory")
  check.equal({ flame.save("/dev/null", "text") }, { true }, "a device is not replaced")
  check.equal(flame.save("/dev/full", "text"), nil)
  check.equal({ flame.writable(path) }, { true })
  check.equal(io.open(path), nil, "makes no file")
  check.equal({ flame.writable("/dev/null") }, { true })
  check.equal({ flame.writable("/nonexistent/x.svg") }, { nil, message })
  check.equal({ flame.writable("/tmp") }, { nil, "/tmp: Is a directory" })
  check.equal(select(2, flame.writable("/dev/null/x")), "/dev/null/x: Not a directory")
end)

check.finish()
