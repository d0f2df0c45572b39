/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A C header made from a kernel's BTF, for one text: definitions of the
 * types that the text names and what these contain.  A struct that a named
 * one only points to is defined if the text uses the member that points to
 * it, else declared.  The compiler's stub tree has the macros that go with it.
 */
#ifndef TYPES_HEADER_H
#define TYPES_HEADER_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

struct types_wanted {
	const char *text;		/* BPF C */
	const char *const *types;	/* further C types, "struct sk_buff *": of ARGs */
	size_t n_types;
};

/*
 * btf: file of raw BTF; split BTF of modules is looked for beside it, as in
 * /sys/kernel/btf.  A function of its arguments and these files: the same
 * text gives the same bytes.  E-HEADERS: BTF that cannot be read.
 */
int types_header(const char *btf, const struct types_wanted *wanted, struct buf *out,
	struct error *err);

#endif
