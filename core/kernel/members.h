/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kernel's BTF tells people: members of its structs, their names, and
 * the functions that it describes.  The parsed BTF is kept for the process.
 */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "kernel/signature.h"

struct member {
	char *name;		/* "" is one of bits that have no name */
	char *type;		/* C text, "char[16]" */
	uint64_t bit;		/* where it is: bits from the start of the struct */
	uint64_t size;		/* bytes of its type */
	unsigned bits;		/* of a bit field, else 0 */
};

struct members {
	char *name;		/* "struct sk_buff", as BTF has it */
	struct member *list;
	size_t n;
	uint64_t size;		/* bytes of the whole */
	char *source;		/* "BTF of vmlinux" */
};

/*
 * name is "struct X", "union X", a typedef of one, or X alone; a "const " in
 * front and stars behind are passed over.  Members of those without a name
 * are told as the outer one's own, as C has them.  btf is a file of raw BTF,
 * that of modules is looked for beside it.  E-PROBE with near names;
 * E-HEADERS: BTF that cannot be read, or NULL.
 */
int members_find(const char *btf, const char *name, struct members *ret, struct error *err);
void members_release(struct members *m);

/* a line "struct X" or "union X" for each that is defined, in no order. E-HEADERS */
int members_structs(const char *btf, struct buf *out, struct error *err);
/* a line for each function of the kernel itself (no modules), in no order. E-HEADERS */
int members_functions(const char *btf, struct buf *out, struct error *err);
/* arguments of a raw tracepoint. 1: found, 0: not known; -1 E-HEADERS */
int members_raw_tracepoint(const char *btf, const char *name, struct signature *ret,
	struct error *err);

#endif
