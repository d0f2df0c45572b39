-- SPDX-License-Identifier: Apache-2.0
-- softirqs: time in soft interrupts, by kind, as totals or distributions
--
-- SOFTIRQ           COUNT      TOTAL_usecs
-- rcu                 503           4691.8
local args, bpf, out = require "args", require "bpf", require "out"
local cpus, interrupts = require "tool_cpus", require "tool_interrupts"

local opts = args.parse{
  name = "softirqs",
  summary = "Summarize the time that soft interrupts take, by kind.",
  options = {
    { "-d", "--dist", help = "distributions as histograms instead of totals" },
    { "-c", "--cpu", type = "cpus", help = "these CPUs only, such as 3 or 0,2-3" },
    { "--per-cpu", help = "each CPU apart" },
    { "-N", "-n", "--nanoseconds", help = "nanoseconds instead of microseconds" },
    { "-T", "--timestamp", help = "print the time of each output" },
    { "--duration", type = "duration", min = 0.001, help = "seconds until the end" },
  },
  positionals = {
    { "interval", type = "duration", min = 0.001, help = "seconds between outputs (until Ctrl-C)" },
    { "count", type = "uint", min = 1, help = "outputs until the end" },
  },
  examples = {
    { "softirqs", "total time per kind until Ctrl-C" },
    { "softirqs -d 10 1", "one distribution over 10 seconds" },
    { "softirqs -c 0 -T 1", "CPU 0 only, each second with the time" },
    { "softirqs -d --per-cpu -c 0,2-3 10 1", "distributions for each of the CPUs 0, 2 and 3" },
  },
}

local prog = bpf.load{
  define = { CPUS = cpus.given(opts.cpu), DIST = opts.dist, UNIT = opts.nanoseconds and 1 or 1000 },
  text = cpus.TEXT .. [[
#define VECS 16
struct kind { u32 cpu, vec; };       /* by CPU, always: so no two wait for each other */
struct total { u64 count, ns; };
struct slot_key { u32 cpu; u16 vec, slot; };
BPF_PERCPU_ARRAY(start, u64, VECS);
BPF_HASH(totals, struct kind, struct total, 16384);
BPF_HASH(dist, struct slot_key, u64, 65536);

static inline int skip(u32 vec)
{
    return !on_wanted_cpu() || vec >= VECS;
}

TRACEPOINT_PROBE(irq, softirq_entry)
{
    u32 vec = args->vec;
    u64 now = bpf_ktime_get_ns();
    if (!skip(vec))
        start.update(&vec, &now);
    return 0;
}

static inline void count(u32 vec, u64 ns)
{
    u32 cpu = bpf_get_smp_processor_id();
#ifdef DIST
    struct slot_key key = { .cpu = cpu, .vec = vec, .slot = LOG2_SLOT(ns / UNIT) };
    u64 one = 0, *n = dist.lookup_or_try_init(&key, &one);
    if (n)
        lock_xadd(n, 1);
    else
        LOSS(map_full);
#else
    struct kind kind = { .cpu = cpu, .vec = vec };
    struct total zero = {}, *t = totals.lookup_or_try_init(&kind, &zero);
    if (!t) {
        LOSS(map_full);
        return;
    }
    t->count++;
    t->ns += ns;
#endif
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
    if ((s64)ns < 0)
        LOSS(negative);              /* clocks of 3.10 may do that */
    else
        count(vec, ns);
    return 0;
}
]] }
cpus.limit(prog, opts.cpu)

local NAMES = { [0] = "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched",
  "hrtimer", "rcu" }
local function name_of(vec)
  return NAMES[vec] or ("vec" .. vec)
end

if out.mode() == "text" then
  print("Tracing soft interrupts... Hit Ctrl-C to end.")
end
interrupts.run(prog, opts, { name = "softirq", format = "%-12s", outputs = opts.count,
  of = function(key) return name_of(key.vec) end, cpu = function(key) return key.cpu end })
