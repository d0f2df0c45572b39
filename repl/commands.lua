-- SPDX-License-Identifier: Apache-2.0
-- commands: what begins with a colon. One row each: the help, the completion and the
-- dispatch come from it.

local console = require "console"
local fmt = require "fmt"
local help = require "repl.help"
local jobs = require "repl.jobs"
local near = require "repl.near"
local save = require "repl.save"

local M = {}

local MAX_PROBES = 500

local leaving = false
local last_source
local paint

local function fail(text, ...)
  error(text:format(...), 0)
end

local function words_of(text)
  local words, at = {}, 1
  while true do
    local from, quote = text:match("^%s*()([\"']?)", at)
    if from > #text then
      return words
    end
    local word, stop
    if quote ~= "" then
      word, stop = text:match("^(.-)" .. quote .. "()", from + 1)
    end
    if not word then
      word, stop = text:match("^(%S+)()", from)
    end
    words[#words + 1] = word
    at = stop
  end
end

local function need_probes()
  local found, probes = pcall(require, "probes")
  if not found then
    fail("this build has no module probes")
  end
  return probes
end

-- ---- :help ----

local function do_help(topic)
  if topic == "" then
    print(help.overview(M.rows, paint))
    return
  end
  local text = help.topic((topic:gsub("^:", "")), M.rows, paint)
  if not text then
    fail("no help for '%s'; :help lists what there is", topic)
  end
  print(text)
end

-- ---- :probes, :fields ----

local function arguments(probes, spec)
  local args = probes.args(spec)
  if not args then
    return nil
  end
  local texts = {}
  for _, arg in ipairs(args) do
    texts[#texts + 1] = arg.type and ("%s %s"):format(arg.type, arg.name):gsub("%* ", "*")
      or arg.name
  end
  local text = table.concat(texts, ", ")
  return (text ~= "" or args.returns) and
    ("(%s)%s"):format(text, args.returns and " -> " .. args.returns or "") or nil
end

local function do_probes(glob)
  local probes = need_probes()
  if glob == "" then
    fail(":probes GLOB, such as kprobe:tcp_* or tracepoint:irq:*")
  end
  local list, total, code = probes.list(glob, MAX_PROBES)
  if not list then
    fail("%s", code and ("error[%s]: %s"):format(code, total) or total)
  end
  for _, spec in ipairs(list) do
    local args = #list <= 100 and arguments(probes, spec)
    print(args and spec .. paint("dim", args) or spec)
  end
  if #list == 0 then
    print(("no probe of this kernel matches '%s'"):format(glob))
  elseif math.type(total) and total > #list then
    print(paint("dim", ("... and %d more"):format(total - #list)))
  end
end

local function do_fields(name)
  local probes = need_probes()
  if name == "" then
    fail(":fields TRACEPOINT or STRUCT, such as irq:softirq_entry or task_struct")
  end
  local list, message, code
  if name:find(":", 1, true) then
    list, message, code = probes.fields(name:find("^%w+:%w+:") and name or "tracepoint:" .. name)
  else
    list, message, code = probes.fields((name:gsub("^struct%s+", "")))
  end
  if not list then
    fail("%s", code and ("error[%s]: %s"):format(code, message) or message)
  end
  for _, f in ipairs(list) do
    print(("%6s %5s  %s %s%s"):format(f.offset or "", f.size or "",
      paint("dim", f.type or ""), f.name, f.bits and (" : %d"):format(f.bits) or ""))
  end
  if list.size then
    print(paint("dim", ("%d bytes"):format(list.size)))
  end
end

-- ---- scripts and jobs ----

local function do_scripts()
  for _, script in ipairs(console.scripts()) do
    print(("%-20s %s"):format(script.name, paint("dim", script.summary)))
  end
end

local function do_run(rest)
  local words = words_of(rest)
  if not words[1] then
    fail(":run NAME [ARGUMENT...]; :scripts lists the names")
  end
  jobs.run(words)
end

local function do_jobs()
  local lines = jobs.lines((console.size()))
  print(#lines > 0 and table.concat(lines, "\n") or "nothing runs")
end

local function show_stopped(job)
  local handle = jobs.stop(job)
  console.catch_up()
  if handle then
    print(jobs.label(job))
    handle:print()
  end
end

local function do_stop(rest)
  local running = table.move(jobs.running(), 1, #jobs.running(), 1, {})
  if rest == "" then
    for i = #running, 1, -1 do
      show_stopped(running[i])
    end
    print(#running == 0 and "nothing runs" or ("stopped: %d"):format(#running))
    return
  end
  local number = math.tointeger(tonumber(rest))
  local job = number and jobs.find(number)
  if not job then
    fail("no job '%s'; :jobs lists them", rest)
  end
  show_stopped(job)
end

-- ---- what the probes are made of ----

local function do_maps()
  local rows = {}
  for _, h in ipairs(jobs.handles()) do
    for _, map in ipairs(h:maps()) do
      rows[#rows + 1] = { map = map.name, entries = map.entries, size = fmt.bytes(map.bytes),
        of = h.spec }
    end
  end
  if #rows == 0 then
    print("no live probe has a map")
    return
  end
  print((fmt.table(rows, { "map", "entries", "size", "of" }):gsub("\n$", "")))
end

local function do_last()
  local handles = jobs.handles()
  local handle = handles[#handles]
  local text = last_source or handle and handle:source()
  print(text and (text:gsub("%s+$", "")) or "nothing was compiled in this session")
end

local function do_save(rest)
  local path = words_of(rest)[1]
  if not path then
    fail(":save FILE.lua")
  end
  local codes = {}
  for _, h in ipairs(jobs.handles()) do
    codes[#codes + 1] = h:code()
  end
  if #codes == 0 then
    fail("there is no live probe to save")
  end
  local saved, why = save.write(path, save.script(codes, os.date("%Y-%m-%d %H:%M")))
  if not saved then
    fail("error[E-FILE]: %s", why)
  end
  local slash = path:find("/", 1, true) and "" or "./"
  print(("saved %d probe%s; run it with: moontrace %s%s"):format(#codes, #codes == 1 and "" or "s",
    slash, path))
end

local function do_info()
  io.stdout:flush()
  local pipe = io.popen(("'%s' info 2>&1"):format(help.executable()))
  for line in pipe:lines() do
    print(line)
  end
  pipe:close()
end

-- ---- the table ----

M.rows = {
  { "help", "[TOPIC|FUNCTION]", "what there is, or more of one thing", do_help,
    words = function() return help.names(M.rows) end },
  { "probes", "GLOB", "what can be probed on this kernel, with argument names", do_probes,
    words = "probe" },
  { "fields", "TRACEPOINT|STRUCT", "fields of a tracepoint or a structure", do_fields,
    words = "struct" },
  { "scripts", "", "the bundled scripts", do_scripts },
  { "run", "NAME [ARGUMENT...]", "a script in the background", do_run, words = "script" },
  { "jobs", "", "what runs: probes, timers, scripts", do_jobs },
  { "stop", "[NUMBER]", "stop a job, or all of them", do_stop, words = function()
    local numbers = {}
    for _, job in ipairs(jobs.running()) do
      numbers[#numbers + 1] = tostring(job.number)
    end
    return numbers
  end },
  { "maps", "", "the maps of live probes, and what they hold", do_maps },
  { "last", "", "the C source that was compiled last", do_last },
  { "save", "FILE.lua", "the live probes as a script", do_save, words = "file" },
  { "info", "", "what this kernel and this user can do", do_info },
  { "clear", "", "clear the screen", function() console.clear() end },
  { "quit", "", "leave; all probes are detached", function() leaving = true end },
}

local function find(name)
  local found = {}
  for _, row in ipairs(M.rows) do
    if row[1] == name then
      return row
    end
    if name ~= "" and row[1]:sub(1, #name) == name then
      found[#found + 1] = row
    end
  end
  return #found == 1 and found[1] or nil
end

--- The row of a command, which may be abbreviated; nil.
function M.find(name)
  return find(name)
end

--- Runs `:name rest`; raises.
function M.run(name, rest, painter)
  paint = painter
  local row = find(name)
  if not row then
    fail("no command ':%s'; %s", name, near.command(name, M.rows) or ":help lists them")
  end
  row[4](rest)
end

--- Was :quit said?
function M.left()
  return leaving
end

--- Once: remembers what is compiled.
function M.start()
  local bpf = require "bpf"
  local load_program = bpf.load
  bpf.load = function(what)
    last_source = type(what) == "table" and what.text or type(what) == "string" and what or nil
    return load_program(what)
  end
end

return M
