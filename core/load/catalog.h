/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be probed on a kernel, and what is known of it: for lists,
 * completion and one-liners.  Names are read when they are first asked for
 * and kept; nothing is loaded or attached.
 */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/members.h"
#include "kernel/target.h"
#include "symbol/symbol.h"

struct catalog;

struct catalog_options {
	struct symbolizer *symbols;	/* of the running kernel; borrowed */
	struct target *target;		/* another kernel, borrowed; NULL: the running one */
	/* for tests: a directory in the place of tracefs, a file in that of the
	 * list of functions that take no kprobes, and a kernel that has all providers */
	const char *tracefs, *blacklist;
	bool have_all;
};

struct catalog *catalog_new(const struct catalog_options *opts);
void catalog_free(struct catalog *c);	/* NULL is fine */

/* gets full specs ("kprobe:vfs_read"), sorted; false ends the walk */
typedef bool (*catalog_fn)(void *arg, const char *spec);

/*
 * Calls fn for each probe that "PROVIDER:GLOB" matches; a glob without a
 * colon is looked for with all kernel-wide providers that the kernel has, as
 * is one whose provider is a glob.  Functions that the kernel says take no
 * probes are left out.  E-PROBE: no such provider, or parts are missing;
 * E-FEATURE: the kernel has no such probes; E-TRACEFS, E-FILE, E-HEADERS.
 */
int catalog_list(struct catalog *c, const char *glob, catalog_fn fn, void *arg,
	struct error *err);
/* "did you mean ...", of the probes that `glob` might have meant, or NULL; caller owns */
char *catalog_near(struct catalog *c, const char *glob);

/*
 * Calls fn for each completion of a spec's text, sorted: of a provider, a
 * category, a path or a name, with the ':' or '/' behind that goes on.
 */
void catalog_complete(struct catalog *c, const char *prefix, catalog_fn fn, void *arg);

struct catalog_arg {
	char *name, *type;
	int64_t size, offset;		/* bytes; -1: there is none to tell */
};
struct catalog_args {
	struct catalog_arg *list;
	size_t n;
	char *returns;			/* type text, or NULL */
	char *source;			/* where this is from: "BTF of vmlinux" */
};
/* what a program at the probe may read. E-PROBE, E-SIGNATURE, E-TRACEFS, E-HEADERS */
int catalog_args(struct catalog *c, const char *spec, struct catalog_args *ret,
	struct error *err);
void catalog_args_release(struct catalog_args *a);

/* members of "struct X", "union X", or a tracepoint "tracepoint:c:e". As members_find */
int catalog_fields(struct catalog *c, const char *name, struct members *ret, struct error *err);
/* calls fn for each "struct X" and "union X", be the prefix of it all or of X. E-HEADERS */
int catalog_structs(struct catalog *c, const char *prefix, catalog_fn fn, void *arg,
	struct error *err);

#endif
