/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moontrace's own small header tree: what a program that looks into no
 * kernel struct needs.  Its files are in stub/, embedded by stub/embed.
 */
#ifndef STUB_H
#define STUB_H

#include "base/error.h"
#include "object/request.h"

struct stub_file {
	const char *path;	/* below include/; NULL ends the array */
	const char *text;
};
extern const struct stub_file stub_files[];

/* what diagnostics call the types of a request */
#define STUB_TYPES_NAME "<kernel types>"

extern const struct stub_file stub_types_files[];	/* and these with types from BTF */

/*
 * Writes the tree to directory dir, which must not exist.  If the request
 * has types, they are in it, and every header of the kernel that the text
 * includes is: with the macros that moontrace has for it, or empty. E-FILE
 */
int stub_write(const char *dir, const struct request *req, struct error *err);

#endif
