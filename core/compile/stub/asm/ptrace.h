/* SPDX-License-Identifier: Apache-2.0 */
/* The registers that a probe sees, in the kernel's order and under its names. */
#ifndef STUB_ASM_PTRACE_H
#define STUB_ASM_PTRACE_H

#include <linux/types.h>

#if defined(MOONTRACE_HAS_pt_regs)
/* the kernel's own */
#elif defined(__x86_64__)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};
#elif defined(__aarch64__)
struct pt_regs {
	u64 regs[31], sp, pc, pstate;
	u64 orig_x0;
	s32 syscallno;
	u32 unused2;
};
#else
#error "moontrace's stub header tree does not know this architecture"
#endif

#endif
