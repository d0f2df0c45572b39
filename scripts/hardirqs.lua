-- SPDX-License-Identifier: Apache-2.0
-- hardirqs: time in interrupt handlers, by name, as totals or distributions; or how many ran
--
-- HARDIRQ                         COUNT      TOTAL_usecs
-- virtio1-req.0                     868           7523.5
local args, bpf, out = require "args", require "bpf", require "out"
local cpus, dist, report = require "tool_cpus", require "tool_dist", require "tool_report"
local time = require "time"

local opts = args.parse{
  name = "hardirqs",
  summary = "Summarize the time that handlers of hardware interrupts take, by name.",
  options = {
    { "-C", "--count", help = "counts only, no times" },
    { "-d", "--dist", help = "distributions as histograms instead of totals" },
    { "-c", "--cpu", type = "cpus", help = "these CPUs only, such as 3 or 0,2-3" },
    { "--per-cpu", help = "each CPU apart" },
    { "-N", "--nanoseconds", help = "nanoseconds instead of microseconds" },
    { "-T", "--timestamp", help = "print the time of each output" },
    { "--duration", type = "duration", min = 0.001, help = "seconds until the end" },
  },
  positionals = {
    { "interval", type = "duration", min = 0.001, help = "seconds between outputs (until Ctrl-C)" },
    { "outputs", type = "uint", min = 1, help = "outputs until the end" },
  },
  exclusive = { { "count", "dist" }, { "count", "nanoseconds" } },
  examples = {
    { "hardirqs", "total time per handler until Ctrl-C" },
    { "hardirqs -d 10 1", "one distribution each over 10 seconds" },
    { "hardirqs -C -c 0 -T 1", "counts on CPU 0 only, each second with the time" },
    { "hardirqs --per-cpu -c 0,2-3 10 1", "totals for each of the CPUs 0, 2 and 3" },
  },
}

local prog = bpf.load{
  define = { CPUS = cpus.given(opts.cpu), DIST = opts.dist, COUNTS = opts.count,
    UNIT = opts.nanoseconds and 1 or 1000 },
  text = cpus.TEXT .. [[
struct handler { char name[32]; u64 cpu; };
struct running { u64 began; struct handler irq; };
struct total { u64 count, ns; };
struct dist_key { struct handler irq; u64 slot; };
BPF_PERCPU_ARRAY(runs, struct running, 1);
BPF_HASH(totals, struct handler, struct total, 16384);
BPF_HASH(dist, struct dist_key, u64, 16384);

static inline struct running *of_this_cpu(void)
{
    u32 zero = 0;
    return on_wanted_cpu() ? runs.lookup(&zero) : 0;
}

TRACEPOINT_PROBE(irq, irq_handler_entry)
{
    struct running *r = of_this_cpu();
    struct handler irq = {};
    if (!r)
        return 0;
    TP_DATA_LOC_READ_STR(&irq.name, name, sizeof(irq.name));
    irq.cpu = bpf_get_smp_processor_id();
    r->irq = irq;
#ifdef COUNTS
    r->began = 1;
#else
    r->began = bpf_ktime_get_ns();
#endif
    return 0;
}

static inline void count(struct handler *irq, s64 ns)
{
#ifdef DIST
    struct dist_key key = { .irq = *irq, .slot = LOG2_SLOT(ns / (u64)UNIT) };
    u64 zero = 0, *n = dist.lookup_or_try_init(&key, &zero);
    if (n)
        lock_xadd(n, 1);
    else
        LOSS(map_full);
#else
    struct total zero = {}, *t = totals.lookup_or_try_init(irq, &zero);
    if (!t) {
        LOSS(map_full);
        return;
    }
    lock_xadd(&t->count, 1);
#ifndef COUNTS                       /* an atomic addition of 0 wants a new kernel */
    lock_xadd(&t->ns, ns);
#endif
#endif
}

TRACEPOINT_PROBE(irq, irq_handler_exit)
{
    struct running *r = of_this_cpu();
    struct handler irq;
    s64 ns = 0;
    if (!r || !r->began)
        return 0;                    /* it was running before we were */
#ifndef COUNTS
    ns = bpf_ktime_get_ns() - r->began;
#endif
    r->began = 0;
    irq = r->irq;
    if (args->ret == 0)
        return 0;                    /* shared: another device's interrupt */
    if (ns < 0)
        LOSS(negative);              /* clocks of 3.10 may do that */
    else
        count(&irq, ns);
    return 0;
}
]] }
cpus.limit(prog, opts.cpu)

local unit = opts.nanoseconds and "nsecs" or "usecs"
local head = { { "hardirq", "%-26s", title = "HARDIRQ" }, { "count", "%10d", title = "COUNT" } }
if not opts.count then
  head[3] = { "total", opts.nanoseconds and "%16d" or "%16.1f", title = "TOTAL_" .. unit,
    key = "total_" .. unit }
end
if opts.per_cpu then
  table.insert(head, 1, { "cpu", "%4d", title = "CPU" })
end
if opts.timestamp and out.mode() ~= "text" then
  table.insert(head, 1, { "time" })
end
local columns = out.columns(head)
local show
if opts.dist then
  show = dist.printer{ label = unit, timestamp = opts.timestamp,
    section = opts.per_cpu and "hardirq/cpu" or "hardirq" }
else
  dist.heading(columns)
end

local function print_totals()
  local rows = cpus.sums(prog.totals:drain(), opts.per_cpu, function(key) return key.name end)
  table.sort(rows, function(a, b) return cpus.less(a, b, opts.count and "count" or "ns") end)
  if opts.timestamp and out.mode() == "text" then
    print(time.stamp())
  end
  for _, row in ipairs(rows) do
    columns:row{ time = opts.timestamp and time.iso(), cpu = row.cpu, hardirq = row.of,
      count = row.count, total = opts.nanoseconds and row.ns or row.ns / 1000 }
  end
  if out.mode() == "text" then print() end
end

local function print_dist()
  local list = {}
  for i, e in ipairs(prog.dist:drain()) do
    local irq = e.key.irq
    list[i] = { slot = e.key.slot, count = e.value,
      key = opts.per_cpu and ("%s/%d"):format(irq.name, irq.cpu) or irq.name }
  end
  show(list)
end

if out.mode() == "text" then
  print("Tracing hardware interrupts... Hit Ctrl-C to end.")
end
report.run{ interval = opts.interval, count = opts.outputs, duration = opts.duration, bare = true,
  output = opts.dist and print_dist or print_totals }
