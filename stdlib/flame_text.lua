-- SPDX-License-Identifier: Apache-2.0
-- flame_text: a tree of flame_tree as lines for a terminal.
--
-- A line is made of pieces {text, style}, style a number for an SGR sequence or nil, so that it
-- can be cut to the width before colours go in.

local fmt = require "fmt"
local svg = require "svg"
local tree_of = require "flame_tree"

local M = {}

local UTF8 = {
  bar = { "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" }, fork = "├ ", last = "└ ", through = "│ ", edge = "│", fill = "─",
}
local ASCII = { bar = { "#" }, fork = "|-", last = "`-", through = "| ", edge = "|", fill = "-" }

-- 256-colour numbers: of text, and of backgrounds that alternate by name
local INK = { process = "1", user = "38;5;208", kernel = "38;5;75", module = "38;5;71", jit = "38;5;140",
  inlined = "38;5;178", unknown = "38;5;245" }
local PAPER = {
  process = { 250, 248, 252 }, user = { 215, 221, 209, 216 }, kernel = { 117, 111, 153, 110 },
  module = { 114, 150, 157 }, jit = { 183, 177 }, inlined = { 228, 222 }, unknown = { 252, 254, 251 },
}
local MORE, LESS = { 203, 210, 217 }, { 75, 111, 153 }

-- one line of at most width cells
local function line_of(view, pieces)
  local room, parts = view.width, {}
  for _, piece in ipairs(pieces) do
    local text = piece[1]
    local cells = fmt.width(text)
    if cells > room then
      text = fmt.clip(text, room)
      cells = fmt.width(text)
    end
    room = room - cells
    parts[#parts + 1] = piece[2] and text ~= "" and view.colour and ("\27[%sm%s\27[0m"):format(piece[2], text) or text
  end
  return (table.concat(parts):gsub(" +$", "")) .. "\n"
end

local function label_of(view, node, depth)
  local label, kind = tree_of.kind(node.name, depth)
  label = fmt.safe(label)
  if view.ascii then
    label = label:gsub(utf8.charpattern, function(c)
      return #c > 1 and ("\\u{%x}"):format(utf8.codepoint(c)) or nil
    end)
  end
  return label, depth == 0 and "process" or kind
end

-- strength of a change as an index of MORE and LESS
local function change_row(change)
  local size = math.abs(change)
  return size < 0.0005 and 0 or size > 0.1 and 1 or size > 0.02 and 2 or 3
end

local function bar(view, share)
  local marks, width = view.marks.bar, view.bar
  local eighths = math.floor(share * width * #marks + 0.5)
  local whole, rest = eighths // #marks, eighths % #marks
  local text = marks[#marks]:rep(whole) .. (marks[rest] or "")
  return text .. (" "):rep(width - whole - (rest > 0 and 1 or 0))
end

local function by_total(a, b)
  if a.total ~= b.total then
    return a.total > b.total
  end
  return a.name < b.name
end

local function kids_by_total(node)
  local list = {}
  for _, kid in ipairs(node.kids or {}) do
    list[#list + 1] = kid.total > 0 and kid or nil
  end
  table.sort(list, by_total)
  return list
end

-- the widest nodes below the root, each with the nodes above it: {[node] = its chosen kids}
local function choose(tree, limit)
  local chosen, frontier = { [tree.root] = {} }, {}
  local function open(node)
    for i, kid in ipairs(kids_by_total(node)) do
      if i > limit then
        break
      end
      frontier[#frontier + 1] = { kid, node }
    end
  end
  open(tree.root)
  for _ = 1, limit do
    local best
    for i, entry in ipairs(frontier) do
      best = (not best or entry[1].total > frontier[best][1].total) and i or best
    end
    if not best then
      break
    end
    local entry = table.remove(frontier, best)
    table.insert(chosen[entry[2]], entry[1])
    chosen[entry[1]] = {}
    open(entry[1])
  end
  return chosen
end

local function tree_line(view, node, depth, indent)
  local tree, label, kind = view.tree, label_of(view, node, depth)
  local pieces = { { ("%6s "):format(svg.percent(tree_of.share(node.total, tree.total))) } }
  if tree.diff then
    local change = tree_of.change(tree, node)
    local row = change_row(change)
    local ink = row > 0 and ("38;5;%d"):format((change > 0 and MORE or LESS)[row])
    pieces[2] = { ("%8s  "):format((change > 0 and "+" or "") .. svg.percent(change)), ink or nil }
  else
    pieces[2] = { ("%6s  "):format(node.self > 0 and svg.percent(tree_of.share(node.self, tree.total)) or "") }
  end
  if view.bar > 0 then
    pieces[#pieces + 1] = { bar(view, tree_of.share(node.total, tree.total)) .. "  ", INK[kind] }
  end
  pieces[#pieces + 1] = { indent, INK.unknown }
  pieces[#pieces + 1] = { label, INK[kind] }
  return line_of(view, pieces)
end

-- A frame that called one other is followed by it at the same indent: only forks go deeper.
local function add_kids(view, node, depth, indent)
  local kids = view.chosen[node]
  for i, kid in ipairs(kids) do
    local lead, below = indent, indent
    if #kids > 1 then
      lead = indent .. (i < #kids and view.marks.fork or view.marks.last)
      below = indent .. (i < #kids and view.marks.through or "  ")
    end
    view.lines[#view.lines + 1] = tree_line(view, kid, depth, lead)
    add_kids(view, kid, depth + 1, below)
  end
end

local function call_tree(view)
  local tree = view.tree
  local room = view.height - 3
  view.chosen = choose(tree, math.min(room, tree.nodes))
  view.bar = view.width >= 56 and math.min(24, view.width // 5) or 0
  view.lines = { line_of(view, { { tree.diff and " total   change" or " total   self", INK.unknown } }) }
  add_kids(view, tree.root, 1, "")
  local left = tree.nodes - #view.lines
  if left > 0 then
    view.lines[#view.lines + 1] = line_of(view, { { ("  ... %s more frames"):format(svg.count(left)), INK.unknown } })
  end
end

local function paper(view, node, kind, label)
  if view.tree.diff then
    local change = tree_of.change(view.tree, node)
    local row = change_row(change)
    return row == 0 and 253 or (change > 0 and MORE or LESS)[row]
  end
  local list = PAPER[kind]
  return list[1 + math.floor(svg.hash(label) * #list)]
end

-- one frame as wide as it is
local function block(view, node, depth, width)
  local label, kind = label_of(view, node, depth)
  if view.colour then
    local text = fmt.pad(fmt.clip(label, width), width)
    return { text, ("38;5;16;48;5;%d"):format(paper(view, node, kind, label)) }
  end
  local text = view.marks.edge .. fmt.clip(label, width - 1)
  return { text .. view.marks.fill:rep(width - fmt.width(text)) }
end

-- puts a node's part of the picture into rows; start is its left edge as a count
local function stack_blocks(view, node, depth, start)
  local whole = view.tree.total
  local first = math.floor(start / whole * view.width + 0.5)
  local last = math.floor((start + node.total) / whole * view.width + 0.5)
  if last <= first then
    return
  end
  local row = view.rows[depth] or { cells = 0 }
  if first > row.cells then
    row[#row + 1] = { (" "):rep(first - row.cells) }
  end
  row[#row + 1] = block(view, node, depth, last - first)
  row.cells, view.rows[depth] = last, row
  for _, kid in ipairs(node.kids or {}) do
    if kid.total > 0 then
      stack_blocks(view, kid, depth + 1, start)
      start = start + kid.total
    end
  end
end

local function flame(view)
  view.rows, view.lines = {}, {}
  stack_blocks(view, view.tree.root, 0, 0.0)
  local levels = #view.rows + 1
  local shown = levels < view.height and levels or view.height - 2
  for depth = 0, shown - 1 do
    local at = view.inverted and #view.lines + 1 or 1
    table.insert(view.lines, at, line_of(view, view.rows[depth]))
  end
  if shown < levels then
    local text = ("... %d more levels"):format(levels - shown)
    table.insert(view.lines, view.inverted and #view.lines + 1 or 1, line_of(view, { { text, INK.unknown } }))
  end
end

local function check(opts, name, default)
  local n = math.tointeger(opts[name] or default)
  if not n or n < 1 or n > 10000 then
    error(("flame.text: %s is 1 to 10000"):format(name), 0)
  end
  return n
end

local STYLES = { tree = call_tree, flame = flame }

--- flame.text
function M.text(tree, opts)
  local view = {
    tree = tree, width = check(opts, "width", 80), height = math.max(4, check(opts, "height", 40)),
    colour = opts.colour, ascii = opts.ascii, marks = opts.ascii and ASCII or UTF8, inverted = opts.inverted,
  }
  local style = STYLES[opts.style or "tree"]
  if not style then
    error("flame.text: style is 'tree' or 'flame'", 0)
  end
  local head = ("%s %s in %s stacks"):format(svg.count(tree.total), opts.unit or "samples", svg.count(tree.stacks))
  if tree.total == 0 then
    return line_of(view, { { "nothing was counted" } })
  end
  style(view)
  return line_of(view, { { head, "1" } }) .. table.concat(view.lines)
end

return M
