-- SPDX-License-Identifier: Apache-2.0
-- offcputime: time that threads spend off the CPU, by stack
--
--     schedule
--     do_nanosleep
--     ...
--     -                sleep (4213)
--         1000123
local args, bpf, out, stack = require "args", require "bpf", require "out", require "stack"
local tool_stacks = require "tool_stacks"

local opts = args.parse{
  name = "offcputime",
  summary = "Sum up the time between leaving the CPU and coming back, by kernel and user stack.",
  options = {
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-t", "--tid", type = "pid", help = "this thread only" },
    { "-u", "--user-threads-only", help = "no kernel threads" },
    { "-k", "--kernel-threads-only", help = "kernel threads only" },
    { "-U", "--user-stacks-only", help = "user stacks only" },
    { "-K", "--kernel-stacks-only", help = "kernel stacks only" },
    { "-f", "--folded", help = "a line per stack, for flame graphs" },
    { "--flame", arg = "FILE.svg", help = "write a flame graph to a file, instead of the stacks" },
    { "-d", "--delimited", help = "a delimiter between kernel and user stacks" },
    { "-m", "--min-block-time", arg = "USECS", type = "uint", default = 1, help = "shortest time counted" },
    { "-M", "--max-block-time", arg = "USECS", type = "uint", help = "longest time counted" },
    { "--state", type = "uint", max = 0xffff,
      help = "only threads that left in one of these states (bits; 0: preempted)" },
    { "--stack-storage-size", type = "uint", min = 16, max = 1048576, default = 16384,
      help = "distinct stacks that can be stored" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "json", "csv", "folded", "flame" }, { "user_threads_only", "kernel_threads_only" },
    { "user_stacks_only", "kernel_stacks_only" }, { "pid", "tid" } },
  examples = {
    { "offcputime 5", "five seconds, all threads" },
    { "offcputime -p 185 --flame out.svg 30", "30 seconds of process 185 as a flame graph" },
    { "offcputime -K --state 2 10", "uninterruptible sleeps, kernel stacks" },
  },
}

local prog = bpf.load{
  define = {
    PID = opts.pid, TID = opts.tid, STATE = opts.state, STACKS = opts.stack_storage_size,
    MIN_NS = opts.min_block_time * 1000, MAX_NS = opts.max_block_time and opts.max_block_time * 1000,
    USER_ONLY = opts.user_threads_only, KERNEL_ONLY = opts.kernel_threads_only,
    KERNEL_STACKS = not opts.user_stacks_only, USER_STACKS = not opts.kernel_stacks_only,
  },
  text = [[
struct who {
    u32 tgid, tid;
    int kernel, user;                /* stack ids */
    char comm[TASK_COMM_LEN];
};
struct off { u64 since; struct who who; };
BPF_HASH(leaving, u32, struct off, 65536);
BPF_HASH(sums, struct who, u64, 65536);
BPF_STACK_TRACE(stacks, STACKS);

static inline int wanted(u32 tgid, u32 tid, long state)
{
#ifdef PID
    if (tgid != PID)
        return 0;
#endif
#ifdef TID
    if (tid != TID)
        return 0;
#endif
#ifdef STATE
    if (STATE ? !(state & STATE) : state)
        return 0;
#endif
    return tid != 0;
}

TRACEPOINT_PROBE(sched, sched_switch)
{
    u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid(), ns, *sum;
    u32 tid = id, next = args->next_pid;
    struct off *came, off = {};

    if (wanted(id >> 32, tid, args->prev_state)) {
        off.since = now;
        off.who.tgid = id >> 32;
        off.who.tid = tid;
        off.who.kernel = off.who.user = -1;
        bpf_get_current_comm(&off.who.comm, sizeof(off.who.comm));
        off.who.user = stacks.get_stackid(args, BPF_F_USER_STACK);
#ifdef KERNEL_STACKS
        off.who.kernel = stacks.get_stackid(args, 0);
        if (off.who.kernel < 0)
            LOSS(stack);
#endif
        int skip = 0;
#ifdef USER_ONLY
        skip = off.who.user == -14;  /* EFAULT: no user memory */
#endif
#ifdef KERNEL_ONLY
        skip = off.who.user != -14;
#endif
#ifndef USER_STACKS
        off.who.user = -1;
#endif
        if (!skip && leaving.update(&tid, &off))
            LOSS(map_full);
    }
    came = leaving.lookup(&next);
    if (!came)
        return 0;
    off = *came;
    leaving.delete(&next);
    ns = now - off.since;
    if ((s64)ns < 0) {
        LOSS(negative);
        return 0;
    }
    if (ns < MIN_NS)
        return 0;
#ifdef MAX_NS
    if (ns > MAX_NS)
        return 0;
#endif
    sum = sums.lookup(&off.who);
    if (sum)
        lock_xadd(sum, ns);
    else if (sums.update(&off.who, &ns))
        LOSS(map_full);
    return 0;
}
]] }

local sink = out.columns{
  { "comm" }, { "tgid", "%d" }, { "tid", "%d" }, { "usecs", "%d" }, { "stack" },
}

local function draw()
  local stacks = {}
  for i, e in ipairs(prog.sums:top()) do
    stacks[i] = { stack.fold(prog.stacks, e.key, { kernel_suffix = true }), e.value // 1000 }
  end
  tool_stacks.draw("offcputime", opts.flame, stacks, { title = "Off-CPU time", unit = "us" })
end

local function report()
  if opts.flame then
    return draw()
  end
  local how = { delimiter = opts.delimited }
  for _, e in ipairs(prog.sums:top()) do
    local who, usecs = e.key, e.value // 1000
    if out.mode() ~= "text" then
      sink:row{ comm = who.comm, tgid = who.tgid, tid = who.tid, usecs = usecs,
        stack = stack.fold(prog.stacks, who, how) }
    elseif opts.folded then
      print(stack.fold(prog.stacks, who, how) .. " " .. usecs)
    else
      local s = stack.resolve(prog.stacks, who)
      stack.print(io.stdout, s, 4, how)
      print(("    %-16s %s (%d)\n        %d\n"):format("-", s.comm, who.tid, usecs))
    end
  end
end

on_exit(report)
tool_stacks.tell_losses("offcputime", opts.stack_storage_size)
if out.mode() == "text" and not opts.folded then
  print("Tracing off-CPU time... Hit Ctrl-C to end.")
end
bpf.run(opts.duration)
