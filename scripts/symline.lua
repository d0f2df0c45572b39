-- SPDX-License-Identifier: Apache-2.0
-- symline: lines of source behind stack frames and addresses
--
-- vfs_read+0x9a/0x160 fs/read_write.c:466
local args, out, symline, sys = require "args", require "out", require "symline", require "sys"

local opts = args.parse{
  name = "symline",
  summary = "Show the lines of source behind stack frames and addresses, from debug information.",
  usage = "[FUNCTION+0xOFFSET|ADDRESS]...",
  options = {
    { "-e", "--exe", arg = "BINARY", repeatable = true, help = "frames are of this program, library or module" },
    { "--vmlinux", arg = "FILE", help = "the kernel's image, with debug information" },
    { "-k", "--kernel", arg = "RELEASE", help = "frames are of this kernel, not of the running one" },
    { "-f", "--folded", arg = "FILE", help = "print this file of folded stacks with lines, - for standard input" },
    { "-r", "--returns", help = "offsets are where calls return to: show the lines of the calls" },
    { "-i", "--no-inlines", help = "do not show what inlined functions are inlined into" },
    { "--full", help = "full names of the kernel's source files" },
  },
  positionals = {
    { "frame", type = "string", repeatable = true,
      help = "FUNCTION+0xOFFSET or an address; without one, stacks from standard input" },
  },
  examples = {
    { "symline vfs_read+0x9a", "a line of the running kernel" },
    { "dmesg | moontrace symline", "with lines behind the frames of each stack" },
    { "symline --vmlinux vmlinux 'ip_rcv+0x22/0x3e0'", "of another kernel" },
    { "symline -e /usr/bin/ls 0x5a30 main+0x10", "of a program" },
    { "stackcount -s -f vfs_read | moontrace symline -f -", "lines in a flame graph" },
  },
}

local failed, resolvers = false, nil

local function complain(message)
  failed = true
  io.stderr:write("symline: ", message, "\n")
end

local function end_with(message, tag)
  io.stderr:write(("error[%s]: %s\n"):format(tag or "E-DEBUGINFO", message))
  os.exit(tag == "E-ARGS" and 2 or 4, true)
end

-- they read large files: not before there is something to look up
local function open_resolvers()
  local list = {}
  local function add(resolver, message, tag)
    list[#list + 1] = resolver or end_with(message, tag)
  end
  if opts.exe then
    add(symline.programs(opts.exe))
  end
  if not opts.exe or opts.vmlinux or opts.kernel then
    add(symline.kernel{ vmlinux = opts.vmlinux, release = opts.kernel, full = opts.full })
    if list[#list].note then
      io.stderr:write("symline: ", list[#list].note, "\n")
    end
  end
  return list
end

-- the functions that a frame may be in, or nil and why there is none
local function look_up(frame)
  resolvers = resolvers or open_resolvers()
  local offset, why = frame.offset, nil
  if opts.returns and frame.address then
    frame.address = frame.address - 1
  elseif opts.returns and offset > 0 then
    frame.offset = offset - 1
  end
  for _, resolver in ipairs(resolvers) do
    local found, message = resolver:frame(frame)
    if found then
      return found
    end
    why = why or message
  end
  return nil, why
end

local where = symline.where
local rows = out.columns{ { "frame" }, { "candidate", "%d" }, { "func" }, { "file" }, { "line", "%d" },
  { "column", "%d" }, { "inlined" } }

local function print_rows(text, found)
  for i, f in ipairs(found) do
    for _, p in ipairs(opts.no_inlines and { f.places[1] } or f.places) do
      rows:row{ frame = text, candidate = i, func = p.func or f.func, file = p.file, line = p.line or 0,
        column = p.column or 0, inlined = p.inlined }
    end
  end
end

-- where it is, and which of several functions; indented, what that is inlined into
local function print_text(text, found, indent)
  for i, f in ipairs(found) do
    local inner, note = f.places[1], #found > 1 and (" (%d of %d functions of this name)"):format(i, #found) or ""
    local inlined = inner.inlined and not opts.no_inlines and (inner.func or "??") .. " at " or ""
    print(("%s %s%s%s"):format(text, inlined, where(inner), note))
    for k = 2, opts.no_inlines and 1 or #f.places do
      local p = f.places[k]
      print(("%s (inlined by) %s at %s"):format(indent, p.func or f.func, where(p)))
    end
  end
end

local function show(text, frame, indent)
  local found, why = look_up(frame)
  if found and out.mode() ~= "text" then
    print_rows(text:sub(frame.first, frame.last), found)
  elseif found then
    print_text(text, found, indent)
  else
    if out.mode() == "text" then
      print(text)
    end
    complain(text:sub(frame.first, frame.last) .. ": " .. why)
  end
end

local function show_line(line)
  local frame = symline.parse(line)
  if frame then
    show(line, frame, (line:sub(1, frame.first - 1):gsub("[^\t]", " ")))
  elseif out.mode() == "text" then
    print(line)
  end
end

local function input(name)
  local lines, message = sys.lines(name ~= "-" and name or nil)
  return lines or end_with(message, "E-FILE")
end

if opts.folded then
  for line in input(opts.folded) do
    print(symline.folded(line, look_up, opts.no_inlines))
  end
elseif opts.frame then
  for _, text in ipairs(opts.frame) do
    local frame = symline.parse(text, true)
    if frame then
      show(text, frame, "")
    else
      complain(("'%s' is neither FUNCTION+0xOFFSET nor an address"):format(text))
    end
  end
else
  for line in input() do
    show_line(line)
  end
end
os.exit(not failed, true)
