/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting many things by a number. */
#ifndef RANK_H
#define RANK_H

#include <stddef.h>
#include <stdint.h>

struct rank {
	uint64_t value;
	size_t i;		/* of what it ranks */
};

/* the largest value first; equals stay in their order */
void rank_sort(struct rank *ranks, size_t n);

#endif
