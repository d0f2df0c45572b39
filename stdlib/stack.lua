-- SPDX-License-Identifier: Apache-2.0
-- stack: stack traces as text, one frame a line or folded for flame graphs.
--
-- A stack is {kernel=FRAMES, user=FRAMES, comm=TEXT}, each part optional. FRAMES is a list of
-- {name=, module=, offset=, ip=}, innermost first, as the host resolves them; nil leaves the
-- part out; an empty list prints as [unknown]; a text such as "Missed User Stack" stands for a
-- stack that was not captured and prints in brackets.

local fmt = require "fmt"

local M = {}

local KERNEL_SUFFIX = "_[k]"

--- One frame as text: its name; "[module+0x12]" where only the module is known; else
--- "[unknown]". opts.offset adds "+0x12" to names.
function M.frame(frame, opts)
  local at = frame.offset and ("+0x%x"):format(frame.offset) or ""
  if frame.name and frame.name ~= "" then
    return fmt.safe(frame.name) .. (opts and opts.offset and at or "")
  end
  if frame.module and frame.module ~= "" then
    return "[" .. fmt.safe(frame.module) .. at .. "]"
  end
  return "[unknown]"
end

-- texts of one part, innermost first
local function names(frames, opts, suffix)
  if type(frames) == "string" then
    return { "[" .. fmt.safe(frames) .. "]" }
  end
  local list = {}
  for i, frame in ipairs(frames or {}) do
    list[i] = M.frame(frame, opts) .. suffix
  end
  if frames and #list == 0 then
    list[1] = "[unknown]"
  end
  return list
end

local function suffix_of(opts)
  local suffix = opts and opts.kernel_suffix
  return suffix == true and KERNEL_SUFFIX or suffix or ""
end

-- user and kernel separated only where both were captured
local function delimited(stack, opts)
  return opts and opts.delimiter and type(stack.user) == "table" and type(stack.kernel) == "table"
end

-- ';' separates frames and must not occur in one
local function fold(words, text)
  words[#words + 1] = text:gsub(";", ":")
end

local function fold_reversed(words, list)
  for i = #list, 1, -1 do
    fold(words, list[i])
  end
end

--- One folded line without its count: "comm;outer;inner", user frames before kernel frames.
--- opts: kernel_suffix (true for "_[k]", or a text) marks kernel frames; delimiter puts a "-"
--- frame between user and kernel; offset as in stack.frame. A ';' in a name becomes ':'.
function M.folded(stack, opts)
  local words = {}
  if stack.comm then
    fold(words, fmt.safe(stack.comm))
  end
  fold_reversed(words, names(stack.user, opts, ""))
  if delimited(stack, opts) then
    words[#words + 1] = "-"
  end
  fold_reversed(words, names(stack.kernel, opts, suffix_of(opts)))
  return table.concat(words, ";")
end

--- Adds up {key=, value=} entries (or {key, value} pairs) of the same key, typically folded
--- lines; returns a new list of {key=, value=}, largest value first, then by key.
function M.merge(list)
  local sums, merged = {}, {}
  for _, entry in ipairs(list) do
    local key, value = entry.key or entry[1], entry.value or entry[2]
    if not sums[key] then
      sums[key] = { key = key, value = 0 }
      merged[#merged + 1] = sums[key]
    end
    sums[key].value = sums[key].value + value
  end
  table.sort(merged, function(a, b)
    if a.value ~= b.value then
      return a.value > b.value
    end
    return a.key < b.key
  end)
  return merged
end

--- Writes a stack to file, one frame a line, innermost first, kernel before user, indented by
--- indent spaces (4 unless told). stack may be a bare list of frames. opts as in stack.folded;
--- the delimiter is a "--" line. Returns file, or what its write method failed with.
function M.print(file, stack, indent, opts)
  if type(stack) == "string" or stack[1] or next(stack) == nil then
    stack = { kernel = stack }
  end
  local lines = names(stack.kernel, opts, suffix_of(opts))
  if delimited(stack, opts) then
    lines[#lines + 1] = "--"
  end
  local user = names(stack.user, opts, "")
  table.move(user, 1, #user, #lines + 1, lines)
  local space = (" "):rep(indent or 4)
  for i, line in ipairs(lines) do
    lines[i] = space .. line .. "\n"
  end
  return file:write(table.concat(lines))
end

-- frames behind a stack id; nil where there was no such stack (-1: not asked for, -14, EFAULT:
-- nothing to walk), a text where it was lost
local function frames_of(map, id, pid)
  if id == -1 or id == -14 then
    return nil
  end
  return id >= 0 and map:frames(id, pid) or "Missed Stack"
end

--- The stack behind the ids that get_stackid() gave, from a stack trace map. who is
--- {kernel=ID, user=ID, tgid=, comm=}, each id optional.
function M.resolve(map, who)
  return {
    comm = who.comm,
    kernel = frames_of(map, who.kernel or -1),
    user = frames_of(map, who.user or -1, who.tgid),
  }
end

-- text of one part as map:folded has it, or nil
local function folded_part(map, id, pid, suffix, opts)
  if id == -1 or id == -14 then
    return nil
  end
  return id >= 0 and map:folded(id, pid, suffix, opts and opts.offset) or "[Missed Stack]" .. suffix
end

--- stack.folded(stack.resolve(map, who), opts), without a table for each frame.
function M.fold(map, who, opts)
  local words = {}
  if who.comm then
    fold(words, fmt.safe(who.comm))
  end
  local user = folded_part(map, who.user or -1, who.tgid, "", opts)
  local kernel = folded_part(map, who.kernel or -1, nil, suffix_of(opts), opts)
  words[#words + 1] = user
  if user and kernel and opts and opts.delimiter and who.user >= 0 and who.kernel >= 0 then
    words[#words + 1] = "-"
  end
  words[#words + 1] = kernel
  return table.concat(words, ";")
end

return M
