/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STUB_ASM_PAGE_H
#define STUB_ASM_PAGE_H

#include <asm/ptrace.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#endif
