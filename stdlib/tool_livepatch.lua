-- SPDX-License-Identifier: Apache-2.0
-- tool_livepatch: what /sys/kernel/livepatch tells, and where originals and replacements are probed.

local bpf = require "bpf"
local oneliner = require "oneliner"
local sys = require "sys"

local M = { ROOT = "/sys/kernel/livepatch" }

local function number(path)
  return math.tointeger(tonumber((sys.read(path))))
end

local function sorted(path)
  local names = sys.list(path) or {}
  table.sort(names)
  return names
end

--- {name=, enabled=, transition=, functions = {{object=, func=, position=}}} of each patch, or of
--- the one named `only`.
function M.patches(only)
  local patches = {}
  for _, name in ipairs(sorted(M.ROOT)) do
    local dir = M.ROOT .. "/" .. name
    local p = { name = name, enabled = number(dir .. "/enabled"),
      transition = number(dir .. "/transition"), functions = {} }
    for _, object in ipairs(sorted(dir)) do
      for _, entry in ipairs(sorted(dir .. "/" .. object)) do
        local func, position = entry:match("^(.+),(%d+)$")
        if func then
          table.insert(p.functions, { object = object, func = func, position = tonumber(position) })
        end
      end
    end
    if p.enabled and (not only or only == name) then
      patches[#patches + 1] = p
    end
  end
  return patches
end

local symbols = {}                             -- of each patch module, functions' names

local function symbols_of(patch)
  if symbols[patch] then
    return symbols[patch]
  end
  local module, list = "[" .. patch .. "]", {}
  for line in io.lines("/proc/kallsyms") do
    local name, where = line:match("^%x+ [tT] (%S+)%s+(%S+)$")
    if where == module and not name:find("^__pfx_") and not name:find("^__cfi_") then  -- padding
      list[#list + 1] = name
    end
  end
  symbols[patch] = list
  return list
end

-- Names of the module's functions that may replace one: called like it, as kpatch-build makes
-- them, or else with more in front.
local function replacements(patch, func)
  local found = {}
  for _, name in ipairs(symbols_of(patch)) do
    if name == func then
      return { name }
    elseif name:sub(-#func - 1) == "_" .. func then
      found[#found + 1] = name
    end
  end
  return found
end

-- a link, or nil and why not; where offset is inside of an instruction that is E-ATTACH
local function try(prog, fn, module, name, offset)
  local options = { optional = true, offset = offset }
  local ok, link, message = pcall(prog.kprobe, prog, fn, module .. ":" .. name, options)
  if not ok and link.tag ~= "E-ATTACH" then
    error(link, 0)
  end
  return ok and link or nil, ok and message or link.message
end

-- Probes the original's body: a link, or nil and why not. It is behind the call that leads to the
-- replacement: 5 bytes, which begin the function or stand behind an endbr64, where the kernel
-- refuses the middle of an instruction.
local function attach_original(prog, fn, f)
  if sys.machine() ~= "x86_64" then
    return nil, "where its body begins is known for x86_64 only"
  elseif f.position > 1 then
    return nil, ("it is number %d of this name in %s"):format(f.position, f.object)
  end
  local link, message = try(prog, fn, f.object, f.func, 5)
  return link or try(prog, fn, f.object, f.func, 9), message
end

-- Probes the replacement, if there is just one that it may be: a link, or nil and why not.
local function attach_replacement(prog, fn, patch, f)
  local names = replacements(patch, f.func)
  if #names ~= 1 then
    return nil, #names == 0 and "replacement not identified: no function of the module is named like it"
      or "replacement not identified: it may be " .. table.concat(names, ", ")
  end
  return try(prog, fn, patch, names[1])
end

local function text_of(n)
  local text = { ("BPF_ARRAY(calls, u64, %d);\n"):format(n) }
  for i = 0, n - 1 do
    text[#text + 1] = ([[
int calls_%d(struct pt_regs *ctx)
{
    int slot = %d;
    u64 *n = calls.lookup(&slot);
    if (n)
        lock_xadd(n, 1);
    return 0;
}
]]):format(i, i)
  end
  return table.concat(text)
end

local function attach_pair(prog, slot, p, f, complain)
  local original, message = attach_original(prog, "calls_" .. slot, f)
  if not original then
    complain("%s: the original's calls are not counted: %s", f.func, message)
  end
  local replacement, why = attach_replacement(prog, "calls_" .. slot + 1, p.name, f)
  if not replacement then
    complain("%s in %s: the replacement's calls are not counted: %s", f.func, p.name, why)
  end
  return { original = original and { slot = slot, before = 0 },
    replacement = replacement and { slot = slot + 1, before = 0 } }
end

local function key_of(p, f)
  return table.concat({ p.name, f.object, f.func, f.position }, " ")
end

--- Counts the calls of what the patches replace, and of the replacements; complain(format, ...)
--- says what cannot be. A function(patch, function, "original" or "replacement") -> calls since it
--- was last asked, or nil.
function M.count(patches, complain)
  local all, counters = {}, {}
  for _, p in ipairs(patches) do
    for _, f in ipairs(p.functions) do
      all[#all + 1] = { p, f }
    end
  end
  local prog = bpf.load{ text = text_of(2 * #all) }
  for i, pair in ipairs(oneliner.dry() and {} or all) do
    counters[key_of(pair[1], pair[2])] = attach_pair(prog, 2 * i - 2, pair[1], pair[2], complain)
  end
  for _, counter in pairs(counters) do
    for _, c in pairs(counter) do
      c.before = prog.calls[c.slot]  -- all count from now on
    end
  end
  return function(p, f, which)
    local c = (counters[key_of(p, f)] or {})[which]
    if not c then
      return nil
    end
    local n, before = prog.calls[c.slot], c.before
    c.before = n
    return n - before
  end
end

--- Rows of the threads that are not where the patch wants them, and how many could not be asked.
function M.holders(p)
  local list, hidden = {}, 0
  for _, pid in ipairs(sorted("/proc")) do
    for _, tid in ipairs(pid:find("^%d+$") and sorted(("/proc/%s/task"):format(pid)) or {}) do
      local dir = ("/proc/%s/task/%s/"):format(pid, tid)
      local state = number(dir .. "patch_state")
      local comm = sys.read(dir .. "comm")
      if state and state >= 0 and state ~= p.enabled then
        list[#list + 1] = { row = "task", patch = p.name, pid = tonumber(pid), tid = tonumber(tid),
          comm = (comm or "?"):gsub("\n$", ""), patch_state = state }
      elseif not state and comm then
        hidden = hidden + 1
      end
    end
  end
  return list, hidden
end

return M
