-- SPDX-License-Identifier: Apache-2.0
-- wakeuptime: time that threads were blocked, by the stack of who woke them
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
  summary = "Sum up the time from falling asleep to being woken, by the waker's stack.",
  options = offcpu.options{
    user_name = "--useronly", kernel_name = "--kernelonly",
    pid = "only threads of this process are targets", tid = "only this thread is a target",
    user = "no kernel threads as targets", kernel = "only kernel threads as targets",
    folded = "a line per stack, for flame graphs", min_state = 1,
    state = "only threads that blocked in one of these states (bits)",
  },
  positionals = offcpu.POSITIONALS,
  exclusive = offcpu.EXCLUSIVE,
  examples = {
    { "wakeuptime 5", "five seconds, all threads" },
    { "wakeuptime -p 185 -m 1000 10", "who wakes process 185 after a millisecond or more" },
    { "wakeuptime -u --flame out.svg 30", "30 seconds as a flame graph" },
  },
}
offcpu.check("wakeuptime", opts)

local wakers = offcpu.wakers("wakeuptime")
local TEXT = offcpu.CHOICE .. offcpu.THREAD .. wakers.sleeping .. [[
struct asleep { u64 since; char comm[TASK_COMM_LEN]; };
struct wakeup { struct thread waker; char target[TASK_COMM_LEN]; };
BPF_HASH(sleepers, u32, struct asleep, 65536);
BPF_HASH(sums, struct wakeup, u64, 65536);

TRACEPOINT_PROBE(sched, sched_switch)
{
    u64 id = bpf_get_current_pid_tgid();
    u32 tid = id, next = args->next_pid;
    struct asleep s = { .since = bpf_ktime_get_ns() };

    sleepers.delete(&next);          /* woken while it left: no time */
    if (!(args->prev_state & SLEEPS) || !chosen(id, args->prev_state) || !is_of_kind(args)) {
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
    describe(ctx, &key.waker);
    key.waker.tid = 0;               /* threads of a name and a stack are one */
#ifndef USER_STACKS
    key.waker.tgid = 0;
#endif
    sum = sums.lookup_or_try_init(&key, &zero);
    if (sum)
        lock_xadd(sum, ns);
    else
        LOSS(map_full);
    return 0;
}
]]

local prog = bpf.load{ text = TEXT .. wakers.waking, define = offcpu.define(opts) }
local stored, how = tool_stacks.stored(prog), offcpu.how(opts)

-- waker;outer;inner;target
local function folded(wakeup)
  return stack.fold(stored, wakeup.waker, how) .. ";" .. fmt.safe(wakeup.target):gsub(";", ":")
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
      local frames = { tgid = w.waker.tgid, kernel = w.waker.kernel, user = w.waker.user }
      sink:row{ target = w.target, waker = w.waker.comm, usecs = usecs,
        stack = stack.fold(stored, frames, how) }
    elseif opts.folded then
      print(folded(w) .. " " .. usecs)
    else
      print(("    %-16s %s"):format("target:", fmt.safe(w.target)))
      stack.print(io.stdout, stack.resolve(stored, w.waker), 4, how)
      print(("    %-16s %s\n        %d\n"):format("waker:", fmt.safe(w.waker.comm), usecs))
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
