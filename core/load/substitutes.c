/* SPDX-License-Identifier: Apache-2.0 */
#include "load/substitutes.h"

#include <linux/bpf.h>

#include "base/mem.h"

/* an older helper that does the same on kernels without the newer one */
const struct substitute substitutes[] = {
	{ BPF_FUNC_probe_read_user, BPF_FUNC_probe_read, FEATURE_PROBE_READ_KERNEL, "" },
	{ BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read, FEATURE_PROBE_READ_KERNEL, "" },
	{ BPF_FUNC_probe_read_user_str, BPF_FUNC_probe_read_str, FEATURE_PROBE_READ_KERNEL, "" },
	{ BPF_FUNC_probe_read_kernel_str, BPF_FUNC_probe_read_str, FEATURE_PROBE_READ_KERNEL, "" },
	{ BPF_FUNC_ktime_get_boot_ns, BPF_FUNC_ktime_get_ns, FEATURE_KTIME_BOOT,
		", which stands still while the system sleeps" },
	{ 0, 0, FEATURE_COUNT, "" },
};

static const struct {
	uint32_t helper;
	const char *advice;
} advices[] = {
	{ BPF_FUNC_get_stack, "use BPF_STACK_TRACE(stacks, N) and stacks.get_stackid(ctx, flags)" },
};

const char *helper_advice(uint32_t helper)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		if (advices[i].helper == helper)
			return advices[i].advice;
	}
	return NULL;
}
