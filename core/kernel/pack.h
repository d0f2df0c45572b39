/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header packs: what compiling for a kernel needs of it, in one file, made
 * on the target by `moontrace headers pack`.  moontrace-pack(5) specifies it.
 *
 * Here a pack is a directory, as its archive unpacks (or as it was written
 * by hand: a directory works wherever a pack does):
 *     pack            "moontrace-pack 1", then lines "KEY VALUE": release,
 *                     machine, version-code; distribution, made-by, files
 *     config          the kernel's configuration, if it was found
 *     functions       one kernel function a line, sorted, "module:name" for modules
 *     formats/C/E     tracefs events/C/E/format
 *     btf/vmlinux     raw BTF, if the kernel has it; btf/MODULE for modules
 *     build/...       headers, reduced to what BPF programs include
 *     source/...      their source half where they are split
 */
#ifndef PACK_H
#define PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "kernel/headers.h"

#define PACK_MAGIC "moontrace-pack "

struct pack_info {
	char *release, *machine;
	char *distribution, *made_by;	/* "" if it does not say */
	uint32_t version_code;		/* LINUX_VERSION_CODE */
	uint64_t files;			/* beside "pack"; 0 if it does not say */
	bool has_tree, has_btf, has_functions, has_formats;
};

bool pack_is(const char *dir);		/* has it a file "pack"? */
/* E-HEADERS: no pack, of a newer format, or damaged */
int pack_read_info(const char *dir, struct pack_info *ret, struct error *err);
void pack_info_release(struct pack_info *info);
/* E-HEADERS: there are not as many files as the pack says */
int pack_check_files(const char *dir, struct error *err);
/* text of a tracepoint's format. E-PROBE with near names */
int pack_format(const char *dir, const char *category, const char *event, struct buf *out,
	struct error *err);
/* calls fn for each tracepoint that it has a format of, until it says false. E-HEADERS */
int pack_events(const char *dir, bool (*fn)(void *arg, const char *category, const char *event),
	void *arg, struct error *err);
/* calls fn for each function until it says false; module is NULL for the kernel's own */
int pack_functions(const char *dir, bool (*fn)(void *arg, const char *name, const char *module),
	void *arg, struct error *err);

/* ---- making one (pack_write.c) ---- */

struct pack_counts {
	uint64_t headers, header_bytes;
	uint64_t functions, formats;
	uint64_t btf_bytes, btf_modules;	/* of all; modules beside the kernel's own */
	bool config;
};
/*
 * Appends a pack, compressed, of the running kernel and the tree of h, if it
 * has one; of the tree alone if that is of another kernel.  What it lacks
 * for want of rights or of files is said in warnings, a line each.  The same
 * input gives the same bytes.  E-HEADERS: h is a pack, or of no kernel.
 */
int pack_make(const struct kernel_headers *h, struct buf *out, struct pack_counts *ret,
	struct buf *warnings, struct error *err);
/* what a pack, a tree or the running kernel has */
void pack_count(const struct kernel_headers *h, struct pack_counts *ret);

/* calls fn with each header that programs for the tree may include: its name in
 * the pack, and where it is; sorted by name (pack_tree.c). The number of them */
size_t pack_headers(const struct kernel_headers *h,
	void (*fn)(void *arg, const char *name, const char *path), void *arg);

#endif
