-- SPDX-License-Identifier: Apache-2.0
-- flame: a flame graph of folded stacks, as an SVG file or in the terminal
--
--  total   self
--  47.6%   0.2%  █████████▌        ├ cc1
--  18.2%         ███▋              └ md5sum
local args, flame, picture = require "args", require "flame", require "tool_picture"

local opts = args.parse{
  name = "flame",
  summary = "Draw a flame graph of folded stacks, as \"profile -f\" prints them.",
  output = false,
  options = {
    { "-o", "--output", arg = "FILE", help = "write to FILE, else to standard output" },
    { "-d", "--diff", arg = "BEFORE", help = "colour what takes more (red) or less (blue) than in this file" },
    { "-t", "--text", help = "for a terminal: a tree (without -o, what a terminal gets)" },
    { "-b", "--blocks", help = "for a terminal: a flame graph of characters" },
    { "--ascii", help = "only ASCII characters in the terminal" },
    { "--colour", type = "choice:auto,always,never", default = "auto", help = "ANSI colours in the terminal" },
    { "--height", type = "uint", min = 4, max = 10000, default = 40, help = "lines of text at most" },
    { "-w", "--width", type = "uint", min = 1, max = 20000, help = "pixels, 100 or more, or columns of text" },
    { "-i", "--inverted", help = "the outermost frames at the top" },
    { "-c", "--colours", type = "choice:kind,module,name", default = "kind", help = "what the SVG's colours mean" },
    { "--min-width", arg = "PIXELS", type = "float", min = 0, max = 100, default = 0.4,
      help = "narrowest frame in the SVG" },
    { "-u", "--unit", type = "string", min = 0, default = "samples", help = "what is counted" },
    { "--title", type = "string", min = 0, help = "title of the SVG" },
    { "--subtitle", type = "string", min = 0, help = "a second line of it" },
  },
  positionals = {
    { "file", type = "string", repeatable = true, help = "files of folded stacks, - for standard input (the default)" },
  },
  exclusive = { { "text", "blocks" } },
  examples = {
    { "profile -f -a 10 | moontrace flame -o cpu.svg", "ten seconds of all CPUs" },
    { "flame out.folded", "in the terminal" },
    { "flame --diff before.folded after.folded -o diff.svg", "what has changed" },
  },
}

local function tree_of(names)
  local tree = flame.tree(picture.lines("flame", names))
  if tree.skipped > 0 then
    io.stderr:write(("flame: %s: %d lines are no folded stacks\n"):format(table.concat(names, ", "), tree.skipped))
  end
  return tree
end

local tree = tree_of(#(opts.file or {}) > 0 and opts.file or { "-" })
if opts.diff then
  tree = flame.diff(tree_of{ opts.diff }, tree)
end

local how = picture.terminal(opts, opts.text or opts.blocks)
if how then
  how.style, how.height = opts.blocks and "flame" or "tree", opts.height
  how.inverted, how.unit = opts.inverted, opts.unit
elseif opts.width and opts.width < 100 then
  picture.fail("flame", "an SVG is at least 100 pixels wide")
end
picture.write("flame", opts.output, how and flame.text(tree, how) or flame.svg(tree, {
  title = opts.title, subtitle = opts.subtitle, unit = opts.unit, width = opts.width,
  inverted = opts.inverted, colours = opts.colours, min_width = opts.min_width,
}))
