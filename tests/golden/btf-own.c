//! btf
#include <linux/sched.h>
/* names that the kernel has too: the text's own win */
struct task_struct { int mine; };
typedef struct { char c; } spinlock_t;
enum { TASK_COMM_LEN_ = 1, TCP_CLOSE = 99 };
struct key { struct list_head *l; spinlock_t lock; };
BPF_HASH(jiffies, struct key);
BPF_HASH(start, struct task_struct);
int probe(struct pt_regs *ctx, struct files_struct *files,
	struct rcu_head *head, struct timespec64 *ts)
{
	struct key k = {};
	struct task_struct t = { .mine = TCP_CLOSE };
	k.lock.c = files->next_fd + ts->tv_sec;
	jiffies.increment(k);
	start.increment(t);
	return 0;
}
