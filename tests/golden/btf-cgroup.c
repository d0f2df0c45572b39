//! btf
#include <linux/cgroup.h>
#include <linux/sched.h>
struct event { u64 id; int level; char name[64]; };
EVENTS(events, struct event);
int attach(struct pt_regs *ctx, struct cgroup *cgrp, struct task_struct *task)
{
	struct event e = {};
	e.level = cgrp->level;
	e.id = cgrp->kn->id;
	if (task->cgroups->dfl_cgrp == cgrp)
		return 0;
	bpf_probe_read_kernel_str(&e.name, sizeof(e.name), (void *)cgrp->root->name);
	events.submit(ctx, &e);
	return 0;
}
