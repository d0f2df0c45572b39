-- SPDX-License-Identifier: Apache-2.0

local check = require "check"
local flame = require "flame"
local heat = require "heat"
local new_page = require("page").new

local dir = assert(arg[1])
local page = new_page(dir, 1000, 600)

local STACKS = {
  "web;main;parse;strlen 20", "web;main;render;draw;fill_rect 30", "web;main;render;text<&> 10",
  "web;main;render;entry_[k];vfs_write_[k] 10", "db;main;query;btree_find 25", "db;idle_loop 5",
}

local function open(name, text)
  assert(flame.save(dir .. "/" .. name, text))
  page:open(dir .. "/" .. name)
end

-- JavaScript for the first frame of that name
local function frame(name)
  return ("[...document.querySelectorAll('.frames g')].find(g => g.frame.name === '%s')"):format(name)
end

-- middle of what an expression selects
local function middle(element)
  local box = page:eval(("(b => [b.x + b.width / 2, b.y + b.height / 2])((%s).getBoundingClientRect())")
    :format(element))
  local x, y = box:match("^(.-),(.*)$")
  return math.floor(tonumber(x)), math.floor(tonumber(y))
end

local function click(element)
  local x, y = middle(element)
  page:mouse(x, y, true)
end

local function width_of(name)
  return math.floor(tonumber(page:eval(frame(name) .. ".querySelector('rect').getBoundingClientRect().width")) + 0.5)
end

local function shown(name)
  return page:eval(("!%s.classList.contains('gone')"):format(frame(name)))
end

local function label(name)
  return page:eval(frame(name) .. ".querySelector('text').textContent")
end

local function status()
  return page:eval("document.querySelector('.status').textContent")
end

local function is_reset(what)
  check.equal({ status(), shown("db"), width_of("all"), page:eval("document.querySelectorAll('.hit, .up').length") },
    { "", "true", 976, "0" }, what)
end

local tree = flame.tree(STACKS)

check.describe("flame", function()
  open("flame.svg", flame.svg(tree, { title = "Test" }))
  check.equal(page:eval("document.documentElement.classList.contains('live')"), "true", "its script runs")
  check.equal(page:eval("document.title"), "Test")
  check.equal(page:eval("document.documentElement.getAttribute('width')"), "1000", "fits the window")
  check.equal({ width_of("all"), width_of("web") }, { 976, 683 })
  is_reset("at first")
end)

check.describe("flame: a click zooms", function()
  click(frame("render"))
  check.equal({ width_of("render"), width_of("web"), width_of("all") }, { 976, 976, 976 }, "frame and callers fill it")
  check.equal({ shown("db"), shown("parse"), shown("draw") }, { "false", "false", "true" }, "others are gone")
  check.equal(width_of("draw"), 586, "callees grow with it")
  check.equal(label("fill_rect"), "fill_rect")
  check.equal(page:eval(frame("web") .. ".classList.contains('up')"), "true")
  check.equal(status(), "zoomed to render (50.0%)")
  check.contains(page:eval("location.hash"), "#zoom=")
  page:key("Backspace", 8)
  check.equal(status(), "zoomed to main (70.0%)", "Backspace: to the caller")
  click(frame("all"))
  is_reset("a click on the outermost frame")
  click(frame("draw"))
  check.equal(width_of("draw"), 976)
  click("document.querySelector('button')")
  is_reset("Reset")
end)

check.describe("flame: tooltips", function()
  page:mouse(middle(frame("text<&>")))
  local tip = page:eval("[...document.querySelectorAll('.tip text')].map(t => t.textContent).join('|')")
  check.equal(tip, "text<&>|10 samples, 10.0%")
  page:mouse(middle(frame("entry")))
  check.equal(page:eval("document.querySelector('.tip').textContent"), "entry10 samples, 10.0%kernel")
  page:mouse(500, 30)
  check.equal(page:eval("document.querySelector('.tip')"), "null", "gone with the mouse")
end)

check.describe("flame: search", function()
  page:key("f", 70, 2)
  check.equal(page:eval("document.activeElement === document.querySelector('input')"), "true", "Ctrl-F")
  page:type("^DRAW|fill|b.*find")
  check.equal(page:eval("document.querySelectorAll('.hit').length"), "2", "a capital letter: case matters")
  page:eval("document.querySelector('input').select()")
  page:type("^draw|fill|b.*find")
  check.equal(status(), "matched: 55.0% in 3 frames", "what is inside of a match counts once")
  check.equal(page:eval(frame("draw") .. ".classList.contains('hit')"), "true")
  check.equal(page:eval("getComputedStyle(" .. frame("draw") .. ".querySelector('rect')).fill"), "rgb(236, 95, 212)")
  click(frame("db"))
  check.equal(status(), "matched: 55.0% in 3 frames, 83.3% of the zoomed")
  page:key("/", 191)
  page:type("(")
  check.equal(page:eval("document.querySelector('input').className"), "bad", "not a regular expression")
  page:key("Escape", 27)
  is_reset("Escape")
  check.equal(page:eval("document.querySelector('input').value"), "")
end)

check.describe("flame: an address has zoom and search", function()
  open("heat.svg", heat.svg({}, {}))
  page:open(dir .. "/flame.svg#zoom=1;search=btree")
  check.equal(status(), "matched: 25.0% in 1 frame, 83.3% of the zoomed")
  page:key("Escape", 27)
  is_reset("Escape")
end)

check.describe("flame: keys", function()
  page:key("ArrowUp", 38)
  page:key("ArrowUp", 38)
  check.equal(page:eval("document.querySelector('.at').frame.name"), "web", "up: the widest callee")
  page:key("ArrowLeft", 37)
  check.equal(page:eval("document.querySelector('.at').frame.name"), "db", "left")
  page:key("Enter", 13)
  check.equal(status(), "zoomed to db (30.0%)")
  page:key("Escape", 27)
  is_reset("Escape")
end)

check.describe("flame: another size", function()
  page:resize(600, 600)
  page:eval("new Promise(done => setTimeout(done, 100))")
  check.equal(width_of("all"), 576)
  page:resize(1000, 600)
end)

check.describe("flame: inverted, differential", function()
  open("diff.svg", flame.svg(flame.diff({ ["web;main;parse"] = 10, ["db;idle"] = 10 }, tree), { inverted = true }))
  local ys = page:eval("['all','web','main'].map(n => [...document.querySelectorAll('.frames g')].find(" ..
    "g => g.frame.name === n).getBoundingClientRect().y)")
  check.equal(ys, "80,97,114", "the outermost at the top")
  click(frame("parse"))
  check.equal({ width_of("parse"), width_of("web"), shown("db") }, { 976, 976, "false" })
  page:key("ArrowDown", 40)
  page:key("Escape", 27)
  is_reset("Escape")
end)

check.describe("flame: hostile names", function()
  open("hostile.svg", flame.svg(flame.tree{ ["a]]><script>thrown()</script>;<b>&\"'\1\xff\u{ffff}"] = 3 }, {}))
  check.equal(page:eval("document.querySelectorAll('script').length"), "1")
  check.equal(page:eval("document.querySelectorAll('.frames g')[1].frame.name"), "a]]><script>thrown()</script>")
end)

check.describe("heat", function()
  open("heat.svg", heat.svg({ { 0, 3, 10 }, { 1, 3, 20 }, { 1, 4, 5 } }, {}))
  check.equal(page:eval("document.querySelectorAll('.cells rect').length"), "3")
  check.equal(page:eval("document.querySelector('.cells title').textContent.split(String.fromCharCode(10)).join('|')"),
    "0 s|4 to 7 usecs|10")
end)

check.describe("without scripts", function()
  page:command("Emulation.setScriptExecutionDisabled", { value = true })
  page:open(dir .. "/flame.svg")
  check.equal(page:eval("document.documentElement.classList.contains('live')"), "false")
  check.equal(page:eval("document.querySelectorAll('.frames g title').length"), tostring(tree.nodes), "titles")
end)

check.equal(page.thrown, {}, "no script threw an error")
page:close()
check.finish()
