/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from strings to pointers, which is walked in the order of
 * insertion.  It copies the keys; the values are only lent to it.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

struct table *table_new(void);
/* free_value may be NULL; t may be NULL */
void table_free(struct table *t, void (*free_value)(void *value));

/* each returns the value that was there before, or NULL; value is not NULL */
void *table_set(struct table *t, const char *key, void *value);
void *table_remove(struct table *t, const char *key);
void *table_get(const struct table *t, const char *key);	/* or NULL */
size_t table_count(const struct table *t);

/*
 * `size_t at = 0; while (table_next(t, &at, &key, &value)) ...`
 * key (lent) and value may be NULL.  Within the walk entries may be removed
 * and set to other values, but none added.  A key that is set again keeps
 * its place.
 */
bool table_next(const struct table *t, size_t *at, const char **ret_key, void **ret_value);

#endif
