/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels call the functions behind system calls: SyS_read (and its
 * alias sys_read) up to 4.16, then __x64_sys_read, __arm64_sys_read.
 * Names alone: which of them a kernel has, its list of symbols tells.
 */
#ifndef SYSCALLS_H
#define SYSCALLS_H

#include <stdbool.h>
#include <stddef.h>

/* "read" of "sys_read", "SyS_read", "__x64_sys_read", ...; NULL: it is no such name */
const char *syscall_of_function(const char *function);
/*
 * The index-th name that a kernel may have for the entry of a system call,
 * what it calls first; "stat" is tried as "newstat", too. The caller owns
 * it. NULL behind the last.
 */
char *syscall_function(const char *syscall, size_t index);
/* takes a struct pt_regs with the arguments, not these themselves */
bool syscall_is_wrapper(const char *function);

#endif
