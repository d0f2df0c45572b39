-- SPDX-License-Identifier: Apache-2.0
-- ksoftirqd: how often and how long soft interrupts were deferred to a CPU's thread
--
--  CPU  WAKEUPS   WAIT_us WAITMAX_us    RUN_us  RUNMAX_us     THREAD     INLINE THREAD%
--    0       12     310.2       95.1    1841.7      412.0         31        982     3.1
local args, bpf, out = require "args", require "bpf", require "out"
local cpus, dist, report = require "tool_cpus", require "tool_dist", require "tool_report"
local time = require "time"

local opts = args.parse{
  name = "ksoftirqd",
  summary = "Show per CPU how often and how long soft interrupts waited for their thread.",
  options = {
    { "-c", "--cpu", type = "cpus", help = "these CPUs only, such as 3 or 0,2-3" },
    { "-k", "--kinds", help = "a line per kind of soft interrupt: how many, and where they ran" },
    { "-T", "--timestamp", help = "print the time of each output" },
    { "-d", "--duration", type = "duration", min = 0.001, help = "seconds until the end" },
  },
  positionals = {
    { "interval", type = "duration", min = 0.001, help = "seconds between outputs (until Ctrl-C)" },
    { "count", type = "uint", min = 1, help = "outputs until the end" },
  },
  examples = {
    { "ksoftirqd", "one summary until Ctrl-C" },
    { "ksoftirqd -T 1", "each second with the time" },
    { "ksoftirqd -k 10 1", "which kinds were deferred, over ten seconds" },
  },
}

local prog = bpf.load{ define = { CPUS = cpus.given(opts.cpu), KINDS = opts.kinds }, text = cpus.TEXT .. [[
/* the thread of this CPU; counted: until when its running time is in the sums */
struct thread { u64 woken, began, counted; };
struct sum { u64 wakeups, wait, wait_max, run, run_max, thread, inside; };
struct kind { u32 cpu, vec; };
struct where { u64 thread, inside; };
BPF_PERCPU_ARRAY(threads, struct thread, 1);
BPF_HASH(sums, u32, struct sum, 8192);
BPF_HASH(kinds, struct kind, struct where, 65536);

static inline int is_ksoftirqd(const char *comm)
{
    char word[] = "ksoftirqd/";
#pragma unroll
    for (int i = 0; i < 10; i++)
        if (comm[i] != word[i])
            return 0;
    return 1;
}

static inline struct thread *thread_of(void)
{
    u32 zero = 0;
    return on_wanted_cpu() ? threads.lookup(&zero) : 0;
}

/* the CPU's own, written by it alone */
static inline struct sum *sum_of(void)
{
    u32 cpu = bpf_get_smp_processor_id();
    struct sum zero = {}, *s = sums.lookup_or_try_init(&cpu, &zero);
    if (!s)
        LOSS(map_full);
    return s;
}

static inline u64 since(u64 then, u64 now)
{
    if ((s64)(now - then) >= 0)
        return now - then;
    LOSS(negative);                  /* clocks of 3.10 may do that */
    return 0;
}

static inline void run_until(struct thread *t, struct sum *s, u64 now)
{
    u64 ns = since(t->began, now);
    s->run += since(t->counted, now);
    t->counted = now;
    if (ns > s->run_max)
        s->run_max = ns;
}

TRACEPOINT_PROBE(sched, sched_wakeup)
{
    struct thread *t;
    struct sum *s;
    if (!is_ksoftirqd(args->comm))
        return 0;
    t = thread_of();
    s = t ? sum_of() : 0;
    if (!s || args->target_cpu != bpf_get_smp_processor_id())
        return 0;                    /* from elsewhere: a CPU that is switched on */
    s->wakeups++;
    if (!t->began)
        t->woken = bpf_ktime_get_ns();
    return 0;
}

TRACEPOINT_PROBE(sched, sched_switch)
{
    int goes = is_ksoftirqd(args->prev_comm), comes = is_ksoftirqd(args->next_comm);
    u64 now = bpf_ktime_get_ns(), ns;
    struct thread *t;
    struct sum *s;
    if (!goes && !comes)
        return 0;
    t = thread_of();
    s = t ? sum_of() : 0;
    if (!s)
        return 0;
    if (goes) {
        if (t->began)
            run_until(t, s, now);
        t->began = 0;
        /* preempted: it waits again; the bits are those of sleeping and dead threads */
        t->woken = args->prev_state & 0x2ff ? 0 : now;
        return 0;
    }
    if (t->woken) {
        ns = since(t->woken, now);
        s->wait += ns;
        if (ns > s->wait_max)
            s->wait_max = ns;
    }
    t->woken = 0;
    t->began = t->counted = now;
    return 0;
}

TRACEPOINT_PROBE(irq, softirq_exit)
{
    struct thread *t = thread_of();
    struct sum *s = t ? sum_of() : 0;
    if (!s)
        return 0;
    if (t->began) {
        run_until(t, s, bpf_ktime_get_ns());
        s->thread++;
    } else {
        s->inside++;
    }
#ifdef KINDS
    struct kind kind = { .cpu = bpf_get_smp_processor_id(), .vec = args->vec };
    struct where zero = {}, *w = kinds.lookup_or_try_init(&kind, &zero);
    if (w && t->began)
        w->thread++;
    else if (w)
        w->inside++;
    else
        LOSS(map_full);
#endif
    return 0;
}
]] }
cpus.limit(prog, opts.cpu)

local NAMES = { [0] = "hi", "timer", "net_tx", "net_rx", "block", "irq_poll", "tasklet", "sched",
  "hrtimer", "rcu" }

local head
if opts.kinds then
  head = { { "cpu", "%4d", title = "CPU" }, { "softirq", "%-10s", title = "SOFTIRQ" } }
else
  head = {
    { "cpu", "%4d", title = "CPU" }, { "wakeups", "%8d", title = "WAKEUPS" },
    { "wait", "%9.1f", title = "WAIT_us", key = "wait_us" },
    { "wait_max", "%10.1f", title = "WAITMAX_us", key = "wait_max_us" },
    { "run", "%9.1f", title = "RUN_us", key = "run_us" },
    { "run_max", "%10.1f", title = "RUNMAX_us", key = "run_max_us" },
  }
end
table.move({ { "thread", "%10d", title = "THREAD" },
  { "inside", "%10d", title = "INLINE", key = "inline" },
  { "share", "%7.1f", title = "THREAD%", key = "thread_percent" } }, 1, 3, #head + 1, head)
if opts.timestamp and out.mode() ~= "text" then
  table.insert(head, 1, { "time" })
end
local columns = out.columns(head)
dist.heading(columns)

local function print_row(row, where)
  row.time = opts.timestamp and time.iso()
  row.thread, row.inside = where.thread, where.inside
  row.share = 100 * where.thread / math.max(1, where.thread + where.inside)
  columns:row(row)
end

local function print_kinds()
  local list = prog.kinds:drain()
  table.sort(list, function(a, b)
    return a.key.cpu < b.key.cpu or (a.key.cpu == b.key.cpu and a.key.vec < b.key.vec)
  end)
  for _, e in ipairs(list) do
    print_row({ cpu = e.key.cpu, softirq = NAMES[e.key.vec] or "vec" .. e.key.vec }, e.value)
  end
end

local function print_cpus()
  local list = prog.sums:drain()
  table.sort(list, function(a, b) return a.key < b.key end)
  for _, e in ipairs(list) do
    local s = e.value
    print_row({ cpu = e.key, wakeups = s.wakeups, wait = s.wait / 1000, run = s.run / 1000,
      wait_max = s.wait_max / 1000, run_max = s.run_max / 1000 }, s)
  end
end

local function output()
  local text = out.mode() == "text"
  if opts.timestamp and text then
    print(time.stamp())
  end
  if opts.kinds then print_kinds() else print_cpus() end
  if text then print() end
end

if out.mode() == "text" then
  print("Tracing ksoftirqd... Hit Ctrl-C to end.")
end
report.run{ interval = opts.interval, count = opts.count, duration = opts.duration, bare = true,
  output = output }
