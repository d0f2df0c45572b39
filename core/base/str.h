/* SPDX-License-Identifier: Apache-2.0 */
/* Small questions about strings. */
#ifndef STR_H
#define STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* bytes of the UTF-8 character at s, 0 if it is not well-formed */
size_t str_utf8_len(const char *s, size_t n);

/* whole string as a number (0x.. too) in [min, max]; false otherwise */
bool str_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret);

/* edit distance (insert, delete, change, swap = 1), capped at limit */
unsigned str_distance(const char *a, const char *b, unsigned limit);

/*
 * Collects the few names that are nearest to a wanted one, for error
 * messages: init, offer every candidate, then format "a, b or c".
 */
struct nearest {
	const char *want;
	struct { char *name; unsigned distance; } best[3];
	unsigned count;
};
void nearest_init(struct nearest *n, const char *want);	/* borrows want */
void nearest_offer(struct nearest *n, const char *candidate);
/* "did you mean 'x', 'y' or 'z'?", or NULL; caller owns. Releases n. */
char *nearest_hint(struct nearest *n);

/* for a terminal: control characters become '?' */
void str_clean(char *s);

#endif
