/* SPDX-License-Identifier: Apache-2.0 */
#include "base/machine.h"

/* asm/xen headers are those of arch/arm */
const struct machine machine_aarch64 = {
	.name = "aarch64",
	.arch = "arm64",
	.config = "CONFIG_ARM64",
	.borrowed = "arm",
};
