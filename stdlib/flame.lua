-- SPDX-License-Identifier: Apache-2.0
-- flame: flame graphs of folded stacks, as one SVG file or as text for a terminal.
--
--   local tree = flame.tree(io.lines("out.folded"))
--   flame.save("out.svg", flame.svg(tree, { title = "CPU time" }))
--   io.write(flame.text(tree, { width = 80 }))
--
-- A folded line is "outer;inner COUNT". Frames that end in _[k] or stand behind a "-" frame are
-- the kernel's, as "profile -f -a" and "-d" print them; _[j] is JIT code, _[i] was inlined.

local svg = require "flame_svg"
local tree = require "flame_tree"

local M = {}

--- A tree of folded stacks: a text of lines, an iterator of lines (file:lines()), a file, a list
--- of lines or of {key=STACK, value=COUNT}, or {[STACK]=COUNT}. Counts from Lua are u64 or floats.
--- Fields of a tree to read: total, stacks, depth, nodes, and skipped, how many lines were no
--- stacks. Raises for anything else, and for counts below 0 or not finite.
M.tree = tree.new

--- A tree of two, each a tree or what flame.tree takes: widths are those of after, colours say
--- what has a larger share of the total than before (red) or a smaller one (blue).
M.diff = tree.diff

--- The tree as text of an SVG file that needs nothing else: a browser zooms at a click, searches
--- (Ctrl-F, a regular expression) and shows tooltips; elsewhere it is a picture. The same tree
--- and options give the same bytes. opts, all optional:
---   title, subtitle   text at the top
---   unit              what is counted ("samples")
---   width             pixels (1200); a browser fits it to its window
---   inverted          the outermost frames at the top, an icicle graph
---   colours           "kind" (the default): process, user, kernel, module; "module": each
---                     module has its own; "name": warm colours by name
---   min_width         pixels of the narrowest frame that is drawn (0.4)
function M.svg(of, opts)
  return svg.svg(of, opts or {})
end

--- The tree as lines for a terminal, widest first. opts, all optional:
---   width, height     columns (80) and lines (40) at most
---   colour            with ANSI colours
---   ascii             no characters but ASCII
---   style             "tree" (the default): total and own share of each frame, a bar, and the
---                     frames that it called below it; "flame": a flame graph
---   inverted          of a flame: the outermost frames at the top
---   unit              what is counted ("samples")
function M.text(of, opts)
  return require("flame_text").text(of, opts or {})
end

-- a name beside path that nobody can guess
local function temporary(path)
  local random, msg, code = io.open("/dev/urandom", "rb")
  if not random then
    return nil, msg, code
  end
  local bytes = random:read(8)
  random:close()
  return path .. "." .. ("%016x"):format(("=I8"):unpack(bytes)) .. ".new"
end

-- message without the name of a file, which may be one that nobody knows
local function write_to(name, text)
  local file, msg, code = io.open(name, "wb")
  if not file then
    return nil, msg:sub(#name + 3), code
  end
  local done
  done, msg, code = file:write(text)
  local closed, close_msg, close_code = file:close()
  if not done or not closed then
    return nil, msg or close_msg, code or close_code
  end
  return true
end

local function replace(path, text)
  local name, msg, code = temporary(path)
  if not name then
    return nil, msg, code
  end
  local done
  done, msg, code = write_to(name, text)
  if done then
    done, msg, code = os.rename(name, path)
  end
  if not done then
    os.remove(name)
  end
  return done, msg, code
end

--- Whether save() could write this file now: true, or nil, message.
function M.writable(path)
  local name, message = temporary(path)
  if path:find("^/dev/") then
    name = path
  elseif name and io.open(path .. "/.", "rb") then
    return nil, path .. ": Is a directory"
  end
  local file
  if name then
    file, message = io.open(name, "ab")
    message = message and message:sub(#name + 3)
  end
  if not file then
    return nil, path .. ": " .. message
  end
  file:close()
  return name == path or os.remove(name)
end

--- Writes text to a file, whole or not at all; below /dev as it is. Returns true, or nil,
--- message, code.
function M.save(path, text)
  local done, msg, code = (path:find("^/dev/") and write_to or replace)(path, text)
  if not done then
    return nil, path .. ": " .. msg, code
  end
  return true
end

return M
