/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of kernel functions: from a kernel's BTF, else from a table
 * of those whose sources were read (stdlib/signatures describes its form).
 *
 * Nothing here is guessed: a function or a kernel of which nothing is known
 * is E-SIGNATURE.
 */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct signature {
	char *function;		/* base name: without "module:" and compiler suffix */
	char *type;		/* what it returns */
	struct signature_param {
		char *type, *name;	/* C text; a name may be "" */
	} *params;
	size_t n;
	char *source;		/* where this is from, for messages */
	bool variadic;		/* "..." follows the params */
	bool clone;		/* .isra, .constprop or .part: the compiler may have
				 * dropped or changed arguments; warn or refuse */
};

struct signature_target {
	const char *release;	/* uname -r; ".el7" in it chooses Red Hat's rows */
	uint32_t version_code;	/* LINUX_VERSION_CODE: the patch level decides some rows */
	const char *btf;	/* BTF or ELF file of this kernel, or NULL. Split BTF of modules
				 * is looked for beside it, as in /sys/kernel/btf */
};

/*
 * function is as in kallsyms, compiler suffix and all, or "module:function".
 * The parsed BTF is kept for the process and only looked at from here on.
 * A function that BTF does not have is looked up in the table, too.
 * E-SIGNATURE: unknown, or several functions of that name differ.
 */
int signature_find(const char *function, const struct signature_target *target,
	struct signature *ret, struct error *err);
void signature_release(struct signature *s);

/* index of a parameter by name; -1 and E-SIGNATURE with those that there are */
int signature_param(const struct signature *s, const char *name, struct error *err);

/*
 * Do declared positional parameters (their types; NULL for one that is not
 * told) contradict the known ones?  Contradictions are pointers to different
 * structs or of different depth, a pointer against an integer, and more
 * parameters than there are.  `void *`, typedefs and the widths of integers
 * are none.  E-SIGNATURE says which parameter, and what the function has.
 */
int signature_check(const struct signature *s, const char *const *types, size_t n,
	struct error *err);

/* "int ip_output(struct sock *sk, struct sk_buff *skb)"; caller owns */
char *signature_text(const struct signature *s);

/* text of the table; borrowed, parsed when first asked for */
void signature_table_set(const char *text);

struct signature_row {
	const char *function, *range, *source, *remarks;	/* remarks may be "" */
	struct signature sig;			/* function and source are set as well */
};
/* calls fn for each row until it says false. E-SIGNATURE with the line of a bad row */
int signature_table_each(bool (*fn)(void *arg, const struct signature_row *row), void *arg,
	struct error *err);
/* is the row for this kernel? */
bool signature_row_covers(const struct signature_row *row, const struct signature_target *target);

#endif
