//! version 3.10.0
//! perf
// The old kernel: its version, and no flag for "this CPU" in perf output.
#include <linux/version.h>
#if LINUX_VERSION_CODE != KERNEL_VERSION(3, 10, 0) || defined(CONFIG_ARCH_HAS_SYSCALL_WRAPPER)
#error not 3.10
#endif
BPF_PERF_OUTPUT(out);
int f(void *ctx)
{
	u32 n = LINUX_VERSION_CODE;

	out.perf_submit(ctx, &n, sizeof(n));
	return 0;
}
