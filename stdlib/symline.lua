-- SPDX-License-Identifier: Apache-2.0
-- symline: frames of stacks, "func+0x12/0x50 [module]" and addresses, to lines of source.
--
--   local kernel = assert(symline.kernel())
--   for _, found in ipairs(assert(kernel:frame{ func = "vfs_read", offset = 0x9a })) do
--     print(found.places[1].file, found.places[1].line)
--   end
--
-- A resolver answers from debug information that belongs to the running kernel or to the file, by
-- its build id; other debug information is refused.

local debuginfo = require "debuginfo"
local files = require "symline_files"
local sys = require "sys"
local text = require "symline_text"

local M = {}

local Resolver = {}
Resolver.__index = Resolver

local NO_SUCH = "no function '%s' in %s"

--- See symline_text.
M.parse, M.where, M.folded = text.parse, text.where, text.folded

-- "fs/./read_write.c", "fs/../include/a.h"
local function tidy(path)
  path = path:gsub("/%./", "/"):gsub("^%./", ""):gsub("//+", "/")
  local n
  repeat
    path, n = path:gsub("([^/]+)/%.%./", function(dir) return dir ~= ".." and "" or nil end, 1)
  until n == 0 or path:find("^%.%./") or path:find("/%.%./%.%./")
  return path
end

-- the name of a file: whole, or as kernel developers write it, below the directory of the build
local function file_name(p, short)
  local dir, file = p.dir, p.file
  if not dir or dir == "" then
    return tidy(file)
  elseif short and file:sub(1, #dir + 1) == dir .. "/" then
    return tidy(file:sub(#dir + 2))
  end
  return tidy((short or file:sub(1, 1) == "/") and file or dir .. "/" .. file)
end

local function tidy_places(places, short)
  for _, p in ipairs(places) do
    p.file = p.file and file_name(p, short)
  end
  return places
end

local function places_at(self, file, address)
  local places = tidy_places(file.info:at(address), self.short)
  return #places > 0 and places or nil
end

-- whether a symbol has the size that a stack says, which counts up to the next symbol
local function has_size(symbol, size)
  return not size or size == symbol.size or size == symbol.span or (symbol.span == 0 and size >= symbol.size)
end

-- where one file has the function: a list, or nil and why none of its functions will do
local function in_file(self, file, frame)
  local found, why = {}, nil
  for _, s in ipairs(file.info:find(frame.func)) do
    local size, places = s.span > 0 and s.span or s.size, nil
    if not has_size(s, frame.size) then
      why = why or ("%s has 0x%x bytes in %s, not 0x%x: it is of another build"):format(frame.func, size,
        file.name, frame.size)
    elseif frame.offset ~= 0 and not math.ult(frame.offset, size) then
      why = why or ("%s has only 0x%x bytes in %s"):format(frame.func, size, file.name)
    else
      places = places_at(self, file, s.address + frame.offset)
      why = why or not places and ("%s has no line of %s+0x%x"):format(file.name, frame.func, frame.offset) or nil
    end
    if places then
      found[#found + 1] = { func = frame.func, offset = frame.offset, module = file.module,
        address = s.address + frame.offset, places = places }
    end
  end
  return #found > 0 and found or nil, why
end

local function by_name(self, list, frame)
  local found, why = {}, nil
  for _, file in ipairs(list) do
    local some, message = in_file(self, file, frame)
    why = why or message
    table.move(some or {}, 1, some and #some or 0, #found + 1, found)
  end
  if #found == 0 then
    return nil, why or NO_SUCH:format(frame.func, list[1] and list[1].name or "the kernel")
  end
  return found
end

local function at_address(self, file, address)
  local symbol, places = file.info:symbol(address), places_at(self, file, address)
  if not places then
    return nil, ("%s has no line of 0x%x"):format(file.name, address)
  end
  return { { func = symbol and symbol.name, offset = symbol and address - symbol.address, module = file.module,
    address = address, places = places } }
end

--- What a frame as of symline.parse is: a list, as functions may have the same name, of {func=,
--- offset=, module=, address=, places=}, with the places as debuginfo's file:at() has them; or nil,
--- message. It says why where debug information is missing, belongs to another build, or where the
--- function is shorter than the offset.
function Resolver:frame(frame)
  if frame.func and not frame.offset then
    frame = setmetatable({ offset = 0 }, { __index = frame })
  end
  local key = frame.address or ("%s+%d/%d %s"):format(frame.func, frame.offset, frame.size or -1, frame.module or "")
  local known = self.known[key]
  if not known then
    known = table.pack(self.find(self, frame))
    self.known[key] = known
  end
  return table.unpack(known, 1, known.n)
end

local function new(fields)
  fields.known = {}
  return setmetatable(fields, Resolver)
end

--- A resolver of the functions and addresses of programs and libraries, by their paths; or nil,
--- message, tag. Addresses are the file's own.
function M.programs(paths)
  local list = {}
  for i, path in ipairs(paths) do
    local info, message, tag = debuginfo.open(path)
    if not info then
      return nil, message, tag
    end
    list[i] = { info = info, name = path, module = path:match("[^/]+$") }
  end
  return new{ find = function(self, frame)
    if frame.func then
      return by_name(self, list, frame)
    elseif #list > 1 then
      return nil, "an address is of one file: there are several"
    end
    return at_address(self, list[1], frame.address)
  end }
end

-- by how much the running kernel is moved, nil and why where that is hidden
local function slide_of(image)
  local at = debuginfo.kernel_address("_text")
  local own = image.info:address("_text")
  if not at then
    return nil, "/proc/kallsyms hides the kernel's addresses (see kernel.kptr_restrict): only names can be looked up"
  end
  return own and at - own or nil, "the kernel image has no symbol _text"
end

local function kernel_address(self, image, address)
  if not image.running then
    return at_address(self, image, address)
  end
  local slide, why = slide_of(image)
  if not slide then
    return nil, why
  end
  local name, offset, module = sys.ksym(address)
  if name and module and module ~= "vmlinux" then
    return self:frame{ func = name, offset = offset, module = module }
  end
  return at_address(self, image, address - slide)
end

--- A resolver of kernel frames. opts: vmlinux, the image, else it is searched for; release, of the
--- kernel that the frames are from, else the running one; full, names of files as they are in the
--- debug information. Its field note says what a caller should know, or is nil. Or nil, message, tag.
function M.kernel(opts)
  opts = opts or {}
  local image, message, tag = files.image(opts)
  if not image then
    return nil, message, tag
  end
  local modules = {}
  local function module_of(name)
    modules[name] = modules[name] or table.pack(files.module(image, name))
    return table.unpack(modules[name], 1, 2)
  end
  return new{ short = not opts.full, note = image.note, find = function(self, frame)
    if frame.address then
      return kernel_address(self, image, frame.address)
    elseif not frame.module then
      return by_name(self, { image }, frame)
    end
    local file, why = module_of(frame.module)
    if not file then
      return nil, why
    end
    return by_name(self, { file }, frame)
  end }
end

return M
