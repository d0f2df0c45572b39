// A hash whose key and value are structs; two programs at one map.
#include <uapi/linux/ptrace.h>

struct key {
	u32 pid;
	u64 address;
};
struct value {
	u64 count, bytes;
	char comm[16];
};
BPF_HASH(sizes, struct key, struct value, 1024);

int kprobe__vfs_write(struct pt_regs *ctx, void *file, void *buf, size_t count)
{
	struct key key = { .pid = bpf_get_current_pid_tgid(), .address = (u64)file };
	struct value zero = {}, *v;

	v = sizes.lookup_or_try_init(&key, &zero);
	if (v) {
		v->count++;
		v->bytes += count;
	}
	return 0;
}

int kretprobe__vfs_write(struct pt_regs *ctx)
{
	struct key key = { .pid = PT_REGS_RC(ctx) };

	sizes.delete(&key);
	return 0;
}
