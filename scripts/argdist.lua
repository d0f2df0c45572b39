-- SPDX-License-Identifier: Apache-2.0
-- argdist: values of arguments, return values and latencies, counted or as distributions
--
--         COUNT      EVENT
--         12         size = 16
local args, out, pattern, probe, report, specifier = require "args", require "out",
  require "tool_pattern", require "probe", require "tool_report", require "tool_specifier"
local fmt, hist = require "fmt", require "hist"

local opts = args.parse{
  name = "argdist",
  summary = "Count values of arguments and return values, or show their distributions.",
  options = {
    { "-H", "--histogram", arg = "SPECIFIER", type = specifier.histogram, repeatable = true,
      help = "distribution of one expression" },
    { "-C", "--count", arg = "SPECIFIER", type = specifier.parse, repeatable = true,
      help = "how often each value occurs" },
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-t", "--tid", type = "tid", help = "this thread only" },
    { "-z", "--string-size", type = "uint", min = 2, max = 200, default = 80, help = "bytes of a text that are read" },
    { "-i", "--interval", type = "duration", min = 0.001, default = 1, help = "seconds between outputs" },
    { "-d", "--duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
    { "-n", "--number", type = "uint", min = 1, help = "outputs until the end" },
    { "-c", "--cumulative", help = "do not begin anew with each output" },
    { "-T", "--top", type = "uint", min = 1, help = "only the most frequent values (of -C)" },
    { "-I", "--include", arg = "HEADER", repeatable = true, help = "kernel header for the expressions" },
    { "-v", "--verbose", "--debug", help = "print the BPF programs, and end" },
  },
  examples = {
    { "argdist -H 'p::__kmalloc(u64 size):u64:size'", "sizes of kernel allocations" },
    { "argdist -p 1005 -C 'p:c:malloc(size_t size):size_t:size:size==16'", "those of 16 bytes, of process 1005" },
    { "argdist -C 'r:c:gets():char*:$retval#strings read'", "texts that gets() returned" },
    { "argdist -H 'r::vfs_read(void *f, void *b, size_t n):u64:$latency/1000#us' -i 5", "latency of vfs_read" },
    { "argdist -C 't:irq:irq_handler_entry():int:args->irq'", "interrupts, by number" },
  },
}

-- the handle of a specifier, attached
local function attach(s, is_hist)
  local by, with, where = specifier.compile(s, opts.string_size)
  with.pid, with.include = opts.pid, opts.include
  if opts.tid then
    with.filter = ("tid == %d%s"):format(opts.tid, with.filter and (" && (%s)"):format(with.filter) or "")
  end
  if is_hist then
    return probe.hist(pattern.spec(where), by[1], with)
  end
  with.by = by
  return probe.count(pattern.spec(where), with)
end

local function shown(s, i, v)
  local unsigned = s.types[i]:find("^%s*u") or s.types[i]:find("size_t") == 1 or s.types[i]:find("%*")
  return type(v) == "number" and unsigned and fmt.u64(v) or tostring(v)
end

local function event_of(s, e)
  if s.default then
    return s.where.type == "r" and "retval = " .. shown(s, 1, e[1]) or "total calls"
  end
  local words = {}
  for i, text in ipairs(s.exprs) do
    words[i] = ("%s = %s"):format(text, fmt.safe(shown(s, i, e[i])))
  end
  return table.concat(words, ", ")
end

local rows = out.columns{ { "probe" }, { "event" }, { "count", "%d" } }

local function print_counts(h, s)
  local list = report.sort(report.entries(h, opts.cumulative))
  if out.mode() == "text" then
    print(s.label or s.text)
    print(("\t%-10s %s"):format("COUNT", "EVENT"))
  end
  for i = math.max(1, #list - (opts.top or #list) + 1), #list do
    local row = { probe = s.label or s.text, event = event_of(s, list[i]), count = list[i].value }
    if out.mode() ~= "text" then
      rows:row(row)
    elseif row.count > 0 then
      print(("\t%-10d %s"):format(row.count, row.event))
    end
  end
end

local buckets = out.columns{ { "probe" }, { "lo", "%d" }, { "hi", "%d" }, { "count", "%d" } }

local function print_hist(h, s)
  local label = s.label or (s.default and "retval" or s.exprs[1])
  local data, below = {}, 0
  for _, e in ipairs(report.entries(h, opts.cumulative)) do
    if e.rec.slot >= 0 then
      data[#data + 1] = { slot = e.rec.slot, count = e.value }
    else
      below = below + e.value
    end
  end
  if out.mode() == "text" then
    hist.print(data, { label = label })
    return below > 0 and print(("     below 0: %d"):format(below))
  end
  local t = hist.to_table(data, { label = label })
  t.probe, t.below = s.label or s.text, below
  if out.mode() == "json" then
    return print(out.json(t))
  end
  for _, b in ipairs(t.buckets) do
    buckets:row{ probe = t.probe, lo = b.lo, hi = b.hi, count = b.count }
  end
end

if not opts.histogram and not opts.count then
  pattern.missing("argdist", "option '-C' or '-H'")
  opts.count = { specifier.parse("r::vfs_read()") }
end
local handles, shows, sources = {}, {}, {}
local function add(list, is_hist)
  for _, s in ipairs(list or {}) do
    local h = attach(s, is_hist)
    handles[#handles + 1], sources[#sources + 1] = h, h:source()
    shows[#shows + 1] = function() (is_hist and print_hist or print_counts)(h, s) end
  end
end
add(opts.histogram, true)
add(opts.count, false)
if opts.verbose then
  io.write(table.concat(sources))
  os.exit(0, true)
end

local function output()
  for _, show in ipairs(shows) do
    show()
  end
end
for _, h in ipairs(handles) do
  h:clear()                          -- all begin now
end
report.run{ interval = opts.interval, duration = opts.duration, count = opts.number,
  stamped = true, output = output }
