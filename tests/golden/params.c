//! param PID?
//! param FLAG?
//! param ENTRIES
//! param UNIT
BPF_HASH(sums, u32, u64, ENTRIES);
BPF_STACK_TRACE(stacks, ENTRIES);
static inline int wanted(u32 tgid)
{
#ifdef PID
    if (tgid != PID)
        return 0;
#endif
    return 1;
}
int f(struct pt_regs *ctx)
{
    u64 now = bpf_ktime_get_ns() / UNIT, one = 1;
    u32 tgid = bpf_get_current_pid_tgid() >> 32;
    if (!wanted(tgid))
        return 0;
#ifndef FLAG
    u32 key = tgid;
    sums.update(&key, &now);
#else
#if defined(PID)
    sums.update(&tgid, &one);
#endif
#endif
    return 0;
}
