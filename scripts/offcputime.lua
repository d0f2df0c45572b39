-- SPDX-License-Identifier: Apache-2.0
-- offcputime: time that threads spend off the CPU, by stack
--
--     schedule
--     do_nanosleep
--     ...
--     -                sleep (4213)
--         1000123
local args, bpf, out, stack = require "args", require "bpf", require "out", require "stack"
local offcpu, tool_stacks = require "tool_offcpu", require "tool_stacks"

local opts = args.parse{
  name = "offcputime",
  summary = "Sum up the time between leaving the CPU and coming back, by kernel and user stack.",
  options = offcpu.options{
    pid = "this process only", tid = "this thread only", user = "no kernel threads",
    kernel = "kernel threads only", folded = "a line per stack, for flame graphs",
    state = "only threads that left in one of these states (bits; 0: preempted)",
  },
  positionals = offcpu.POSITIONALS,
  exclusive = offcpu.EXCLUSIVE,
  examples = {
    { "offcputime 5", "five seconds, all threads" },
    { "offcputime -p 185 --flame out.svg 30", "30 seconds of process 185 as a flame graph" },
    { "offcputime -K --state 2 10", "uninterruptible sleeps, kernel stacks" },
  },
}
offcpu.check("offcputime", opts)

local prog = bpf.load{ define = offcpu.define(opts), text = offcpu.CHOICE .. offcpu.THREAD .. [[
struct off { u64 since; struct thread thread; };
BPF_HASH(leaving, u32, struct off, 65536);
BPF_HASH(sums, struct thread, u64, 65536);

static inline void leave(void *ctx, u32 tid, u64 now)
{
    struct off off = { .since = now };
    if (!is_of_kind(ctx))
        return;
    describe(ctx, &off.thread);
    if (leaving.update(&tid, &off))
        LOSS(map_full);
}

static inline void come_back(u32 tid, u64 now)
{
    struct off *off = leaving.lookup(&tid);
    struct thread thread;
    u64 ns, zero = 0, *sum;
    if (!off)
        return;
    ns = now - off->since;
    thread = off->thread;
    leaving.delete(&tid);
    if (!counted(ns))
        return;
    sum = sums.lookup_or_try_init(&thread, &zero);
    if (sum)
        lock_xadd(sum, ns);
    else
        LOSS(map_full);
}

TRACEPOINT_PROBE(sched, sched_switch)
{
    u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
    come_back(args->next_pid, now);
    if (chosen(id, args->prev_state))
        leave(args, id, now);
    return 0;
}
]] }
local stored, how = tool_stacks.stored(prog), offcpu.how(opts)

local sink = out.columns{
  { "comm" }, { "tgid", "%d" }, { "tid", "%d" }, { "usecs", "%d" }, { "stack" },
}

local function draw()
  local stacks = {}
  for i, e in ipairs(prog.sums:top()) do
    stacks[i] = { stack.fold(stored, e.key, how), e.value // 1000 }
  end
  tool_stacks.draw("offcputime", opts.flame, stacks, { title = "Off-CPU time", unit = "us" })
end

local function report()
  if opts.flame then
    return draw()
  end
  for _, e in ipairs(prog.sums:top()) do
    local who, usecs = e.key, e.value // 1000
    if out.mode() ~= "text" then
      sink:row{ comm = who.comm, tgid = who.tgid, tid = who.tid, usecs = usecs,
        stack = stack.fold(stored, who, how) }
    elseif opts.folded then
      print(stack.fold(stored, who, how) .. " " .. usecs)
    else
      local s = stack.resolve(stored, who)
      stack.print(io.stdout, s, 4, how)
      print(("    %-16s %s (%d)\n        %d\n"):format("-", s.comm, who.tid, usecs))
    end
  end
end

on_exit(report)
tool_stacks.check_file("offcputime", opts.flame)
tool_stacks.tell_losses("offcputime", opts.stack_storage_size)
if out.mode() == "text" and not opts.folded then
  print("Tracing off-CPU time... Hit Ctrl-C to end.")
end
bpf.run(opts.duration)
