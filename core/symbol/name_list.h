/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many names, sorted, each once: to search by what they begin with.  A name
 * is eight of its bytes and a place in one block of text.
 */
#ifndef NAME_LIST_H
#define NAME_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct name_list;

/* takes text, a name a line. `first_word`: what is behind a blank does not count */
struct name_list *name_list_new(struct buf *text, bool first_word);
void name_list_free(struct name_list *l);	/* NULL is fine */

size_t name_list_count(const struct name_list *l);
const char *name_list_at(const struct name_list *l, size_t i);	/* lent */
/* names from the first that begins with prefix; behind the last is *ret_end */
size_t name_list_range(const struct name_list *l, const char *prefix, size_t *ret_end);
bool name_list_has(const struct name_list *l, const char *name);
/* leaves those that `other` has (keep), or those that it has not */
void name_list_filter(struct name_list *l, const struct name_list *other, bool keep);
/* calls fn for each that the glob matches, in order; stops at false */
void name_list_each(const struct name_list *l, const char *glob,
	bool (*fn)(void *arg, const char *name), void *arg);

#endif
