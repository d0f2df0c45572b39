-- SPDX-License-Identifier: Apache-2.0
-- symline_text: frames in lines of text, for symline.

local M = {}

-- the name that a text ends with: of C, or all of a text that ends in a name of C++ or Rust
local function name_in(text)
  if text:find("[)>]$") or text:find("::[%w_~]+$") then
    return text:gsub("^.*%[<%x*>%]", ""):match("^%s*(.-)%s*$")
  end
  local name = text:match("([%w_.$@]+)$")
  return name and text:sub(-#name - 1, -#name - 1) ~= "[" and name or nil
end

-- where an address stands that is a frame: registers and times are none
local ADDRESSES = { "^%s*#?%d*%s*0[xX](%x+)%f[^%w]", "%[<0?[xX]?(%x%x%x%x+)>%]",
  "^%s*(%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x)%f[^%w]" }

--- A frame of a line: {func=, offset=, size=, module=} or {address=}, and where it stands, first
--- and last; nil where there is none. Known are "func+0x12", "func+0x12/0x50", "... [module]" with
--- anything in front, addresses at the start or as [<...>], and, with name, a name alone.
function M.parse(line, name)
  local first, last, text, offset = line:find("^(.-)%+0x(%x+)")
  local func = text and #offset <= 16 and name_in(text)
  if func and func ~= "" then
    local frame = { func = func, offset = tonumber(offset, 16), first = first + #text - #func, last = last }
    local _, behind, size = line:find("^/0x(%x+)", last + 1)
    frame.size, frame.last = size and tonumber(size, 16), behind or last
    _, behind, frame.module = line:find("^ %[([%w_-]+)[^%]]*%]", frame.last + 1)
    frame.last = behind or frame.last
    return frame
  end
  for _, pattern in ipairs(ADDRESSES) do
    local digits
    first, last, digits = line:find(pattern)
    if first and #digits <= 16 and not digits:find("^[fF]+$") then  -- ends the kernel's stacks
      first = line:find("%S", first)
      return { address = math.tointeger(tonumber("0x" .. digits)), first = first, last = last }
    end
  end
  func = name and line:match("^%s*([%a_][%w_.$@:]*)%s*$")
  return func and { func = func, offset = 0, first = 1, last = #line }
end

--- "file.c:12" of a place.
function M.where(place)
  return ("%s:%s"):format(place.file or "??", place.line or "?")
end

-- a frame of a folded stack: with its line, and inlined functions as frames of their own
local function folded_frame(text, find, no_inlines)
  local name, mark = text:match("^(.*)(_%[[kj]%])$")
  local frame = M.parse(name or text)
  local found = frame and frame.func and find(frame)
  if not found then
    return text
  end
  local words, places = {}, found[1].places
  if no_inlines then
    return ("%s at %s%s"):format(frame.func, M.where(places[1]), mark or "")
  end
  for i = #places, 1, -1 do
    local func = places[i].func or frame.func
    words[#words + 1] = ("%s at %s%s"):format(func:gsub(";", ":"), M.where(places[i]),
      mark or (i < #places and "_[i]" or ""))
  end
  return table.concat(words, ";")
end

--- A folded line with a line of source in each frame for which find(frame) returns what a
--- resolver does; others stay as they are.
function M.folded(line, find, no_inlines)
  local stack, count = line:match("^(.-)([ \t]%d[%d.]*)%s*$")
  if not stack then
    return line
  end
  return stack:gsub("[^;]+", function(text) return folded_frame(text, find, no_inlines) end) .. count
end

return M
