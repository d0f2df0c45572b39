-- SPDX-License-Identifier: Apache-2.0
-- stackcount: stacks that lead to a function, a tracepoint or a static probe, counted
--
--   submit_bio
--   ext4_file_write_iter
--     42
local args, out, pattern, probe, report = require "args", require "out", require "tool_pattern",
  require "probe", require "tool_report"
local fmt, stack, time = require "fmt", require "stack", require "time"

local opts = args.parse{
  name = "stackcount",
  summary = "Count events and the stacks that lead to them.",
  options = {
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-c", "--cpu", type = "cpu", help = "this CPU only" },
    { "-i", "--interval", type = "duration", min = 0.001, help = "seconds between outputs" },
    { "-D", "--duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
    { "-T", "--timestamp", help = "print the time of each output" },
    { "-r", "--regexp", help = "the pattern's name is a regular expression, not a glob" },
    { "-s", "--offset", help = "offsets behind the names" },
    { "-P", "--perpid", help = "stacks of each process apart" },
    { "-K", "--kernel-stacks-only", help = "kernel stacks only" },
    { "-U", "--user-stacks-only", help = "user stacks only" },
    { "-v", "--verbose", help = "addresses in front of the names" },
    { "-d", "--delimited", help = "a delimiter between kernel and user stacks" },
    { "-f", "--folded", help = "a line per stack, for flame graphs" },
    { "--debug", help = "print the BPF program, and end" },
  },
  positionals = {
    { "pattern", type = pattern.type("ptu"), help = "FUNCTION, LIBRARY:FUNCTION, t:CATEGORY:EVENT or u:PATH:PROBE" },
  },
  exclusive = { { "json", "csv", "folded" }, { "kernel_stacks_only", "user_stacks_only" } },
  examples = {
    { "stackcount submit_bio", "stacks that lead to submit_bio" },
    { "stackcount -K t:sched:sched_switch", "kernel stacks at a tracepoint" },
    { "stackcount -p 185 c:malloc", "those of malloc in process 185" },
    { "stackcount -fPD 10 c:malloc > out.folded", "ten seconds, for \"moontrace flame\"" },
    { "stackcount -Ti 5 ip_output", "each five seconds, with the time" },
  },
}

local what = pattern.given("stackcount", opts.pattern, "submit_bio", "ptu")
local user = not opts.kernel_stacks_only
local kernel = not opts.user_stacks_only and not (user and pattern.is_user(what))
local per_pid = opts.perpid or opts.pid
local h = report.attach(probe.stacks, pattern.spec(what, opts.regexp), {
  pid = opts.pid, cpu = opts.cpu, kernel = kernel, user = user,
  by = per_pid and { "pid", "comm" } or {} })
if opts.debug then
  io.write(h:source())
  os.exit(0, true)
end

local n_stacks = (kernel and 1 or 0) + (user and 1 or 0)

-- ids of the stacks of an entry, and whose they are
local function who_of(e)
  return { kernel = kernel and e.rec.f1 or -1, user = user and e.rec["f" .. n_stacks] or -1,
    tgid = e.rec.tgid, pid = e[n_stacks + 1], comm = e[n_stacks + 2] or "" }
end

local function frame_text(f)
  local name = stack.frame(f, { offset = opts.offset })
  return ("  %s%s\n"):format(opts.verbose and ("%-16x "):format(f.ip) or "", fmt.safe(name))
end

local function frames_text(words, frames)
  if type(frames) == "string" then
    words[#words + 1] = ("  [%s]\n"):format(frames)
    return
  end
  for _, f in ipairs(frames or {}) do
    words[#words + 1] = frame_text(f)
  end
end

local function text_of(who)
  local words, s = {}, stack.resolve(h.program.stacks, who)
  frames_text(words, s.kernel)
  if opts.delimited and n_stacks == 2 then
    words[#words + 1] = "    --\n"
  end
  frames_text(words, s.user)
  if per_pid then
    words[#words + 1] = ("    %s [%d]\n"):format(fmt.safe(who.comm), who.pid)
  end
  return table.concat(words)
end

local function folded(who)
  local text = stack.fold(h.program.stacks, who, { delimiter = opts.delimited and n_stacks == 2,
    offset = opts.offset })
  return (text:gsub("^;", ""))       -- of no process
end

-- stacks of different processes that read the same are one; the smallest count first
local function merged(make)
  local list, by_text = {}, {}
  for _, e in ipairs(report.entries(h)) do
    local who = who_of(e)
    local text = make(who)
    local key = per_pid and text .. "\0" .. who.pid or text
    if by_text[key] then
      by_text[key].value = by_text[key].value + e.value
    else
      by_text[key] = { text, who = who, value = e.value }
      list[#list + 1] = by_text[key]
    end
  end
  return report.sort(list)
end

local columns = { { "count", "%d" }, { "stack" } }
if per_pid then
  table.move({ { "comm" }, { "pid", "%d" }, columns[1], columns[2] }, 1, 4, 1, columns)
end
if opts.timestamp then
  table.insert(columns, 1, { "time" })
end
local rows = out.columns(columns)

local function output()
  if out.mode() ~= "text" then
    for _, e in ipairs(merged(folded)) do
      rows:row{ time = opts.timestamp and time.iso() or nil, comm = per_pid and e.who.comm or nil,
        pid = per_pid and e.who.pid or nil, count = e.value, stack = e[1] }
    end
    return
  end
  for _, e in ipairs(merged(opts.folded and folded or text_of)) do
    print(opts.folded and ("%s %d"):format(e[1], e.value) or ("%s    %d\n"):format(e[1], e.value))
  end
end

if out.mode() == "text" and not opts.folded then
  print(("Tracing %d functions for \"%s\"... Hit Ctrl-C to end."):format(h.n, fmt.safe(what.text)))
end
report.run{ interval = opts.interval, duration = opts.duration, timestamp = opts.timestamp,
  bare = opts.folded, output = output }
