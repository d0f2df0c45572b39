-- SPDX-License-Identifier: Apache-2.0
-- livepatch: functions that livepatches replace, the state of each patch, and who still calls what
--
-- PATCH           ENABLED  TRANSITION  OBJECT            FUNCTION     ORIGINAL  REPLACEMENT
-- livepatch_work        1           0  livepatch_target  target_work         0           12
local args, bpf, fmt, oneliner = require "args", require "bpf", require "fmt", require "oneliner"
local livepatch, out, report, sys = require "tool_livepatch", require "out", require "tool_report",
  require "sys"

local opts = args.parse{
  name = "livepatch",
  summary = "Show livepatches, what they replace, and calls of originals and replacements.",
  options = {
    { "-p", "--patch", type = "string", help = "this patch module only" },
    { "-d", "--duration", type = "duration", min = 0.001, help = "count calls; seconds until the end" },
  },
  positionals = {
    { "interval", type = "duration", min = 0.001, help = "count calls; seconds between outputs" },
    { "count", type = "uint", min = 1, help = "outputs until the end" },
  },
  examples = {
    { "livepatch", "what is patched, and who holds up a transition" },
    { "livepatch -d 10", "the same, with the calls of ten seconds" },
    { "livepatch -p livepatch_work 1 5", "calls of each second, five times, of one patch" },
  },
}

local columns = out.columns{ { "row" }, { "patch" }, { "enabled", "%d" }, { "transition", "%d" },
  { "object" }, { "func", key = "function" }, { "position", "%d" }, { "original_calls", "%d" },
  { "replacement_calls", "%d" }, { "pid", "%d" }, { "tid", "%d" }, { "comm" }, { "patch_state", "%d" } }

local function complain(...)
  io.stderr:write("livepatch: ", string.format(...), "\n")
end

local calls = nil                              -- of tool_livepatch

local function rows_of(p)
  local rows = {}
  for i, f in ipairs(p.functions) do
    rows[i] = { row = "function", patch = p.name, enabled = p.enabled, transition = p.transition,
      object = f.object, func = f.func, position = f.position,
      original_calls = calls and calls(p, f, "original"), replacement_calls = calls and calls(p, f, "replacement") }
  end
  return rows
end

local TABLE = { "patch", "enabled", "transition", "object", { "func", title = "FUNCTION" },
  { "original_calls", title = "ORIGINAL" }, { "replacement_calls", title = "REPLACEMENT" } }
local TASKS = { "patch", "pid", "tid", "comm", { "patch_state", title = "STATE" } }

-- those of the start stay: newer kernels remove a patch that was disabled
local known = {}

local function current()
  local patches, there = livepatch.patches(opts.patch), {}
  for _, p in ipairs(patches) do
    there[p.name] = true
    if calls and not known[p.name] then
      complain("%s has come since the start: its calls are not counted", p.name)
    end
    known[p.name] = p
  end
  for _, p in pairs(known) do
    if not there[p.name] then
      if not p.gone then
        complain("%s was disabled, and the kernel has removed it from %s", p.name, livepatch.ROOT)
      end
      p.gone, p.enabled, p.transition = true, 0, 0
      patches[#patches + 1] = p
    end
  end
  table.sort(patches, function(a, b) return a.name < b.name end)
  return patches
end

local function output()
  local rows, tasks = {}, {}
  for _, p in ipairs(current()) do
    table.move(rows_of(p), 1, #p.functions, #rows + 1, rows)
    if p.transition == 1 then
      local list, hidden = livepatch.holders(p)
      table.move(list, 1, #list, #tasks + 1, tasks)
      if #list == 0 or hidden > 0 then
        complain(hidden > 0 and "%s: %d threads do not tell their patch_state, root may ask"
          or "%s: no thread in /proc holds up its transition; CPUs' idle threads are not there", p.name, hidden)
      end
    end
  end
  if out.mode() ~= "text" then
    for _, row in ipairs(table.move(tasks, 1, #tasks, #rows + 1, rows)) do
      columns:row(row)
    end
    return
  end
  io.write(fmt.table(rows, TABLE))
  if #tasks > 0 then
    io.write("\nHeld up by:\n", fmt.table(tasks, TASKS))
  end
end

local there, why, tag = sys.list(livepatch.ROOT)
if oneliner.dry() then
  livepatch.count({ { name = "livepatch",
    functions = { { object = "vmlinux", func = "icmp_echo", position = 1 } } } }, complain)
  return
elseif not there and tag == "E-PERM" then
  oneliner.raise(tag, why)
elseif not there then
  oneliner.raise("E-FEATURE", "this kernel has no livepatches: there is no " .. livepatch.ROOT)
end
if sys.list("/sys/kernel/kpatch") then
  complain("patches of kpatch, in /sys/kernel/kpatch, are not read")
end
local patches = livepatch.patches(opts.patch)
if #patches == 0 then
  if opts.patch then
    oneliner.raise("E-ARGS", ("there is no livepatch '%s'"):format(fmt.safe(opts.patch)))
  end
  complain("no livepatches are loaded")
elseif not opts.interval and not opts.duration then
  output()
else
  if bpf.feature("kprobe") == false then
    oneliner.raise("E-FEATURE", "calls cannot be counted: this kernel has no kprobes")
  end
  for _, p in ipairs(patches) do
    known[p.name] = p
  end
  calls = livepatch.count(patches, complain)
  if out.mode() == "text" then
    print("Counting calls... Hit Ctrl-C to end.")
  end
  report.run{ interval = opts.interval, count = opts.count, duration = opts.duration, bare = true,
    output = output }
end
