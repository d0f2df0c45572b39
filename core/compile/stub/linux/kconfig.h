/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel's configuration would say, as far as BPF programs ask. */
#ifndef STUB_LINUX_KCONFIG_H
#define STUB_LINUX_KCONFIG_H

#include <linux/version.h>

#define CONFIG_64BIT 1
#define CONFIG_SMP 1
#define CONFIG_MMU 1
#define CONFIG_BPF 1
#define CONFIG_BPF_SYSCALL 1
#define CONFIG_BPF_EVENTS 1
#if defined(__x86_64__)
#define CONFIG_X86 1
#define CONFIG_X86_64 1
#elif defined(__aarch64__)
#define CONFIG_ARM64 1
#endif

/* system calls take a struct pt_regs: x86 since 4.17, arm64 since 4.19, unless it is told */
#if !defined(MOONTRACE_SYSCALL_WRAPPER)
#if (defined(__x86_64__) && LINUX_VERSION_CODE >= KERNEL_VERSION(4, 17, 0)) || \
	(defined(__aarch64__) && LINUX_VERSION_CODE >= KERNEL_VERSION(4, 19, 0))
#define MOONTRACE_SYSCALL_WRAPPER 1
#else
#define MOONTRACE_SYSCALL_WRAPPER 0
#endif
#endif
#if MOONTRACE_SYSCALL_WRAPPER
#define CONFIG_ARCH_HAS_SYSCALL_WRAPPER 1
#endif

#endif
