//! perf
// EVENTS over perf buffers.
#include <uapi/linux/ptrace.h>

struct event {
	u64 ts;
	u32 pid;
	char comm[16];
};
EVENTS(events, struct event);
EVENTS(numbers, u64, 4);

int kprobe__icmp_echo(struct pt_regs *ctx)
{
	struct event e = {};
	u64 n = 1;

	e.ts = bpf_ktime_get_ns();
	e.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(&e.comm, sizeof(e.comm));
	events.submit(ctx, &e);
	if (numbers.submit(ctx,
			/* the number */ &n, sizeof(n)) < 0)
		LOSS(other);
	return 0;
}
