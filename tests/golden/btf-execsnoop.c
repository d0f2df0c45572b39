//! btf
#include <linux/sched.h>
#include <linux/fs.h>
struct event { u32 pid, ppid; char comm[TASK_COMM_LEN]; };
EVENTS(events, struct event);
int exec(struct pt_regs *ctx)
{
	struct event e = {};
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	e.pid = bpf_get_current_pid_tgid() >> 32;
	e.ppid = task->real_parent->tgid;
	if (task->flags & PF_KTHREAD)
		return 0;
	bpf_get_current_comm(&e.comm, sizeof(e.comm));
	events.submit(ctx, &e);
	return 0;
}
