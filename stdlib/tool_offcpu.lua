-- SPDX-License-Identifier: Apache-2.0
-- tool_offcpu: what offcputime, offwaketime and wakeuptime share of BPF: which threads and times
-- count, a thread with its stacks, and who wakes it.

local bpf = require "bpf"

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
--- want; it tells whether they want the thread, which kernel threads and others are.
M.THREAD = [[
struct thread {
    u32 tgid, tid;
    int kernel, user;                /* stack ids */
    char comm[TASK_COMM_LEN];
};
BPF_STACK_TRACE(stacks, STACKS);
BPF_STACK_TRACE(unread, 1);          /* only asked whether there are user frames */

static inline int describe(void *ctx, struct thread *t)
{
    u64 id = bpf_get_current_pid_tgid();
    int of_kernel, wanted = 1;
    t->tgid = id >> 32;
    t->tid = id;
    t->kernel = -1;
    bpf_get_current_comm(&t->comm, sizeof(t->comm));
#ifdef USER_STACKS
    t->user = stacks.get_stackid(ctx, BPF_F_USER_STACK);
    if (t->user < 0 && t->user != -14)
        LOSS(stack);
#else
    t->user = unread.get_stackid(ctx, BPF_F_USER_STACK);
#endif
    of_kernel = t->user == -14;      /* EFAULT: no user memory */
#ifdef KERNEL_STACKS
    t->kernel = stacks.get_stackid(ctx, 0);
    if (t->kernel < 0)
        LOSS(stack);
#endif
#ifdef USER_ONLY
    wanted = !of_kernel;
#endif
#ifdef KERNEL_ONLY
    wanted = of_kernel;
#endif
#ifndef USER_STACKS
    t->user = -1;
#endif
    return wanted;
}
]]

--- What these texts ask for, from a script's options.
function M.define(opts)
  return {
    PID = opts.pid, TID = opts.tid, STATE = opts.state, STACKS = opts.stack_storage_size,
    MIN_NS = opts.min_block_time * 1000, MAX_NS = opts.max_block_time and opts.max_block_time * 1000,
    USER_ONLY = opts.user_threads_only or opts.useronly,
    KERNEL_ONLY = opts.kernel_threads_only or opts.kernelonly,
    KERNEL_STACKS = not opts.user_stacks_only, USER_STACKS = not opts.kernel_stacks_only,
  }
end

--- C text that calls wake(ctx, tid) when the thread tid is woken, by who is on the CPU.
function M.waking()
  -- sched_waking is hit by the waker; sched_wakeup may be behind an interrupt to another CPU
  local event = bpf.probe("tracepoint:sched:sched_waking") and "sched_waking" or "sched_wakeup"
  return ("TRACEPOINT_PROBE(sched, %s) { return wake(args, args->pid); }\n"):format(event)
end

return M
