//! btf
#include <uapi/linux/bpf_perf_event.h>
#include <linux/sched.h>
BPF_HASH(ips, u64);
int sample(struct bpf_perf_event_data *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	u64 ip = PT_REGS_IP(&ctx->regs) + ctx->sample_period;
	if (t->mm)
		ips.increment(ip);
	return 0;
}
