-- SPDX-License-Identifier: Apache-2.0
-- flame_svg: a tree of flame_tree as an SVG file; flame_script makes it answer to the mouse.
--
-- Without scripts the file is a picture whose frames say in their <title> what they are. All x
-- and widths are percent of the picture, so that a script can fit it to a window.

local fmt = require "fmt"
local script = require "flame_script"
local svg = require "svg"
local tree_of = require "flame_tree"

local M = {}

local MARGIN = 12
local ROW = 17
local CELL = 7.25            -- a character of 12 px in most monospace fonts
local TOP, BOTTOM = 80, 10

-- hue, saturation, lightness of kinds; the name moves the hue by up to spread
local KINDS = {
  process = { 220, 0.08, 0.80, 0 }, user = { 30, 0.92, 0.68, 13 }, kernel = { 207, 0.68, 0.74, 13 },
  module = { 140, 0.42, 0.72, 26 }, jit = { 282, 0.52, 0.80, 14 }, inlined = { 54, 0.80, 0.70, 6 },
  unknown = { 40, 0.10, 0.85, 0 },
}
local LEGEND = {
  { "process", "process" }, { "user", "user" }, { "kernel", "kernel" }, { "module", "module, no symbol" },
  { "jit", "JIT" }, { "inlined", "inlined" }, { "unknown", "unknown" },
}

local STYLE = [[

.flame { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; --paper: #fdfdfc; --ink: #1d2126;
  --dim: #6a717a; --line: #d5d8dc;
  background: var(--paper); }
.flame .paper { fill: #fdfdfc; fill: var(--paper); }
.flame text { fill: #15181c; }
.flame .head, .flame .note, .flame .status, .flame .legend text, .flame .tip text {
  font-family: system-ui, "DejaVu Sans", "Segoe UI", Helvetica, sans-serif; }
.flame .head { font-size: 17px; font-weight: 600; fill: #1d2126; fill: var(--ink); }
.flame .note, .flame .legend text { fill: var(--dim); }
.flame .status { fill: var(--ink); text-anchor: end; }
.flame .legend text { font-size: 11px; }
.flame .frames text { pointer-events: none; }
.flame .frames rect { rx: 1.5px; stroke: var(--paper); stroke-width: 0.5px; }
.flame.live .frames g { cursor: pointer; }
.flame .frames g:hover rect, .flame .frames .at rect { stroke: #111; stroke-width: 1.2px; }
.flame .up { opacity: 0.5; }
.flame .gone, .flame .off { display: none; }
.flame.searching .frames rect { fill-opacity: 0.45; }
.flame.searching .frames .hit rect { fill: #ec5fd4; fill-opacity: 1; }
.flame .tip { pointer-events: none; }
.flame .tip rect { fill: #1d2126; fill-opacity: 0.94; }
.flame .tip text { fill: #c9ced6; }
.flame .tip .name { fill: #fff; font: 600 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.flame input, .flame button { box-sizing: border-box; height: 26px; font: 12px system-ui, "DejaVu Sans", sans-serif;
  color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 0 9px; }
.flame input { width: 230px; }
.flame button { cursor: pointer; }
.flame input:focus, .flame button:focus { outline: 2px solid #4c8fd6; outline-offset: -1px; }
.flame input.bad { border-color: #d33; background: #fdeaea; color: #111; }
@media (prefers-color-scheme: dark) {
  .flame { --paper: #17191d; --ink: #e9ebee; --dim: #98a0aa; --line: #41464d; }
  .flame .frames g:hover rect, .flame .frames .at rect { stroke: #fff; }
}
]]

local function tint(kind, text)
  local k, h = KINDS[kind], svg.hash(text)
  return svg.hsl(k[1] + (h - 0.5) * 2 * k[4], k[2], k[3] + (h * 7 % 1 - 0.5) * 0.07)
end

-- ways to colour: functions of a frame
local COLOURS = {
  kind = function(frame) return tint(frame.kind, frame.module or frame.label) end,
  name = function(frame) return svg.hsl(svg.hash(frame.label) * 52, 0.88, 0.70) end,
  module = function(frame)
    if frame.kind == "kernel" or not frame.module then
      return tint(frame.kind, frame.label)
    end
    return svg.hsl(svg.hash(frame.module) * 360, 0.55, 0.74)
  end,
}

-- red: more than before; blue: less. scale is the largest change
local function diff_colour(change, scale)
  if scale == 0 or change == 0 then
    return "#ececec"
  end
  local strength = math.sqrt(math.min(1, math.abs(change) / scale))
  return svg.hsl(change > 0 and 4 or 212, 0.85, 0.94 - 0.36 * strength)
end

-- the largest change among the frames that are drawn
local function largest_change(tree, node, floor)
  local largest = 0.0
  for _, kid in ipairs(node.kids or {}) do
    if kid.total >= floor then
      largest = math.max(largest, math.abs(tree_of.change(tree, kid)), largest_change(tree, kid, floor))
    end
  end
  return largest
end

local function signed_percent(change)
  return (change > 0 and "+" or "") .. svg.percent(change)
end

-- the lines of a frame's tooltip below its name
local function details(pic, node, frame)
  local tree = pic.tree
  local lines = { ("%s %s, %s"):format(svg.count(node.total), svg.text(pic.unit),
    svg.percent(tree_of.share(node.total, tree.total))) }
  if node.self > 0 and node.kids then
    lines[1] = lines[1] .. (" (itself %s)"):format(svg.percent(tree_of.share(node.self, tree.total)))
  end
  if tree.diff then
    lines[2] = ("%s; before %s, %s"):format(signed_percent(tree_of.change(tree, node)),
      svg.count(node.was_total), svg.percent(tree_of.share(node.was_total, tree.was_total)))
  end
  lines[#lines + 1] = frame.kind ~= "user" and frame.kind or nil
  return table.concat(lines, "\n")
end

-- what fits of a label into width pixels; "" where that says nothing
local function fit(label, width)
  local cells = (width - 7) // CELL
  if cells < 2 then
    return ""
  end
  local text = fmt.clip(label, cells)
  return #text < #label and text:sub(1, -2) .. "…" or text
end

local function frame_of(pic, node, depth)
  local key = depth == 1 and "1" .. node.name or node.name
  local frame = pic.cache[key]
  if not frame then
    local label, kind, module = tree_of.kind(node.name, depth)
    frame = { label = fmt.safe(label), kind = depth == 0 and "process" or kind, module = module }
    frame.xml = svg.text(label)
    frame.fill = not pic.tree.diff and pic.colour(frame)
    pic.cache[key] = frame
  end
  pic.kinds[frame.kind] = true
  return frame
end

-- "12.345678%", whatever the locale
local function place(share)
  local millionths = math.floor(share * 100000000 + 0.5)
  return ("%d.%06d%%"):format(millionths // 1000000, millionths % 1000000)
end

local function draw_frame(pic, node, depth, start)
  local frame = frame_of(pic, node, depth)
  local width = depth == 0 and 1.0 or node.total / pic.whole
  local y = (pic.inverted and depth or pic.levels - depth) * ROW
  local x = place(start / pic.whole)
  local fill = frame.fill or diff_colour(tree_of.change(pic.tree, node), pic.scale)
  local out = pic.out
  out[#out + 1] = ('<g><title>%s\n%s</title><rect x="%s" y="%d" width="%s" height="%d" fill="%s"/>'):format(
    frame.xml, details(pic, node, frame), x, y, place(width), ROW - 1, fill)
  local text = fit(frame.label, width * pic.inner)
  if text ~= "" then
    out[#out + 1] = ('<text x="%s" y="%d" dx="4">%s</text>'):format(x, y + 12, svg.text(text))
  end
  out[#out + 1] = "</g>\n"
end

-- depth first: a frame stands before the frames it called
local function draw(pic, node, depth, start)
  draw_frame(pic, node, depth, start)
  for _, kid in ipairs(node.kids or {}) do
    if kid.total >= pic.floor and kid.total > 0 then
      draw(pic, kid, depth + 1, start)
    elseif kid.total > 0 then
      pic.narrow = pic.narrow + 1
    end
    start = start + kid.total
  end
end

-- levels that have a frame wide enough
local function drawn_levels(node, floor)
  local deepest = 0
  for _, kid in ipairs(node.kids or {}) do
    if kid.total >= floor and kid.total > 0 then
      deepest = math.max(deepest, 1 + drawn_levels(kid, floor))
    end
  end
  return deepest
end

local function legend(pic)
  local out, x = {}, MARGIN
  local function swatch(fill, text)
    out[#out + 1] = ('<rect x="%d" y="56" width="11" height="11" rx="2" fill="%s"/><text x="%d" y="66">%s</text>')
      :format(x, fill, x + 16, text)
    x = x + 16 + math.ceil(#text * 6.3) + 18
  end
  if pic.tree.diff then
    swatch(diff_colour(1, 1), "more than before")
    swatch(diff_colour(-1, 1), "less")
    swatch(diff_colour(0, 1), "the same")
  elseif pic.colour ~= COLOURS.name then
    for _, row in ipairs(LEGEND) do
      if pic.kinds[row[1]] then
        swatch(svg.hsl(table.unpack(KINDS[row[1]], 1, 3)), row[2])
      end
    end
  end
  return table.concat(out)
end

-- shares of what was there before and is gone: nothing of it can be drawn
local function gone(tree, node)
  local sum = 0.0
  for _, kid in ipairs(node.kids or {}) do
    sum = sum + (kid.total == 0 and tree_of.share(kid.was_total, tree.was_total) or gone(tree, kid))
  end
  return sum
end

local function notes(pic)
  local tree = pic.tree
  local list = { pic.subtitle }
  list[#list + 1] = ("%s %s in %s stacks"):format(svg.count(tree.total), pic.unit, svg.count(tree.stacks))
  if tree.diff then
    list[#list + 1] = ("%s before, of which %s is gone"):format(svg.count(tree.was_total),
      svg.percent(gone(tree, tree.root)))
  end
  if pic.narrow > 0 then
    list[#list + 1] = ("%s branches too narrow to draw"):format(svg.count(pic.narrow))
  end
  if tree.skipped > 0 then
    list[#list + 1] = ("%s lines were no stacks"):format(svg.count(tree.skipped))
  end
  return svg.text(table.concat(list, " · "))
end

local function picture_of(tree, opts)
  local pic = {
    tree = tree, out = {}, cache = {}, kinds = {}, narrow = 0, unit = opts.unit or "samples",
    title = opts.title or (tree.diff and "Differential flame graph" or "Flame graph"),
    subtitle = opts.subtitle, inverted = opts.inverted, width = opts.width or 1200,
    colour = COLOURS[opts.colours or "kind"],
  }
  if not pic.colour then
    error("flame.svg: colours is 'kind', 'module' or 'name'", 0)
  end
  if math.type(pic.width) ~= "integer" or pic.width < 100 or pic.width > 100000 then
    error("flame.svg: width is 100 to 100000 pixels", 0)
  end
  pic.whole = tree.total > 0 and tree.total + 0.0 or 1.0
  pic.inner = pic.width - 2 * MARGIN
  pic.floor = pic.whole * (opts.min_width or 0.4) / pic.inner
  pic.levels = drawn_levels(tree.root, pic.floor)
  pic.scale = tree.diff and largest_change(tree, tree.root, pic.floor)
  return pic
end

-- title, what was counted, and what the colours mean
local function header(pic)
  local title = svg.text(pic.title)
  local status = pic.tree.total > 0 and "" or "nothing was counted"
  return ([[
<g class="bar"><rect class="paper" width="100%%" height="%d"/>
<text class="head" x="%d" y="26">%s</text>
<text class="note" x="%d" y="45">%s</text>
<g class="legend">%s</g>
<text class="status" x="%d" y="66">%s</text></g>
]]):format(TOP - 4, MARGIN, title, MARGIN, notes(pic), legend(pic), pic.width - MARGIN, status)
end

--- flame.svg
function M.svg(tree, opts)
  local pic = picture_of(tree, opts)
  draw(pic, tree.root, 0, 0)
  local inside = (pic.levels + 1) * ROW
  local height = TOP + inside + BOTTOM
  return table.concat{ ([[
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<svg xmlns="http://www.w3.org/2000/svg" version="1.1" class="flame" width="%d" height="%d">
<title>%s</title>
<style>%s</style>
<rect class="paper" width="100%%" height="100%%"/>
<svg class="frames" x="%d" y="%d" width="%d" height="%d" data-inverted="%d">
]]):format(pic.width, height, svg.text(pic.title), STYLE, MARGIN, TOP, pic.inner, inside,
    pic.inverted and 1 or 0), table.concat(pic.out), "</svg>\n", header(pic),
    "<script><![CDATA[\n", script.code, "]]></script>\n</svg>\n" }
end

return M
