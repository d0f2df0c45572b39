-- SPDX-License-Identifier: Apache-2.0
-- profile: where the CPUs spend their time, by sampled stacks
--
--     getppid
--     main
--     -                spin (4213)
--         97
local args, bpf, out, stack, sys = require "args", require "bpf", require "out", require "stack",
  require "sys"
local tool_cpus, tool_functions = require "tool_cpus", require "tool_functions"
local tool_stacks, tool_top = require "tool_stacks", require "tool_top"

local opts = args.parse{
  name = "profile",
  summary = "Sample the stacks that are on the CPUs, and count them.",
  options = {
    { "-F", "--frequency", type = "uint", min = 1, max = 20000,
      help = "samples a second on each CPU (99; with --top 999)" },
    { "-c", "--period", arg = "NSECS", type = "uint", min = 10000, help = "a sample each so many nanoseconds instead" },
    { "-C", "--cpu", type = "cpus", help = "these CPUs only" },
    { "-p", "--pid", type = "pid", help = "this process only" },
    { "-U", "--user-stacks-only", help = "user stacks only" },
    { "-K", "--kernel-stacks-only", help = "kernel stacks only" },
    { "--user", help = "only samples taken in user mode" },
    { "--kernel", help = "only samples taken in kernel mode" },
    { "-I", "--include-idle", help = "idle CPUs too" },
    { "--top", help = "live: functions by their share of the samples" },
    { "--children", help = "with --top: by the share of samples that they are on the stack of" },
    { "-i", "--interval", type = "duration", min = 0.1,
      help = "with --top: seconds between refreshes (2)" },
    { "-z", "--zero", help = "with --top: count from zero at each refresh" },
    { "--rows", type = "uint", min = 1, max = 100000,
      help = "with --top: at most so many functions" },
    { "-f", "--folded", help = "a line per stack, for flame graphs" },
    { "--flame", arg = "FILE.svg", help = "write a flame graph to a file, instead of the stacks" },
    { "-d", "--delimited", help = "a delimiter between kernel and user stacks" },
    { "-a", "--annotate", help = "mark kernel frames with _[k]" },
    { "--stack-storage-size", type = "uint", min = 16, max = 1048576, default = 16384,
      help = "distinct stacks that can be stored" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "json", "csv", "folded", "flame" }, { "top", "folded", "flame" },
    { "user_stacks_only", "kernel_stacks_only" }, { "user", "kernel" },
    { "user", "kernel_stacks_only" } },
  examples = {
    { "profile 5", "five seconds of all CPUs at 99 Hz" },
    { "profile -C 0 -K 10", "kernel stacks of CPU 0 for ten seconds" },
    { "profile --top -C 0 --kernel", "what CPU 0 does in the kernel, live" },
    { "profile -p 185 --flame out.svg 30", "30 seconds of process 185 as a flame graph" },
    { "profile -f -a 30 > out.folded", "stacks for \"moontrace flame\" and other programs" },
  },
}

tool_top.check_options("profile", opts, { "children", "interval", "zero", "rows" })
local with_stacks = not opts.top or opts.children
-- all that is known of an idle CPU's sample is its kernel stack or instruction
local skip_idle = not opts.include_idle and (opts.user or opts.user_stacks_only and not opts.top)
local frequency = not opts.period and (opts.frequency or opts.top and 999 or 99) or nil
local rate = frequency and ("%d Hz"):format(frequency) or ("a sample every %d ns"):format(opts.period)

local prog = bpf.load{
  define = tool_stacks.places{ PID = opts.pid, SKIP_IDLE = skip_idle,
    STACKS = with_stacks and opts.stack_storage_size or 16,
    ONLY_USER = opts.user, ONLY_KERNEL = opts.kernel, TOP = opts.top,
    KERNEL_STACKS = with_stacks and not opts.user_stacks_only,
    USER_STACKS = with_stacks and not opts.kernel_stacks_only },
  text = tool_stacks.TEXT .. tool_stacks.EXECS .. [[
#include <uapi/linux/bpf_perf_event.h>

struct who {
    u32 tgid;
    u16 in_user, execs;
    int kernel, user;                /* stack ids */
    u64 ip;
    char comm[TASK_COMM_LEN];
};
BPF_HASH(counts, struct who, u64, 65536);

/* the registers are the interrupted code's, read as wide as the kernel lets us */
static inline int user_mode(struct bpf_perf_event_data *ctx)
{
#ifdef __aarch64__
    return (ctx->regs.pstate & 15) == 0;
#else
    return (*(volatile unsigned long *)&ctx->regs.cs & 3) != 0;
#endif
}

int sample(struct bpf_perf_event_data *ctx)
{
    u64 id = bpf_get_current_pid_tgid(), one = 1, *count;
    int in_user = user_mode(ctx);
    struct who who = { .tgid = id >> 32, .kernel = -1, .user = -1 };

#ifdef SKIP_IDLE
    if ((u32)id == 0)
        return 0;
#endif
#ifdef PID
    if (id >> 32 != PID)
        return 0;
#endif
#ifdef ONLY_USER
    if (!in_user)
        return 0;
#endif
#ifdef ONLY_KERNEL
    if (in_user)
        return 0;
#endif
#ifdef TOP
    who.in_user = in_user;
    who.ip = PT_REGS_IP(&ctx->regs);
#endif
    bpf_get_current_comm(&who.comm, sizeof(who.comm));
#ifdef KERNEL_STACKS
    who.kernel = stack_id(ctx, 0);
#endif
#ifdef USER_STACKS
    who.user = stack_id(ctx, BPF_F_USER_STACK);
#endif
    if (who.user >= 0 || in_user)
        who.execs = execs_of(who.tgid);
    /* EFAULT is "it was not in the kernel" and "it has no user memory" */
    if ((who.kernel < -1 && who.kernel != -14) || (who.user < -1 && who.user != -14))
        LOSS(stack);
    count = counts.lookup(&who);
    if (count)
        lock_xadd(count, 1);
    else if (counts.update(&who, &one))
        LOSS(map_full);
    return 0;
}
]] }

local stored = with_stacks and tool_stacks.stored(prog)
local wanted = tool_functions.wanted(stored, opts)
if opts.top then
  sys.ksym(0)                        -- the kernel's names are read now, not while it samples
end
tool_stacks.attach_execs(prog)
for _, cpu in ipairs(tool_cpus.online(opts.cpu) or { -1 }) do
  prog:perf_event("sample", { event = "cpu-clock", cpu = cpu, frequency = frequency,
    period = opts.period })
end

local sink = out.columns{ { "comm" }, { "tgid", "%d" }, { "count", "%d" }, { "stack" } }

-- {count, ids of stacks, process whose names they have, who} of what was sampled, the most first
local function samples()
  local list, namer = {}, tool_stacks.namer(prog)
  for _, e in ipairs(prog.counts:top()) do
    local who = e.key
    if wanted(who) then
      list[#list + 1] = { count = e.value, tgid = who.tgid,
        stack = { comm = who.comm, kernel = who.kernel, user = who.user, tgid = namer(who) } }
    end
  end
  return list
end

local function draw()
  local rows = {}
  for i, e in ipairs(samples()) do
    rows[i] = { stack.fold(stored, e.stack, { kernel_suffix = true }), e.count }
  end
  tool_stacks.draw("profile", opts.flame, rows, { title = "CPU time", subtitle = rate })
end

local function report()
  if opts.flame then
    return draw()
  end
  local how = { delimiter = opts.delimited, kernel_suffix = opts.annotate }
  for _, e in ipairs(samples()) do
    if out.mode() ~= "text" then
      sink:row{ comm = e.stack.comm, tgid = e.tgid, count = e.count,
        stack = stack.fold(stored, e.stack, how) }
    elseif opts.folded then
      print(stack.fold(stored, e.stack, how) .. " " .. e.count)
    else
      local s = stack.resolve(stored, e.stack)
      stack.print(io.stdout, s, 4, how)
      print(("    %-16s %s (%d)\n        %d\n"):format("-", s.comm, e.tgid, e.count))
    end
  end
end

tool_stacks.check_file("profile", opts.flame)
tool_stacks.tell_losses("profile", opts.stack_storage_size)
if opts.top then
  tool_functions.show(prog, stored, wanted, opts, rate)
else
  on_exit(report)
end
if out.mode() == "text" and not opts.folded then
  print(("Sampling at %s... Hit Ctrl-C to end."):format(rate))
end
bpf.run(opts.duration)
