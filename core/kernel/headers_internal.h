/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files that find kernel headers, and for their tests. */
#ifndef HEADERS_INTERNAL_H
#define HEADERS_INTERNAL_H

#include "kernel/unpack.h"
#include "kernel/headers.h"

/* where the running kernel's headers are looked for; tests have others */
struct headers_places {
	const char *root;		/* in front of /lib/modules and /usr/src */
	const char *kheaders;
	const char *btf;
};
int headers_find_at(const struct headers_places *places, const struct headers_options *opts,
	struct kernel_headers *ret, struct error *err);

/* ---- trees (headers_tree.c) ---- */

bool headers_has(const char *dir, const char *file);
bool headers_is_build(const char *dir);		/* it has been configured */
bool headers_is_source(const char *dir);
/* fills build, source, id, release, machine if dir is a tree, whole or split */
bool headers_try_tree(const char *dir, struct kernel_headers *ret);
/* says what dir lacks: E-HEADERS */
int headers_explain_tree(const char *dir, struct error *err);
/* the tree among the directories of unpacked packages; E-HEADERS names what lacks */
int headers_try_packages(const char *dir, struct kernel_headers *ret, struct error *err);
/* the number behind "#define NAME" in a file of the tree, 0 if it is not there */
uint32_t headers_tree_version(const char *build);

/* ---- unpacked archives (headers_store.c) ---- */

struct store_request {
	const char *const *paths;	/* archives of one form */
	size_t n;
	enum archive_form form;
	const struct unpack_rules *rules;
	const char *stamp;		/* names the content instead of the time of change */
	const char *cache_dir;		/* or NULL */
	/* is what was unpacked good? NULL: it is */
	int (*check)(const char *dir, struct error *err);
};
/* the directory with what is in the archives and its identity: the caller owns both */
int headers_store(const struct store_request *req, char **ret_dir, char **ret_id,
	struct error *err);
/* in the store, how many are kept, and their bytes */
enum { STORE_TREES = 8 };
#define STORE_BYTES (UINT64_C(1) << 30)

extern const struct unpack_rules rules_of_packages, rules_of_packs, rules_of_kheaders;

#endif
