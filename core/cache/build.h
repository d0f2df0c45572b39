/* SPDX-License-Identifier: Apache-2.0 */
/* Get or build: the object for a request, from the cache or from the compiler. */
#ifndef BUILD_H
#define BUILD_H

#include <stdbool.h>

#include "object/object.h"
#include "object/request.h"

struct build_options {
	const char *compiler;	/* --cc, or NULL: $MOONTRACE_CC, else ours */
	const char *cache_dir;	/* or NULL: the default */
	bool no_cache;
	/* adds what follows from the rest of the request and is only worth its
	 * making when it is compiled (request.types); may be NULL */
	int (*complete)(void *arg, struct request *req, struct error *err);
	void *arg;
};

/* path of the compiler that would run; caller owns. E-COMPILER */
char *build_compiler(const struct build_options *opts, struct error *err);

/*
 * The object for req; the caller owns it. What deserves a word but is no
 * error (compiler warnings, a damaged cache entry, a cache that cannot be
 * written) is added to `warnings`, a line each. E-COMPILE with the
 * diagnostics as text, E-HEADERS, E-COMPILER, E-OBJECT
 */
struct object *build_object(struct request *req, const struct build_options *opts,
	struct buf *warnings, struct error *err);

#endif
