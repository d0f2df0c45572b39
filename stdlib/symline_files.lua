-- SPDX-License-Identifier: Apache-2.0
-- symline_files: debug information of a kernel and its modules: where it is, and whose.

local debuginfo = require "debuginfo"
local sys = require "sys"

local M = {}

local HINT = "install the kernel's debug package (linux-image-%s-dbg of Debian, kernel-debuginfo-%s of Red Hat), " ..
  "or give --vmlinux FILE"

local FORMS = { [""] = true, [".debug"] = true, [".xz"] = true, [".zst"] = true, [".gz"] = true }

local function exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

-- the build id in ELF notes, as /sys has them
local function id_of_notes(path)
  local notes, at = sys.read(path) or "", 1
  while at + 12 <= #notes do
    local name, desc, kind = ("=I4I4I4"):unpack(notes, at)
    local data = at + 12 + (name + 3) // 4 * 4
    if kind == 3 and notes:sub(at + 12, at + 15) == "GNU\0" then
      return (notes:sub(data, data + desc - 1):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
    end
    at = data + (desc + 3) // 4 * 4
  end
  return nil
end

local function by_id(id)
  return id and ("/usr/lib/debug/.build-id/%s/%s.debug"):format(id:sub(1, 2), id:sub(3))
end

-- "Linux version 5.10.0-8-amd64 (...) ..."
local function release_in(banner)
  return banner and banner:match("^Linux version (%S+)")
end

-- whether an open image is the running kernel's: true, false, or nil where that cannot be told
local function is_running(info)
  local own, id = id_of_notes("/sys/kernel/notes"), info:build_id()
  if own and id then
    return own == id
  end
  local version, banner = (sys.read("/proc/version") or ""):match("^[^\n]+"), info:banner()
  if version and banner then
    return version == banner
  end
  return nil
end

local function describe(info)
  local release, id = release_in(info:banner()), info:build_id()
  return release and "Linux " .. release or id and "a file of build id " .. id or "a file of no build"
end

-- an image that was named: that it is another kernel is said, unless it claims to be the running one
local function named_image(opts)
  local info, message, tag = debuginfo.open(opts.vmlinux)
  if not info then
    return nil, message, tag
  end
  local running, release = is_running(info), release_in(info:banner())
  if opts.release and release and release ~= opts.release then
    return nil, ("'%s' is Linux %s, not %s"):format(opts.vmlinux, release, opts.release), "E-DEBUGINFO"
  elseif not running and release == sys.release() and not opts.release then
    return nil, ("'%s' is another build of Linux %s than the running one (build id %s, not %s); -k %s takes it")
      :format(opts.vmlinux, release, info:build_id() or "none", id_of_notes("/sys/kernel/notes") or "none",
      release), "E-DEBUGINFO"
  end
  return { info = info, name = opts.vmlinux, running = running, release = release or opts.release,
    dir = opts.vmlinux:match("^(.*)/[^/]*$") or ".",
    note = not running and ("'%s' is %s, not the running kernel: frames must be of that one"):format(
      opts.vmlinux, describe(info)) or nil }
end

local function image_paths(release, id)
  local list = { by_id(id) }
  for _, text in ipairs{ "/usr/lib/debug/boot/vmlinux-%s", "/usr/lib/debug/lib/modules/%s/vmlinux",
    "/usr/lib/debug/usr/lib/modules/%s/vmlinux", "/usr/lib/debug/boot/vmlinux-%s.debug",
    "/usr/lib/debug/lib/modules/%s/vmlinux.debug", "/lib/modules/%s/vmlinux", "/lib/modules/%s/build/vmlinux",
    "/boot/vmlinux-%s" } do
    list[#list + 1] = text:format(release)
  end
  return list
end

-- a file in a usual place: nil and a line about it if it is not there or of another kernel
local function usual_image(path, release)
  if not exists(path) then
    return nil, "  " .. path .. ": not there"
  end
  local info, message, tag = debuginfo.open(path)
  if not info then
    return nil, ("  %s: %s"):format(path, message), tag
  end
  if release ~= sys.release() then
    local own = release_in(info:banner())
    if own and own ~= release then
      return nil, ("  %s: it is Linux %s"):format(path, own)
    end
    return { info = info, name = path, release = release }
  end
  local running = is_running(info)
  if not running then
    return nil, ("  %s: %s"):format(path, running == nil and "cannot be told to be the running kernel's" or
      "it is of another build than the running kernel")
  end
  return { info = info, name = path, release = release, running = true }
end

--- The image of a kernel: {info=, name=, release=, running=, dir=, note=}, or nil, message, tag.
--- opts as symline.kernel's.
function M.image(opts)
  if opts.vmlinux then
    return named_image(opts)
  end
  local release = opts.release or sys.release()
  if not release:find("^[%w._+~-]+$") then
    return nil, ("'%s' is no release of a kernel"):format(release), "E-DEBUGINFO"
  end
  local looked = {}
  for _, path in ipairs(image_paths(release, release == sys.release() and id_of_notes("/sys/kernel/notes") or nil)) do
    local image, message = usual_image(path, release)
    if image then
      return image
    end
    looked[#looked + 1] = message
  end
  return nil, ("no debug information of Linux %s; looked at\n%s\n%s"):format(release, table.concat(looked, "\n"),
    HINT:format(release, release)), "E-DEBUGINFO"
end

-- ---- modules ----

-- adds paths of a module's files below dir, in any of its forms
local function search(dir, pattern, depth, found)
  for _, base in ipairs(depth > 0 and sys.list(dir) or {}) do
    local _, last = base:find(pattern)
    if last and FORMS[base:sub(last + 1)] then
      found[#found + 1] = dir .. "/" .. base
    elseif not base:find("%.", 2) and base ~= "build" and base ~= "source" then
      search(dir .. "/" .. base, pattern, depth - 1, found)
    end
  end
end

local function below(dir, name)
  local found = {}
  search(dir, "^" .. name:gsub("[_-]", "[_-]") .. "%.ko", 16, found)
  -- those with the most to say first
  table.sort(found, function(a, b) return a:find("%.debug$") and not b:find("%.debug$") or false end)
  return found
end

local function module_dirs(image)
  local list = {}
  if image.dir and (image.dir:match("/modules/[^/]+$") or exists(image.dir .. "/modules.order")) then
    list[1] = image.dir
  end
  for _, text in ipairs{ "/usr/lib/debug/lib/modules/%s", "/usr/lib/debug/usr/lib/modules/%s", "/lib/modules/%s" } do
    list[#list + 1] = image.release and text:format(image.release)
  end
  return list
end

-- the first file that belongs to the module as it is loaded, if the kernel is the running one
local function first_good(image, paths, name)
  local id = image.running and id_of_notes(("/sys/module/%s/notes/.note.gnu.build-id"):format(name)) or nil
  local looked = {}
  for _, path in ipairs(paths) do
    local info, message = debuginfo.open(path)
    if not info then
      looked[#looked + 1] = ("  %s: %s"):format(path, message)
    elseif id and info:build_id() ~= id then
      looked[#looked + 1] = ("  %s: it is of another build than the module that is loaded"):format(path)
    else
      return { info = info, name = path, module = name }
    end
  end
  return nil, looked, id
end

--- A module of a kernel as M.image() has it: {info=, name=, module=}, or nil, message, tag.
function M.module(image, name)
  local paths = {}
  local id = image.running and id_of_notes(("/sys/module/%s/notes/.note.gnu.build-id"):format(name))
  if id and exists(by_id(id)) then
    paths[1] = by_id(id)
  end
  for _, dir in ipairs(module_dirs(image)) do
    local some = below(dir, name)
    table.move(some, 1, #some, #paths + 1, paths)
  end
  local file, looked = first_good(image, paths, name)
  if file then
    return file
  end
  return nil, ("no debug information of module '%s'%s%s"):format(name, #looked > 0 and ":\n" or "; looked below " ..
    table.concat(module_dirs(image), ", "), table.concat(looked, "\n")), "E-DEBUGINFO"
end

return M
