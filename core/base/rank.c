/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rank.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * A radix sort, byte by byte from the lowest: its time does not depend on
 * the order that is there, and bytes in which all values agree cost nothing.
 */
enum { VALUES = 256, BYTES = 8 };

static unsigned byte_of(uint64_t value, unsigned byte)
{
	/* the largest first */
	return VALUES - 1 - (value >> 8 * byte & 255);
}

static void count_bytes(const struct rank *ranks, size_t n, size_t counts[BYTES][VALUES])
{
	unsigned byte;
	size_t i;

	memset(counts, 0, sizeof(size_t[BYTES][VALUES]));
	for (i = 0; i < n; i++) {
		for (byte = 0; byte < BYTES; byte++)
			counts[byte][byte_of(ranks[i].value, byte)]++;
	}
}

static void place(const struct rank *from, struct rank *to, size_t n, unsigned byte,
	const size_t counts[VALUES])
{
	size_t at[VALUES], sum = 0, i;

	for (i = 0; i < VALUES; i++) {
		at[i] = sum;
		sum += counts[i];
	}
	for (i = 0; i < n; i++)
		to[at[byte_of(from[i].value, byte)]++] = from[i];
}

void rank_sort(struct rank *ranks, size_t n)
{
	struct rank *spare, *from = ranks, *to, *other;
	size_t counts[BYTES][VALUES];
	unsigned byte;

	if (n < 2)
		return;
	to = spare = mem_array(n, sizeof(*spare));
	count_bytes(ranks, n, counts);
	for (byte = 0; byte < BYTES; byte++) {
		if (counts[byte][byte_of(from[0].value, byte)] == n)
			continue;
		place(from, to, n, byte, counts[byte]);
		other = from;
		from = to;
		to = other;
	}
	if (from != ranks)
		memcpy(ranks, from, n * sizeof(*ranks));
	free(spare);
}
