-- SPDX-License-Identifier: Apache-2.0
-- cpudist: time that threads are on the CPU at a stretch, or off it, as distributions
--
--        512 -> 1023       : 98       |****************************************|
local args, bpf, out = require "args", require "bpf", require "out"
local cpus, dist, report = require "tool_cpus", require "tool_dist", require "tool_report"

local opts = args.parse{
  name = "cpudist",
  summary = "Show for how long threads stay on the CPU, or off it.",
  options = {
    { "-O", "--offcpu", help = "the time off the CPU" },
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-c", "--cpu", type = "cpus", help = "these CPUs only, such as 3 or 0,2-3" },
    { "-P", "--pids", help = "a distribution for each process" },
    { "-L", "--tids", help = "a distribution for each thread" },
    { "-I", "--include-idle", help = "idle CPUs too" },
    { "-e", "--extension", help = "the exact average, too" },
    { "-m", "--milliseconds", help = "milliseconds instead of microseconds" },
    { "-T", "--timestamp", help = "print the time of each output" },
    { "-d", "--duration", type = "duration", min = 0.001, help = "seconds until the end" },
  },
  positionals = {
    { "interval", type = "duration", min = 0.001, help = "seconds between outputs (until Ctrl-C)" },
    { "count", type = "uint", min = 1, help = "outputs until the end" },
  },
  exclusive = { { "pids", "tids" } },
  examples = {
    { "cpudist", "one distribution until Ctrl-C" },
    { "cpudist -O -p 185 5 1", "process 185 off the CPU, over five seconds" },
    { "cpudist -c 0 10 1", "stretches on CPU 0, over ten seconds" },
    { "cpudist -P -m 1", "each process, each second, in milliseconds" },
  },
}

local unit = opts.milliseconds and 1000000 or 1000
local prog = bpf.load{
  define = { PID = opts.pid, CPUS = cpus.given(opts.cpu), UNIT = unit, OFF = opts.offcpu, BY_PROCESS = opts.pids,
    BY_THREAD = opts.tids, NAMES = opts.pids or opts.tids, IDLE = opts.include_idle, SUMS = opts.extension },
  text = cpus.TEXT .. [[
#define DEAD 0x70                    /* never comes back, but its tid does; since 4.14 also parked */
struct dist_key { u32 id, slot; };
struct off { u64 since, id; };
struct name { char comm[TASK_COMM_LEN]; } __attribute__((aligned(8)));
BPF_PERCPU_ARRAY(came, u64, 1);      /* when the thread on this CPU came there */
BPF_HASH(left, u32, struct off, 65536);
BPF_HASH(dist, struct dist_key, u64, 65536);
BPF_HASH(sums, u32, u64, 16384);
#define SAME_NAME(a, b) (((u64 *)(a)->comm)[0] == ((u64 *)(b)->comm)[0] && \
                         ((u64 *)(a)->comm)[1] == ((u64 *)(b)->comm)[1])
BPF_TABLE("lru_hash", u32, struct name, names, 16384);

static inline int wanted(u64 id)
{
#ifdef PID
    if (id >> 32 != PID)
        return 0;
#endif
#ifdef IDLE
    return 1;
#else
    return (u32)id != 0;
#endif
}

static inline void add(u64 *n, u64 by)
{
    if (n)
        lock_xadd(n, by);
    else
        LOSS(map_full);
}

static inline void count(u64 id, struct name *name, s64 ns)
{
    struct dist_key key = { .slot = LOG2_SLOT(ns / (u64)UNIT) };
    u64 zero = 0;
    if (!on_wanted_cpu())
        return;
    if (ns < 0) {
        LOSS(negative);              /* clocks of 3.10 may do that */
        return;
    }
#ifdef BY_PROCESS
    key.id = id >> 32;
#endif
#ifdef BY_THREAD
    key.id = id;
#endif
    add(dist.lookup_or_try_init(&key, &zero), 1);
#ifdef SUMS
    add(sums.lookup_or_try_init(&key.id, &zero), ns);
#endif
#ifdef NAMES
    struct name *old = names.lookup(&key.id);
    if (!old || !SAME_NAME(old, name))
        names.update(&key.id, name);
#endif
}

TRACEPOINT_PROBE(sched, sched_switch)
{
    u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
    struct name name = {};
#ifdef OFF
    /* each CPU has a thread 0 */
    u32 idle = -1 - bpf_get_smp_processor_id(), tid = id, next = args->next_pid;
    struct off off = { .since = now, .id = id }, *came_back;

    tid = tid ? tid : idle;
    next = next ? next : idle;
    if (wanted(id) && !(args->prev_state & DEAD) && left.update(&tid, &off))
        LOSS(map_full);
    came_back = left.lookup(&next);
    if (came_back) {
        off = *came_back;
        left.delete(&next);
        __builtin_memcpy(name.comm, args->next_comm, sizeof(name.comm));
        count(off.id, &name, now - off.since);
    }
#else
    u32 zero = 0;
    u64 *since = came.lookup(&zero), then;

    if (!since)
        return 0;
    then = *since;
    *since = now;
    if (then && wanted(id)) {
        bpf_get_current_comm(&name.comm, sizeof(name.comm));
        count(id, &name, now - then);
    }
#endif
    return 0;
}
]] }
cpus.limit(prog, opts.cpu)

local what = opts.pids and "pid" or opts.tids and "tid"
local show = dist.printer{ label = opts.milliseconds and "msecs" or "usecs", section = what or nil,
  named = what, timestamp = opts.timestamp }

local function output()
  local counts, list, total = prog.dist:drain(), {}, nil
  for i, e in ipairs(counts) do
    list[i] = { key = what and e.key.id or nil, slot = e.key.slot, count = e.value }
  end
  for _, e in ipairs(opts.extension and prog.sums:drain() or {}) do
    total = total or {}
    total[what and e.key or ""] = e.value // unit
  end
  show(list, what and total or total and total[""], what and dist.namer(prog.names))
end

if out.mode() == "text" then
  print(("Tracing %s-CPU time... Hit Ctrl-C to end."):format(opts.offcpu and "off" or "on"))
end
report.run{ interval = opts.interval, count = opts.count, duration = opts.duration, bare = true,
  output = output }
