/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's symbol list as it is now.  The kernel's own text stays; modules
 * and BPF programs come and go while a tracer runs.
 */
#ifndef KERNEL_LIST_H
#define KERNEL_LIST_H

#include <stdint.h>

#include "kallsyms.h"

struct kernel_list;

struct kernel_list *kernel_list_new(const char *path);
void kernel_list_free(struct kernel_list *l);

/* what there was at the first call */
struct kallsyms *kernel_list_first(struct kernel_list *l);
/* to find functions by name: read again after modules came or went, a second later at most.
 * What it lends is good until kernel_list_free */
struct kallsyms *kernel_list_now(struct kernel_list *l);
/* As kallsyms_at.  What is not the kernel's own is as old as a second, or where reading it takes
 * long, as a hundred times that; what is lent of it is good until the next call */
const char *kernel_list_at(struct kernel_list *l, uint64_t addr, const char **ret_module,
	uint64_t *ret_offset);

#endif
