-- SPDX-License-Identifier: Apache-2.0
-- tool_offcpu: what offcputime, offwaketime and wakeuptime share of BPF: which threads and times
-- count, a thread with its stacks, and who wakes it.

local bpf = require "bpf"
local tool_stacks = require "tool_stacks"

local M = {}

--- C text.
--   SLEEPS          bits of prev_state: asleep, stopped or dead. Without any of them a thread could
--                   run on: 0, or one bit that says that it was preempted in the kernel, 0x100 since
--                   4.14 and 0x400, 0x800 or 0x1000 before
--   chosen(id, state)  whether options want this thread of bpf_get_current_pid_tgid()
--   counted(ns)        whether they want this time; a negative one is a loss
M.CHOICE = [[
#define SLEEPS 0x2ff
#define DEAD 0x70                    /* never comes back, but its tid does; since 4.14 also parked */
static inline int chosen(u64 id, long state)
{
#ifdef PID
    if (id >> 32 != PID)
        return 0;
#endif
#ifdef TID
    if ((u32)id != TID)
        return 0;
#endif
#ifdef STATE
    if (STATE ? !(state & STATE) : state & SLEEPS)
        return 0;
#endif
    return (u32)id != 0 && !(state & DEAD);
}

static inline int counted(u64 ns)
{
    if ((s64)ns < 0) {
        LOSS(negative);              /* clocks of 3.10 may do that */
        return 0;
    }
#ifdef MAX_NS
    if (ns > MAX_NS)
        return 0;
#endif
    return ns >= MIN_NS;
}
]]

--- C text: struct thread, which describe() fills from the current one with the stacks that options
--- want; is_of_kind() tells whether they want the thread, which kernel threads and others are.
--- The stacks are read with tool_stacks.stored().
M.THREAD = tool_stacks.TEXT .. [[
struct thread {
    u32 tgid, tid;
    int kernel, user;                /* stack ids */
    char comm[TASK_COMM_LEN];
};
BPF_STACK_TRACE(unread, 1);          /* only asked whether there are user frames */

static inline int is_of_kind(void *ctx)
{
#ifdef USER_ONLY                     /* EFAULT: no user memory */
    if (unread.get_stackid(ctx, BPF_F_USER_STACK) == -14)
        return 0;
#endif
#ifdef KERNEL_ONLY
    if (unread.get_stackid(ctx, BPF_F_USER_STACK) != -14)
        return 0;
#endif
    return 1;
}

static inline void describe(void *ctx, struct thread *t)
{
    u64 id = bpf_get_current_pid_tgid();
    t->tgid = id >> 32;
    t->tid = id;
    t->kernel = t->user = -1;
    bpf_get_current_comm(&t->comm, sizeof(t->comm));
#ifdef USER_STACKS
    t->user = stack_id(ctx, BPF_F_USER_STACK);
    if (t->user < 0 && t->user != -14 && t->tid)
        LOSS(stack);                 /* idle CPUs have none: of CPU 1 the kernel may say EPERM */
#endif
#ifdef KERNEL_STACKS
    t->kernel = stack_id(ctx, 0);
    if (t->kernel < 0)
        LOSS(stack);
#endif
}
]]

--- Rows of the scripts' options and positionals, and pairs that exclude each other, for args.parse.
--- words: pid, tid, user and kernel (help of -p, -t, -u and -k), user_name and kernel_name (long
--- names of the latter two), folded (help of -f), state (of --state), min_state.
function M.options(words)
  return {
    { "-p", "--pid", type = "pid", help = words.pid },
    { "-t", "--tid", type = "tid", help = words.tid },
    { "-u", words.user_name or "--user-threads-only", key = "user_threads_only", help = words.user },
    { "-k", words.kernel_name or "--kernel-threads-only", key = "kernel_threads_only",
      help = words.kernel },
    { "-U", "--user-stacks-only", help = "user stacks only" },
    { "-K", "--kernel-stacks-only", help = "kernel stacks only" },
    { "-f", "--folded", help = words.folded },
    { "--flame", arg = "FILE.svg", help = "write a flame graph to a file, instead of the stacks" },
    { "-d", "--delimited", help = "a delimiter between kernel and user stacks" },
    { "-a", "--annotate", help = "mark kernel frames with _[k]" },
    { "-m", "--min-block-time", arg = "USECS", type = "uint", max = 1000000000000, default = 1,
      help = "shortest time counted" },
    { "-M", "--max-block-time", arg = "USECS", type = "uint", max = 1000000000000,
      help = "longest time counted" },
    { "--state", type = "uint", min = words.min_state, max = 0xffff, help = words.state },
    { "--stack-storage-size", type = "uint", min = 16, max = 1048576, default = 16384,
      help = "distinct stacks that can be stored" },
  }
end

M.POSITIONALS = {
  { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
}
M.EXCLUSIVE = { { "json", "csv", "folded", "flame" }, { "user_threads_only", "kernel_threads_only" },
  { "user_stacks_only", "kernel_stacks_only" }, { "pid", "tid" } }

--- How stack.fold() and stack.print() are to show stacks: as options say, or for a flame graph.
function M.how(opts)
  return { delimiter = opts.delimited, kernel_suffix = opts.annotate or opts.flame ~= nil }
end

--- Ends the script where its options match nothing: a range of times that is none.
function M.check(script, opts)
  if opts.max_block_time and opts.max_block_time < opts.min_block_time then
    io.stderr:write(("%s: no time is both at least %d us and at most %d\n"):format(script,
      opts.min_block_time, opts.max_block_time))
    os.exit(2, true)
  end
end

--- What these texts ask for, from a script's options.
function M.define(opts)
  return tool_stacks.places{
    PID = opts.pid, TID = opts.tid, STATE = opts.state, STACKS = opts.stack_storage_size,
    MIN_NS = opts.min_block_time * 1000, MAX_NS = opts.max_block_time and opts.max_block_time * 1000,
    USER_ONLY = opts.user_threads_only, KERNEL_ONLY = opts.kernel_threads_only,
    KERNEL_STACKS = not opts.user_stacks_only, USER_STACKS = not opts.kernel_stacks_only,
  }
end

local OF_TRACEPOINT = [[
static inline void sleeps(u32 tid, long state) {}
static inline void gone(long state) {}
]]

-- keyed by what try_to_wake_up has, as the layout of struct task_struct may not be known
local OF_FUNCTION = [[
struct sleep { u32 tid, state; };
BPF_HASH(sleeping, u64, struct sleep, 65536);

static inline void sleeps(u32 tid, long state)
{
    u64 task = bpf_get_current_task();
    struct sleep s = { .tid = tid, .state = state };
    if (sleeping.update(&task, &s))
        LOSS(map_full);
}

static inline void gone(long state)
{
    u64 task = bpf_get_current_task();
    if (state & DEAD)
        sleeping.delete(&task);
}
]]

local FUNCTION = [[
int kprobe__try_to_wake_up(struct pt_regs *ctx)
{
    u64 task = (u64)ARG(try_to_wake_up, p);
    struct sleep *s = sleeping.lookup(&task);
    if (!s || !(s->state & (u32)ARG(try_to_wake_up, state)))
        return 0;                    /* it will not be woken */
    return wake(ctx, s->tid);
}

/* a worker that falls asleep wakes the next one without that function, on its own CPU */
TRACEPOINT_PROBE(sched, sched_wakeup)
{
    u64 comm[2] = {};
    bpf_get_current_comm(&comm, sizeof(comm));
    if (comm[0] != 0x2f72656b726f776bULL)     /* "kworker/" */
        return 0;
    return wake(args, args->pid);
}
]]

--- C texts `sleeping` and `waking`, for before and behind the script's own, which calls
-- sleeps(tid, state) of the current thread when it leaves, gone(state) when it leaves unwanted, and
-- defines wake(ctx, tid), which is called when that one is woken, by who does it. Of several calls
-- the first tells the truth.
function M.wakers(script)
  if bpf.probe("tracepoint:sched:sched_waking") then
    return { sleeping = OF_TRACEPOINT,
      waking = "TRACEPOINT_PROBE(sched, sched_waking) { return wake(args, args->pid); }\n" }
  end
  -- before 4.3: sched_wakeup may be behind an interrupt to another CPU
  local ok, why = bpf.probe("kprobe:try_to_wake_up")
  if ok then
    return { sleeping = OF_FUNCTION, waking = FUNCTION }
  end
  io.stderr:write(("%s: who wakes from another CPU is not known (%s): told is what that CPU was doing\n")
    :format(script, (tostring(why):gsub("\n.*", ""))))
  return { sleeping = OF_TRACEPOINT,
    waking = "TRACEPOINT_PROBE(sched, sched_wakeup) { return wake(args, args->pid); }\n" }
end

return M
