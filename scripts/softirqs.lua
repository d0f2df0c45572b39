-- SPDX-License-Identifier: Apache-2.0
-- softirqs: time in soft interrupts, by kind, as totals or distributions
--
-- SOFTIRQ           COUNT      TOTAL_usecs
-- rcu                 503           4691.8
local args, bpf, hist, out, time = require "args", require "bpf", require "hist", require "out",
  require "time"

local opts = args.parse{
  name = "softirqs",
  summary = "Summarize the time that soft interrupts take, by kind.",
  options = {
    { "-d", "--dist", help = "distributions as histograms instead of totals" },
    { "-c", "--cpu", type = "cpu", help = "this CPU only" },
    { "-n", "--nanoseconds", help = "nanoseconds instead of microseconds" },
    { "-T", "--timestamp", help = "print the time of each output" },
  },
  positionals = {
    { "interval", type = "duration", min = 0.001, help = "seconds between outputs (until Ctrl-C)" },
    { "count", type = "uint", min = 1, help = "outputs until the end" },
  },
  examples = {
    { "softirqs", "total time per kind until Ctrl-C" },
    { "softirqs -d 10 1", "one distribution over 10 seconds" },
    { "softirqs -c 0 -T 1", "CPU 0 only, each second with the time" },
  },
}

local prog = bpf.load{ define = { CPU = opts.cpu, DIST = opts.dist, UNIT = opts.nanoseconds and 1 or 1000 },
  text = [[
#define VECS 16
struct total { u64 count, ns; };
struct slot_key { u32 vec, slot; };
BPF_PERCPU_ARRAY(start, u64, VECS);
BPF_PERCPU_ARRAY(totals, struct total, VECS);
BPF_HASH(dist, struct slot_key, u64, 2048);

static inline int skip(u32 vec)
{
#ifdef CPU
    if (bpf_get_smp_processor_id() != CPU)
        return 1;
#endif
    return vec >= VECS;
}

TRACEPOINT_PROBE(irq, softirq_entry)
{
    u32 vec = args->vec;
    u64 now = bpf_ktime_get_ns();
    if (!skip(vec))
        start.update(&vec, &now);
    return 0;
}

TRACEPOINT_PROBE(irq, softirq_exit)
{
    u32 vec = args->vec;
    u64 *began, ns, now = bpf_ktime_get_ns();
    if (skip(vec))
        return 0;
    began = start.lookup(&vec);
    if (!began || !*began)
        return 0;                    /* it was running before we were */
    ns = now - *began;
    *began = 0;
    if ((s64)ns < 0) {
        LOSS(negative);              /* clocks of 3.10 may do that */
        return 0;
    }
#ifdef DIST
    struct slot_key key = { .vec = vec, .slot = LOG2_SLOT(ns / UNIT) };
    dist.atomic_increment(key);
#else
    struct total *t = totals.lookup(&vec);
    if (t) {
        t->count++;
        t->ns += ns;
    }
#endif
    return 0;
}
]] }

local NAMES = { [0] = "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched",
  "hrtimer", "rcu" }
local function name_of(vec)
  return NAMES[vec] or ("vec" .. vec)
end

local unit = opts.nanoseconds and "nsecs" or "usecs"
local columns = out.columns{
  { "softirq", "%-12s", title = "SOFTIRQ" }, { "count", "%10d", title = "COUNT" },
  { "total", opts.nanoseconds and "%16d" or "%16.1f", title = "TOTAL_" .. unit, key = "total_" .. unit },
}

local function print_totals()
  local rows = {}
  for _, e in ipairs(prog.totals:drain()) do
    if e.value.count > 0 then
      rows[#rows + 1] = { softirq = name_of(e.key), count = e.value.count,
        total = opts.nanoseconds and e.value.ns or e.value.ns / 1000, ns = e.value.ns }
    end
  end
  table.sort(rows, function(a, b) return a.ns < b.ns end)
  for _, row in ipairs(rows) do
    columns:row(row)
  end
end

local function print_dist()
  if out.mode() ~= "text" then
    for _, h in ipairs(hist.to_table(prog.dist:drain(), { key = function(k) return name_of(k.vec) end })) do
      print(out.json(h))
    end
    return
  end
  hist.print(prog.dist:drain(), {
    label = unit, section = "softirq", key = function(k) return name_of(k.vec) end,
  })
end

local left = opts.count
local function output()
  if opts.timestamp and out.mode() == "text" then
    print(time.stamp())
  end
  if opts.dist then print_dist() else print_totals() end
  if out.mode() == "text" then print() end
  left = left and left - 1
  if left == 0 then
    bpf.stop()
  end
end

if out.mode() == "text" then
  print("Tracing soft interrupts... Hit Ctrl-C to end.")
end
if opts.interval then
  every(opts.interval, output)
end
on_exit(function()
  if not opts.interval or (left ~= 0) then output() end
end)
bpf.run()
