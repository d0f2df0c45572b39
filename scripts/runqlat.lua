-- SPDX-License-Identifier: Apache-2.0
-- runqlat: time that threads wait for a CPU, as distributions
--
--          4 -> 7          : 1298     |****************************************|
local args, bpf, hist, out = require "args", require "bpf", require "hist", require "out"
local cpus, dist, report = require "tool_cpus", require "tool_dist", require "tool_report"
local picture = require "tool_picture"

local opts = args.parse{
  name = "runqlat",
  summary = "Show how long runnable threads wait for a CPU (run queue latency).",
  options = {
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-P", "--pids", help = "a distribution for each process" },
    { "-t", "-L", "--tids", help = "a distribution for each thread" },
    { "-C", "--cpus", help = "a distribution for each CPU" },
    { "-c", "--cpu", type = "cpus", help = "these CPUs only, such as 3 or 0,2-3" },
    { "-m", "--milliseconds", help = "milliseconds instead of microseconds" },
    { "-T", "--timestamp", help = "print the time of each output" },
    { "--heat", arg = "FILE.svg", help = "write a heat map over time to a file, instead of the distributions" },
    { "-d", "--duration", type = "duration", min = 0.001, help = "seconds until the end" },
  },
  positionals = {
    { "interval", type = "duration", min = 0.001, help = "seconds between outputs (until Ctrl-C)" },
    { "count", type = "uint", min = 1, help = "outputs until the end" },
  },
  exclusive = { { "pids", "tids", "cpus" }, { "json", "csv", "heat" }, { "timestamp", "heat" } },
  examples = {
    { "runqlat", "one distribution until Ctrl-C" },
    { "runqlat -C 1 10", "each CPU, each second, ten times" },
    { "runqlat --heat out.svg 1 60", "a minute, a column for each second" },
    { "runqlat -t -p 185 --duration 5", "the threads of process 185 over five seconds" },
  },
}

-- a wait counts at once, or where its process and name matter when the thread leaves the CPU
local late = opts.pid or opts.pids or opts.tids
local prog = bpf.load{
  define = { PID = opts.pid, CPUS = cpus.given(opts.cpu), UNIT = opts.milliseconds and 1000000 or 1000,
    BY_PROCESS = opts.pids, BY_THREAD = opts.tids, BY_CPU = opts.cpus, LATE = late and true },
  text = cpus.TEXT .. [[
/* Of prev_state: it sleeps, or is dead. A preempted thread has no bit, or one above (0x100 since
 * 4.14, 0x400 and more before); 0x200 is TASK_PARKED before 4.14. */
#define SLEEPS 0x2ff
struct wait { u64 since, waited; };  /* since: 0 while it runs */
struct dist_key { u32 id, slot; };
struct name { char comm[TASK_COMM_LEN]; } __attribute__((aligned(8)));
BPF_HASH(waits, u32, struct wait, 65536);
BPF_HASH(dist, struct dist_key, u64, 65536);
#define SAME_NAME(a, b) (((u64 *)(a)->comm)[0] == ((u64 *)(b)->comm)[0] && \
                         ((u64 *)(a)->comm)[1] == ((u64 *)(b)->comm)[1])
BPF_TABLE("lru_hash", u32, struct name, names, 16384);

static inline void count(u64 id, u64 ns)
{
    struct dist_key key = { .slot = LOG2_SLOT(ns / UNIT) };
    u64 zero = 0, *n;
#ifdef BY_CPU
    key.id = bpf_get_smp_processor_id();
#endif
#ifdef BY_PROCESS
    key.id = id >> 32;
#endif
#ifdef BY_THREAD
    key.id = id;
#endif
    n = dist.lookup_or_try_init(&key, &zero);
    if (n)
        lock_xadd(n, 1);
    else
        LOSS(map_full);
#ifdef LATE
    struct name name = {}, *old = names.lookup(&key.id);
    bpf_get_current_comm(&name.comm, sizeof(name.comm));
    if (!old || !SAME_NAME(old, &name))
        names.update(&key.id, &name);
#endif
}

static inline void arrive(u32 tid, u64 now)
{
    struct wait *w = waits.lookup(&tid);
    u64 ns;
    if (!w || !w->since)
        return;
    ns = now - w->since;
    w->since = 0;
    if ((s64)ns < 0) {
        LOSS(negative);              /* clocks of 3.10 may do that */
    } else if (on_wanted_cpu()) {
#ifdef LATE
        w->waited = ns;
        return;
#endif
        count(tid, ns);
    }
    waits.delete(&tid);
}

static inline void leave(u64 id, long state, u64 now)
{
    u32 tid = id;
    struct wait *w = waits.lookup(&tid), runnable = { .since = now };
    int skip = state & SLEEPS, other = 0;
#ifdef PID
    other = id >> 32 != PID;
#endif
    if (w && w->waited && !other)
        count(id, w->waited);
    if (!skip && !other && waits.update(&tid, &runnable))
        LOSS(map_full);
    if ((skip || other) && w)
        waits.delete(&tid);
}

static inline int wake(u32 tid)
{
    struct wait *w = waits.lookup(&tid), runnable = { .since = bpf_ktime_get_ns() };
    if (w)                           /* it has not left yet */
        w->since = runnable.since;
    else if (waits.update(&tid, &runnable))
        LOSS(map_full);
    return 0;
}

TRACEPOINT_PROBE(sched, sched_switch)
{
    u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
    if ((u32)id)
        leave(id, args->prev_state, now);
    if (args->next_pid)
        arrive(args->next_pid, now);
    return 0;
}
TRACEPOINT_PROBE(sched, sched_wakeup) { return wake(args->pid); }
TRACEPOINT_PROBE(sched, sched_wakeup_new) { return wake(args->pid); }
]] }
cpus.limit(prog, opts.cpu)

local what = opts.pids and "pid" or opts.tids and "tid" or opts.cpus and "cpu"
local unit = opts.milliseconds and "msecs" or "usecs"
local ended

-- at the end: waits of those that are on a CPU still
local function add_late(list)
  for tid, w in pairs(prog.waits) do
    local pid = w.waited > 0 and dist.process_of(tid)
    if pid and (not opts.pid or pid == opts.pid) then
      list[#list + 1] = { key = opts.pids and pid or opts.tids and tid or nil, count = 1,
        slot = hist.slot(w.waited // (opts.milliseconds and 1000000 or 1000)) }
    end
  end
end

local function slots()
  local counts, list = prog.dist:drain(), {}
  for i, e in ipairs(counts) do
    list[i] = { key = what and e.key.id or nil, slot = e.key.slot, count = e.value }
  end
  if ended and late and not opts.cpus then
    add_late(list)
  end
  return list
end

if out.mode() == "text" then
  print("Tracing run queue latency... Hit Ctrl-C to end.")
end
on_exit(function() ended = true end)
if opts.heat then
  picture.run_heat("runqlat", { file = opts.heat, interval = opts.interval, count = opts.count,
    duration = opts.duration, data = slots, unit = unit, title = "Run queue latency" })
  return
end
local named = opts.pids or opts.tids
local show = dist.printer{ label = unit, section = what, named = named, timestamp = opts.timestamp }
report.run{ interval = opts.interval, count = opts.count, duration = opts.duration, bare = true,
  output = function() show(slots(), nil, named and dist.namer(prog.names)) end }
