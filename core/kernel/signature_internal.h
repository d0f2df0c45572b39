/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of signature.h share. */
#ifndef SIGNATURE_INTERNAL_H
#define SIGNATURE_INTERNAL_H

#include "base/buf.h"
#include "kernel/signature.h"

struct signature_range {
	bool el7;
	uint64_t low, high;	/* builds of el7, else numbers that grow with the version */
};
/* false: text is no range */
bool signature_range_read(const char *text, struct signature_range *ret);

/* 1: found; 0: this BTF has no such function; -1: E-SIGNATURE. module may be NULL
 * (any; "vmlinux" is the kernel itself); ret gets no function name */
int signature_from_btf(const char *path, const char *module, const char *function,
	struct signature *ret, struct error *err);

struct btf;
struct btf_type;
struct signature_source {	/* one file of BTF */
	char *name;		/* "vmlinux", or the module */
	struct btf *btf;	/* of a module: split BTF on top of the kernel's own */
};
struct signature_sources {
	const struct signature_source *list;	/* lent; the kernel's own is the first */
	size_t n;
};
/* BTF that is kept for the process: the file, with modules those beside it. E-SIGNATURE */
int signature_sources(const char *path, bool modules, struct signature_sources *ret,
	struct error *err);
/* the type as C text: "const struct sk_buff *"; caller owns */
char *signature_type_text(const struct btf *btf, uint32_t id);
/* ret gets no function name */
void signature_read_prototype(const struct signature_source *src, const struct btf_type *proto,
	struct signature *ret);

/* 1: found; 0: no row for this kernel; -1: E-SIGNATURE. ret gets no function name */
int signature_from_table(const char *function, const struct signature_target *target,
	struct signature *ret, struct error *err);
/* "el7, 4.2..5.17": the kernels for which the table has the function; "" if none */
int signature_ranges(const char *function, struct buf *out, struct error *err);
/* "did you mean ...", or NULL; caller owns */
char *signature_nearest(const char *function);

/* takes type and name */
void signature_add_param(struct signature *s, char *type, char *name);
/* "(struct sock *sk, int how)" */
void signature_add_params_text(const struct signature *s, struct buf *out);
/* "TYPE NAME" as C spells it; name may be "" */
void signature_add_declaration(const char *type, const char *name, struct buf *out);

#endif
