-- SPDX-License-Identifier: Apache-2.0
-- flame_tree: folded stacks as a tree of frames; what flame draws.
--
-- A node is {name=, self=, total=, kids=}: kids is false, or a list in order of names and a table
-- by name. A tree of differences has was_self and was_total too. Counts are never negative: integers, or
-- floats where they are above 2^63-1 or have decimals.

local fmt = require "fmt"

local M = {}

-- deeper frames become one frame of this name: nobody reads them, and recursion has an end
local MAX_DEPTH = 2000
local DEEPER = "[deeper frames]"
local KERNEL = "_[k]"

-- a + b of integers that may leave the range of integers
local function sum(a, b)
  local s = a + b
  if s < 0 then
    return (a + 0.0) + b
  end
  return s
end

local function kid_of(node, name)
  local kids = node.kids
  if not kids then
    kids = {}
    node.kids = kids
  end
  local kid = kids[name]
  if not kid then
    kid = { name = name, self = 0, total = 0, kids = false }
    kids[name] = kid
    kids[#kids + 1] = kid
  end
  return kid
end

-- Frames behind a "-" are the kernel's: both ways to mark them become one.
local function add(tree, text, count)
  local node, depth, kernel = tree.root, 0, false
  for name in text:gmatch("[^;]+") do
    if name == "-" and depth > 0 and not kernel then
      kernel = true
    else
      if kernel and name:sub(-4) ~= KERNEL then
        name = name .. KERNEL
      end
      depth = depth + 1
      if depth >= MAX_DEPTH then
        node = kid_of(node, DEEPER)
        break
      end
      node = kid_of(node, name)
    end
  end
  node.self = sum(node.self, count)
  tree.stacks = tree.stacks + 1
end

-- "outer;inner 12"; names may have blanks
local function add_line(tree, line)
  local text, digits = line:match("^(.*)[ \t](%d[%d.]*)%s*$")
  local count = digits and tonumber(digits)
  if count and count < math.huge then
    add(tree, text, count)
  elseif line:find("%S") then
    tree.skipped = tree.skipped + 1
  end
end

-- a count of Lua's: a u64, or a float
local function checked(count)
  if math.type(count) == "integer" then
    return count < 0 and fmt.u64_float(count) or count
  end
  if type(count) ~= "number" or count < 0 or count ~= count or count == math.huge then
    error("flame.tree: a count must be a number that is not negative", 0)
  end
  return math.tointeger(count) or count
end

local function add_table(tree, source)
  local texts = {}
  for text in pairs(source) do
    texts[#texts + 1] = type(text) == "string" and text or nil
  end
  table.sort(texts)
  for _, text in ipairs(texts) do
    add(tree, text, checked(source[text]))
  end
  for _, entry in ipairs(source) do
    if type(entry) == "string" then
      add_line(tree, entry)
    else
      add(tree, entry.key or entry[1], checked(entry.value or entry[2]))
    end
  end
end

local function by_name(a, b)
  return a.name < b.name
end

-- totals and order of a node's part of the tree; counts nodes and depth
local function settle(tree, node, depth)
  node.total, node.was_total = node.self, node.was_self
  tree.nodes = tree.nodes + 1
  tree.depth = depth > tree.depth and depth or tree.depth
  if not node.kids then
    return
  end
  if node.kids[2] then
    table.sort(node.kids, by_name)
  end
  for _, kid in ipairs(node.kids) do
    if tree.diff then
      kid.was_self = kid.was_self or 0
    end
    settle(tree, kid, depth + 1)
    node.total = sum(node.total, kid.total)
    node.was_total = tree.diff and sum(node.was_total, kid.was_total) or nil
  end
end

local function new_tree(diff)
  local root = { name = "all", self = 0, total = 0, kids = false, was_self = diff and 0 or nil }
  return { root = root, diff = diff,
    stacks = 0, skipped = 0, nodes = 0, depth = 0 }
end

local function finish(tree)
  settle(tree, tree.root, 0)
  tree.total, tree.was_total = tree.root.total, tree.root.was_total
  return tree
end

--- flame.tree
function M.new(source)
  local tree, kind = new_tree(), type(source)
  if kind == "string" then
    source = source:gmatch("[^\n]+")
  elseif io.type(source) == "file" then
    source = source:lines()
  elseif kind == "table" then
    add_table(tree, source)
    return finish(tree)
  elseif kind ~= "function" then
    error("flame.tree: expected text, a table, a file or an iterator, got " .. kind, 0)
  end
  for line in source do
    add_line(tree, line)
  end
  return finish(tree)
end

local function is_tree(source)
  return type(source) == "table" and type(source.root) == "table"
end

local function copy(into, from, field)
  into[field] = sum(into[field] or 0, from.self)
  for _, kid in ipairs(from.kids or {}) do
    copy(kid_of(into, kid.name), kid, field)
  end
end

--- flame.diff
function M.diff(before, after)
  before = is_tree(before) and before or M.new(before)
  after = is_tree(after) and after or M.new(after)
  local tree = new_tree(true)
  copy(tree.root, before.root, "was_self")
  copy(tree.root, after.root, "self")
  tree.stacks = after.stacks
  tree.skipped = before.skipped + after.skipped
  return finish(tree)
end

--- part / whole as floats, 0 where there is no whole
function M.share(part, whole)
  return whole > 0 and part / whole or 0.0
end

--- How much more of its tree's total a node has than before, -1.0 to 1.0.
function M.change(tree, node)
  return M.share(node.total, tree.total) - M.share(node.was_total, tree.was_total)
end

--- What a frame is: its name without marks, and one of process, user, kernel, module (a file,
--- but not which function), jit, inlined, unknown; then the module where the name tells it.
function M.kind(name, depth)
  local stem, mark = name:match("^(.*)_%[([kji])%]$")
  if mark then
    return stem, mark == "k" and "kernel" or mark == "j" and "jit" or "inlined"
  end
  local module = name:match("^%[(.+)%+0x%x+%]$")
  if module then
    return name, "module", module
  end
  if name:find("^%[.*%]$") then
    return name, "unknown"
  end
  module = name:match("^([^`!]+)[`!].") or name:match(".%s%[([^%[%]]+)%]$")
  if depth == 1 and not module then
    return name, "process"
  end
  return name, "user", module
end

return M
