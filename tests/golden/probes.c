// What functions attach to by their names.
#include <uapi/linux/ptrace.h>
#include <linux/bpf_perf_event.h>
#include <linux/fs.h>

int kprobe__vfs_read(struct pt_regs *ctx) { return 0; }
int kretprobe__vfs_read(struct pt_regs *ctx) { return PT_REGS_RC(ctx); }
int kprobe____x64_sys_sync(struct pt_regs *ctx) { return 0; }
RAW_TRACEPOINT_PROBE(sched_switch) { return ctx->args[0]; }
KFUNC_PROBE(vfs_open, struct file *file) { return file == 0; }
KRETFUNC_PROBE(vfs_open, struct file *file, int ret) { return ret; }
int syscall__openat(struct pt_regs *ctx, int dfd, const char __user *name) { return dfd; }
int on_sample(struct bpf_perf_event_data *ctx) { return ctx->sample_period; }
int uprobe(struct pt_regs *ctx) { return PT_REGS_PARM1(ctx); }
static int helper(void) { return 1; }
int calls_helper(void *ctx) { return helper(); }
