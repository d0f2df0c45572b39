/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of catalog.h share. */
#ifndef CATALOG_INTERNAL_H
#define CATALOG_INTERNAL_H

#include "load/catalog.h"
#include "load/load.h"
#include "symbol/name_list.h"

struct catalog {
	struct catalog_options opts;
	/* each NULL until it is asked for */
	struct name_list *functions;	/* that take kprobes */
	struct name_list *traced;	/* of these, that BTF describes: fentry */
	struct name_list *events;	/* "category:event" */
	struct name_list *raw_events;	/* the names alone, without single system calls */
	struct name_list *structs;	/* "struct X", "union X" */
};

const struct name_list *catalog_functions(struct catalog *c, struct error *err);
const struct name_list *catalog_events(struct catalog *c, struct error *err);
/* raw BTF of the kernel, a path; NULL if it has none */
const char *catalog_btf(const struct catalog *c);

/* has the kernel probes of this kind? E-FEATURE. What it cannot tell is there */
int catalog_have(struct catalog *c, const struct provider *provider, struct error *err);
/* has it a list of its own that belongs to no file? */
bool catalog_is_kernel_wide(const struct provider *provider);
/* calls fn for each name of a kernel-wide provider that begins with what is not a glob */
int catalog_names(struct catalog *c, const struct provider *provider, const char *glob,
	catalog_fn fn, void *arg, struct error *err);
/* the functions of a file, or what else stands behind its path */
int catalog_file_names(struct catalog *c, const struct provider *provider, const char *path,
	const char *glob, catalog_fn fn, void *arg, struct error *err);
bool catalog_has_path(const struct provider *provider);	/* uprobe:PATH:... */
/* "PROVIDER:NAME" of each USDT probe of a file that the glob matches */
int catalog_usdt_names(const char *path, const char *glob, catalog_fn fn, void *arg,
	struct error *err);
/* "usdt:PATH:PROVIDER:NAME" */
int catalog_usdt_args(const char *spec, struct catalog_args *ret, struct error *err);
/* providers by name; NULL behind the last */
const struct provider *catalog_provider(size_t i);

#endif
