#!/usr/bin/env moontrace
-- SPDX-License-Identifier: Apache-2.0
-- 07-latency: how long system calls take: one probe stores the time, another looks it up
local bpf, hist = require "bpf", require "hist"

local prog = bpf.load[[
struct key { char comm[TASK_COMM_LEN]; u32 slot; };
BPF_HASH(began, u32, u64);
BPF_HASH(dist, struct key, u64);

TRACEPOINT_PROBE(raw_syscalls, sys_enter)
{
    u32 tid = bpf_get_current_pid_tgid();
    u64 now = bpf_ktime_get_ns();
    if (began.update(&tid, &now))
        LOSS(map_full);
    return 0;
}

TRACEPOINT_PROBE(raw_syscalls, sys_exit)
{
    u32 tid = bpf_get_current_pid_tgid();
    u64 *start = began.lookup(&tid), ns = bpf_ktime_get_ns();
    if (!start)                      /* it began before we did */
        return 0;
    ns -= *start;
    began.delete(&tid);
    if ((s64)ns < 0) {
        LOSS(negative);              /* clocks of 3.10 may do that: told at the end */
        return 0;
    }
    struct key key = { .slot = LOG2_SLOT(ns / 1000) };
    bpf_get_current_comm(&key.comm, sizeof(key.comm));
    dist.atomic_increment(key);
    return 0;
}
]]
on_exit(function() hist.print(prog.dist, { label = "usecs", section = "process" }) end)
bpf.run()
