/* SPDX-License-Identifier: Apache-2.0 */
#include "base/machine.h"

const struct machine machine_x86_64 = {
	.name = "x86_64",
	.arch = "x86",
	.config = "CONFIG_X86_64",
};
