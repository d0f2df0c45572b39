/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the types of a kernel come from: the ladder.
 *
 * 1. what --headers names: a build tree, a header pack (kernel/pack.h), a
 *    kernel-devel .rpm, a linux-headers .deb; several files are separated by
 *    ':' as in PATH (a split Debian tree has two .deb)
 * 2. /lib/modules/R/build, /usr/src/kernels/R, /usr/src/linux-headers-R
 * 3. /sys/kernel/kheaders.tar.xz
 * 4. BTF of the running kernel
 * 5. nothing: the compiler's stub tree
 *
 * Archives are unpacked once, into a directory below the cache's, whose name
 * is the digest of the archive's path, size and time of change.
 */
#ifndef HEADERS_H
#define HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum headers_kind {
	HEADERS_STUB,		/* none were found */
	HEADERS_BTF,
	HEADERS_KHEADERS,
	HEADERS_INSTALLED,	/* in one of the usual places */
	HEADERS_TREE,		/* the others: told by --headers */
	HEADERS_PACK,
	HEADERS_PACKAGE,	/* .rpm or .deb */
};

/* all strings are set, "" if there is none */
struct kernel_headers {
	enum headers_kind kind;
	char *path;		/* as told, or the usual place: for messages */
	char *build;		/* tree with include/generated/autoconf.h */
	char *source;		/* source half, if the tree is split (Debian) */
	char *pack;		/* directory of an unpacked pack, also if it has no tree */
	char *btf;		/* file with raw BTF of that kernel */
	char *release;		/* of the kernel whose headers these are; "": not known */
	char *machine;		/* likewise, as uname -m says it */
	char *id;		/* identity of the content: path, release, mtimes */
	char *tried;		/* what was looked at, for messages */
	char *why;		/* one line: why this source and not one further up */
};

struct headers_options {
	const char *path;	/* --headers, or NULL */
	const char *cache_dir;	/* --cache, or NULL: the default */
	const char *told;	/* who named path, for `why`; NULL: --headers */
};

/*
 * Only a path that was told and is none of the above is an error: E-HEADERS
 * (no tree, half a tree, another machine's, damaged archive or pack), E-CACHE
 * if an archive cannot be unpacked because there is no place for it.
 */
int kernel_headers_find(const struct headers_options *opts, struct kernel_headers *ret,
	struct error *err);
void kernel_headers_release(struct kernel_headers *h);
const char *headers_kind_name(enum headers_kind kind);	/* "installed", "BTF", "pack" */

#endif
