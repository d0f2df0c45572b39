-- SPDX-License-Identifier: Apache-2.0
-- hardirqs: time in interrupt handlers, by name, as totals or distributions; or how many ran
--
-- HARDIRQ                         COUNT      TOTAL_usecs
-- virtio1-req.0                     868           7523.5
local args, bpf, out = require "args", require "bpf", require "out"
local cpus, interrupts = require "tool_cpus", require "tool_interrupts"

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

if out.mode() == "text" then
  print("Tracing hardware interrupts... Hit Ctrl-C to end.")
end
interrupts.run(prog, opts, { name = "hardirq", format = "%-26s", outputs = opts.outputs,
  counts = opts.count, of = function(key) return key.name or key.irq.name end,
  cpu = function(key) return key.irq.cpu end })
