-- SPDX-License-Identifier: Apache-2.0
-- offwaketime: time that threads were blocked, by their stack and the stack of who woke them
--
-- cat;read;__x64_sys_read;...;schedule;--;try_to_wake_up;...;write;yes 1000123
local args, bpf, fmt, out, stack = require "args", require "bpf", require "fmt", require "out",
  require "stack"
local offcpu, tool_stacks = require "tool_offcpu", require "tool_stacks"

local opts = args.parse{
  name = "offwaketime",
  summary = "Sum up the time that threads were blocked, by their stack and their waker's stack.",
  options = offcpu.options{
    pid = "only threads of this process are targets", tid = "only this thread is a target",
    user = "no kernel threads as targets", kernel = "only kernel threads as targets",
    folded = "a line per pair of stacks, for flame graphs", min_state = 1,
    state = "only threads that blocked in one of these states (bits)",
  },
  positionals = offcpu.POSITIONALS,
  exclusive = offcpu.EXCLUSIVE,
  examples = {
    { "offwaketime 5", "five seconds, all threads" },
    { "offwaketime -p 185 --flame out.svg 30", "30 seconds of process 185 as a flame graph" },
    { "offwaketime -f -K --state 2 10", "uninterruptible sleeps, kernel stacks, folded" },
  },
}
offcpu.check("offwaketime", opts)

local wakers = offcpu.wakers("offwaketime")
local TEXT = offcpu.CHOICE .. offcpu.THREAD .. wakers.sleeping .. [[
struct pair { struct thread target, waker; };
struct off { u64 since; struct pair pair; };
BPF_HASH(blocked, u32, struct off, 65536);
BPF_HASH(sums, struct pair, u64, 65536);

static inline void leave(void *ctx, u32 tid, long state, u64 now)
{
    struct off off = { .since = now };
    if (!is_of_kind(ctx))
        return;
    describe(ctx, &off.pair.target);
    if (blocked.update(&tid, &off))
        LOSS(map_full);
    else
        sleeps(tid, state);
}

static inline void come_back(u32 tid, u64 now)
{
    struct off *off = blocked.lookup(&tid);
    u64 ns, zero = 0, *sum;
    struct pair pair;
    if (!off)
        return;
    ns = now - off->since;
    pair = off->pair;
    blocked.delete(&tid);
    if (!counted(ns))
        return;
    sum = sums.lookup_or_try_init(&pair, &zero);
    if (sum)
        lock_xadd(sum, ns);
    else
        LOSS(map_full);
}

TRACEPOINT_PROBE(sched, sched_switch)
{
    u64 now = bpf_ktime_get_ns(), id = bpf_get_current_pid_tgid();
    come_back(args->next_pid, now);
    if (args->prev_state & SLEEPS && chosen(id, args->prev_state))
        leave(args, id, args->prev_state, now);
    else
        gone(args->prev_state);
    return 0;
}

static inline int wake(void *ctx, u32 tid)
{
    struct off *off = blocked.lookup(&tid);
    struct thread waker = {};
    if (!off || off->pair.waker.comm[0])
        return 0;
    describe(ctx, &waker);
    off->pair.waker = waker;
    return 0;
}
]]

local prog = bpf.load{ text = TEXT .. wakers.waking, define = offcpu.define(opts) }
local stored, how = tool_stacks.stored(prog), offcpu.how(opts)

-- one whose waker was not seen has been woken before it had left
local function words_of(waker)
  if waker.comm == "" then
    return { "[unknown]" }
  end
  local words = {}
  for word in stack.fold(stored, waker, how):gmatch("[^;]+") do
    table.insert(words, word)
  end
  return words
end

-- target;outer;inner;--;inner;outer;waker
local function folded(pair)
  local words = words_of(pair.waker)
  local line = { stack.fold(stored, pair.target, how), "--" }
  for i = #words, 1, -1 do
    line[#line + 1] = words[i]
  end
  return table.concat(line, ";")
end

local function draw()
  local list = {}
  for i, e in ipairs(prog.sums:top()) do
    list[i] = { folded(e.key), e.value // 1000 }
  end
  tool_stacks.draw("offwaketime", opts.flame, list, { title = "Blocked time, with wakers", unit = "us" })
end

local function print_pair(pair, usecs)
  print(("    %-16s %s %d"):format("waker:", fmt.safe(pair.waker.comm), pair.waker.tid))
  for i, word in ipairs(words_of(pair.waker)) do
    if i > 1 or pair.waker.comm == "" then print("    " .. word) end
  end
  print("    --")
  stack.print(io.stdout, stack.resolve(stored, pair.target), 4, how)
  print(("    %-16s %s %d\n        %d\n"):format("target:", fmt.safe(pair.target.comm),
    pair.target.tid, usecs))
end

local sink = out.columns{ { "target" }, { "tgid", "%d" }, { "tid", "%d" }, { "waker" },
  { "waker_tid", "%d" }, { "usecs", "%d" }, { "stack" } }

local function report()
  if opts.flame then
    return draw()
  end
  for _, e in ipairs(prog.sums:top()) do
    local target, waker, usecs = e.key.target, e.key.waker, e.value // 1000
    if out.mode() ~= "text" then
      sink:row{ target = target.comm, tgid = target.tgid, tid = target.tid, waker = waker.comm,
        waker_tid = waker.tid, usecs = usecs, stack = folded(e.key) }
    elseif opts.folded then
      print(folded(e.key) .. " " .. usecs)
    else
      print_pair(e.key, usecs)
    end
  end
end

if out.mode() == "csv" then
  after(0, function() sink:header() end)
end
on_exit(report)
tool_stacks.check_file("offwaketime", opts.flame)
tool_stacks.tell_losses("offwaketime", opts.stack_storage_size)
if out.mode() == "text" and not opts.folded then
  print("Tracing blocked time... Hit Ctrl-C to end.")
end
bpf.run(opts.duration)
