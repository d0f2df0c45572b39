// The name of a kernel's struct is known, what is in it is not.
#include <linux/sched.h>

int f(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();

	return t->pid;
}
