/* SPDX-License-Identifier: Apache-2.0 */
/* The one binary search of all the tables here, and what sorts names. */
#ifndef SEARCH_H
#define SEARCH_H

#include <stddef.h>
#include <stdint.h>

/*
 * In an array sorted by address, whose elements have `stride` bytes and
 * begin with a uint64_t address: how many are at addr or before.  No branch
 * depends on an address, as it would be guessed wrong half of the time.
 */
static inline size_t count_up_to(const void *array, size_t stride, size_t n, uint64_t addr)
{
	const char *base = array;
	size_t half;

	while (n > 1) {
		half = n / 2;
		base += (*(const uint64_t *)(base + (half - 1) * stride) <= addr) * (half * stride);
		n -= half;
	}
	if (n && *(const uint64_t *)base <= addr)
		base += stride;
	return (size_t)(base - (const char *)array) / stride;
}

/* of an array of structs */
#define COUNT_UP_TO(array, n, addr) count_up_to((array), sizeof((array)[0]), (n), (addr))

/* the first eight bytes of a name as a number, in the order of strcmp(); zeros behind its end */
static inline uint64_t head_of_name(const char *name)
{
	uint64_t head = 0;
	int i;

	for (i = 0; i < 8; i++) {
		head = head << 8 | (unsigned char)*name;
		name += *name != '\0';
	}
	return head;
}

#endif
