//! btf
#include <linux/sched.h>
#include <linux/nsproxy.h>
#include <linux/mount.h>
#include <linux/ns_common.h>
#include <linux/pid_namespace.h>
#include <linux/utsname.h>
/* the kernel's struct mnt_namespace is in no header of a package */
struct mnt_namespace {
	struct ns_common ns;
};
BPF_HASH(seen, u32, u64);
int mount(struct pt_regs *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	u32 inum = task->nsproxy->mnt_ns->ns.inum;
	u32 pidns = task->nsproxy->pid_ns_for_children->ns.inum;
	u64 one = task->nsproxy->uts_ns->ns.inum + pidns;
	seen.update(&inum, &one);
	return 0;
}
