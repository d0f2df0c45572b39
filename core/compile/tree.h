/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories opened before privileges go: the compiler finds them by
 * descriptor, also where directories above them are closed to it.
 */
#ifndef TREE_H
#define TREE_H

#include <stddef.h>

#include "object/request.h"

struct tree_list {
	struct tree {
		char *path;		/* as the request names it */
		char *at;		/* "/proc/self/fd/N": N is the same each time */
		int fd;
	} *list;
	size_t n;
};

/* those that cannot be opened are left out: their paths will tell why */
void tree_open(struct tree_list *trees, const struct request *req);
void tree_close(struct tree_list *trees);
/* where the compiler finds path; lent */
const char *tree_at(const struct tree_list *trees, const char *path);
/* the tree that a path of the compiler's is in; NULL: none */
const struct tree *tree_of(const struct tree_list *trees, const char *path);

#endif
