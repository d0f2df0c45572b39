//! btf
#include <linux/sched.h>
#include <linux/pid_namespace.h>
#include <linux/nsproxy.h>
#include <linux/mm_types.h>
#include <linux/sched/signal.h>
BPF_HASH(start, u32);
BPF_HISTOGRAM(dist);
RAW_TRACEPOINT_PROBE(sched_switch)
{
	struct task_struct *prev = (struct task_struct *)ctx->args[1];
	struct task_struct *next = (struct task_struct *)ctx->args[2];
	u32 pid = next->pid, tgid = prev->tgid;
	u64 ts = bpf_ktime_get_ns(), *was = start.lookup(&pid);
	if (prev->mm && prev->mm->total_vm && prev->signal->nr_threads > 1)
		start.update(&tgid, &ts);
	if (was)
		dist.increment(bpf_log2l(ts - *was));
	return 0;
}
