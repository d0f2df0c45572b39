-- SPDX-License-Identifier: Apache-2.0
-- wakeuptime: time that threads were blocked, by the kernel stack of who woke them
--
--     target:          sleep
--     hrtimer_wakeup
--     ...
--     waker:           swapper/1
--         1000123
local args, bpf, fmt, out, stack = require "args", require "bpf", require "fmt", require "out",
  require "stack"
local offcpu, tool_stacks = require "tool_offcpu", require "tool_stacks"

local opts = args.parse{
  name = "wakeuptime",
  summary = "Sum up the time from falling asleep to being woken, by the waker's kernel stack.",
  options = {
    { "-p", "--pid", type = "pid", help = "only threads of this process are targets" },
    { "-u", "--useronly", help = "no kernel threads as targets" },
    { "-k", "--kernelonly", help = "only kernel threads as targets" },
    { "-f", "--folded", help = "a line per stack, for flame graphs" },
    { "--flame", arg = "FILE.svg", help = "write a flame graph to a file, instead of the stacks" },
    { "-m", "--min-block-time", arg = "USECS", type = "uint", max = 1000000000000, default = 1,
      help = "shortest time counted" },
    { "-M", "--max-block-time", arg = "USECS", type = "uint", max = 1000000000000,
      help = "longest time counted" },
    { "--stack-storage-size", type = "uint", min = 16, max = 1048576, default = 16384,
      help = "distinct stacks that can be stored" },
  },
  positionals = {
    { "duration", type = "duration", min = 0.001, help = "seconds until the end (until Ctrl-C)" },
  },
  exclusive = { { "json", "csv", "folded", "flame" }, { "useronly", "kernelonly" } },
  examples = {
    { "wakeuptime 5", "five seconds, all threads" },
    { "wakeuptime -p 185 -m 1000 10", "who wakes process 185 after a millisecond or more" },
    { "wakeuptime -u --flame out.svg 30", "30 seconds as a flame graph" },
  },
}
offcpu.check("wakeuptime", opts)

local wakers = offcpu.wakers("wakeuptime")
local TEXT = offcpu.CHOICE .. tool_stacks.TEXT .. wakers.sleeping .. [[
struct asleep { u64 since; char comm[TASK_COMM_LEN]; };
struct wakeup { int kernel; char waker[TASK_COMM_LEN], target[TASK_COMM_LEN]; };
BPF_HASH(sleepers, u32, struct asleep, 65536);
BPF_HASH(sums, struct wakeup, u64, 65536);
BPF_STACK_TRACE(unread, 1);

static inline int wanted(void *ctx, u64 id, long state)
{
    if (!(state & SLEEPS) || !chosen(id, state))
        return 0;
#ifdef USER_ONLY
    if (unread.get_stackid(ctx, BPF_F_USER_STACK) == -14)
        return 0;                    /* EFAULT: no user memory */
#endif
#ifdef KERNEL_ONLY
    if (unread.get_stackid(ctx, BPF_F_USER_STACK) != -14)
        return 0;
#endif
    return 1;
}

TRACEPOINT_PROBE(sched, sched_switch)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 tid = id, next = args->next_pid;
    struct asleep s = { .since = bpf_ktime_get_ns() };

    sleepers.delete(&next);          /* woken while it left: no time */
    if (!wanted(args, id, args->prev_state)) {
        gone(args->prev_state);
        return 0;
    }
    bpf_get_current_comm(&s.comm, sizeof(s.comm));
    if (sleepers.update(&tid, &s))
        LOSS(map_full);
    else
        sleeps(tid, args->prev_state);
    return 0;
}

static inline int wake(void *ctx, u32 tid)
{
    struct asleep *s = sleepers.lookup(&tid);
    struct wakeup key = {};
    u64 ns, zero = 0, *sum;
    if (!s)
        return 0;
    ns = bpf_ktime_get_ns() - s->since;
    __builtin_memcpy(key.target, s->comm, sizeof(key.target));
    sleepers.delete(&tid);
    if (!counted(ns))
        return 0;
    bpf_get_current_comm(&key.waker, sizeof(key.waker));
    key.kernel = stack_id(ctx, 0);
    if (key.kernel < 0)
        LOSS(stack);
    sum = sums.lookup_or_try_init(&key, &zero);
    if (sum)
        lock_xadd(sum, ns);
    else
        LOSS(map_full);
    return 0;
}
]]

local prog = bpf.load{ text = TEXT .. wakers.waking, define = offcpu.define(opts) }
local stored = tool_stacks.stored(prog)

-- waker;outer;inner;target
local function folded(wakeup)
  return ("%s;%s"):format(stack.fold(stored, { comm = wakeup.waker, kernel = wakeup.kernel }),
    (fmt.safe(wakeup.target):gsub(";", ":")))
end

local function draw()
  local list = {}
  for i, e in ipairs(prog.sums:top()) do
    list[i] = { folded(e.key), e.value // 1000 }
  end
  tool_stacks.draw("wakeuptime", opts.flame, list, { title = "Blocked time by waker", unit = "us" })
end

local sink = out.columns{ { "target" }, { "waker" }, { "usecs", "%d" }, { "stack" } }

local function report()
  if opts.flame then
    return draw()
  end
  for _, e in ipairs(prog.sums:top()) do
    local w, usecs = e.key, e.value // 1000
    if out.mode() ~= "text" then
      sink:row{ target = w.target, waker = w.waker, usecs = usecs,
        stack = stack.fold(stored, { kernel = w.kernel }) }
    elseif opts.folded then
      print(folded(w) .. " " .. usecs)
    else
      print(("    %-16s %s"):format("target:", fmt.safe(w.target)))
      stack.print(io.stdout, stack.resolve(stored, { kernel = w.kernel }))
      print(("    %-16s %s\n        %d\n"):format("waker:", fmt.safe(w.waker), usecs))
    end
  end
end

if out.mode() == "csv" then
  after(0, function() sink:header() end)
end
on_exit(report)
tool_stacks.check_file("wakeuptime", opts.flame)
tool_stacks.tell_losses("wakeuptime", opts.stack_storage_size)
if out.mode() == "text" and not opts.folded then
  print("Tracing blocked time... Hit Ctrl-C to end.")
end
bpf.run(opts.duration)
