//! btf
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/interrupt.h>
#include <linux/workqueue.h>
struct key { u32 irq; char name[32]; };
BPF_HASH(count, struct key);
BPF_ARRAY(vectors, u64, NR_SOFTIRQS);
BPF_HASH(work, work_func_t);
int handle(struct pt_regs *ctx, struct irq_desc *desc)
{
	struct key k = {};
	struct irqaction *action = desc->action;
	k.irq = desc->irq_data.irq;
	bpf_probe_read_kernel_str(&k.name, sizeof(k.name), action->name);
	count.increment(k);
	vectors.increment(TIMER_SOFTIRQ);
	return 0;
}
int queue(struct pt_regs *ctx, int cpu, struct workqueue_struct *wq, struct work_struct *w)
{
	work_func_t f = w->func;
	work.increment(f);
	return 0;
}
