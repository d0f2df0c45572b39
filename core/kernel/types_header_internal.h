/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of types_header.h share: names, types, a selection of them. */
#ifndef TYPES_HEADER_INTERNAL_H
#define TYPES_HEADER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/btf.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/table.h"

/* newer than some linux/btf.h that this is built with */
enum { KIND_FLOAT = 16, KIND_DECL_TAG = 17, KIND_TYPE_TAG = 18, KIND_ENUM64 = 19 };

/* ---- identifiers of the text: types_header_names.c ---- */

enum {
	NAME_USED = 1,		/* occurs */
	NAME_ORDINARY = 2,	/* occurs as what may be a typedef or an enumerator */
	NAME_TAG = 4,		/* occurs behind struct, union or enum */
	NAME_OWN_TAG = 8,	/* struct NAME is defined by the text or by libbcc */
	NAME_OWN = 16,		/* NAME is defined by them */
};

/* identifier -> its NAME_ bits; caller frees it with table_free(t, NULL) */
struct table *names_new(void);
void names_scan(struct table *names, const char *text);
/* what the macros that the text uses look into; last */
void names_add_macros(struct table *names);
unsigned names_of(const struct table *names, const char *name);

/* ---- types by number: types_header_types.c ---- */

/*
 * All BTF that was read, with one numbering: 0 is void, then come the
 * kernel's own types, then those of each module.
 */
struct type_file {
	struct btf *btf;
	uint32_t first, end;	/* numbers of its own types */
};

struct type_set {
	struct type_file *files;	/* the kernel's own is the first */
	size_t n_files;
	uint32_t n;			/* numbers are below this */
	const char *path;		/* borrowed, for messages */
};

enum { TYPES_CHAIN_MAX = 64 };		/* typedefs and qualifiers behind one another */

/* E-HEADERS */
int type_set_open(struct type_set *ts, const char *path, struct error *err);
/* reads the BTF of modules beside it; of those that cannot be read, nothing */
void type_set_add_modules(struct type_set *ts);
void type_set_close(struct type_set *ts);

/* NULL, with err set, for 0 and numbers out of range */
const struct btf_type *type_at(const struct type_set *ts, uint32_t id, struct error *err);
/* the number that a reference within type `from` means */
uint32_t type_ref(const struct type_set *ts, uint32_t from, uint32_t ref);
/* of a type, member or enumerator of type id; "" if it has none */
const char *type_string(const struct type_set *ts, uint32_t id, uint32_t offset);
const char *type_name(const struct type_set *ts, uint32_t id, const struct btf_type *t);
int types_bad(const struct type_set *ts, struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- which of them are printed: types_header_select.c ---- */

enum {
	SEEN_VALUE = 1,		/* printed; a struct: defined */
	SEEN_BEHIND = 2,	/* printed as something that a pointer points to */
};

struct selection {
	const struct type_set *ts;
	const struct table *names;
	uint8_t *seen;			/* by number: SEEN_ bits */
	uint8_t *height[2];		/* how deep printing it will nest, + 1 */
	uint32_t *queue;		/* structs to be defined */
	size_t n_queue;
	/* name -> number of the first struct or union, enum, typedef */
	struct table *tags, *enums, *typedefs;
	bool signed_enums;		/* the maker of the BTF noted which enums are */
	struct error *err;
};

int select_types(struct selection *s);
void selection_release(struct selection *s);
/* behind type tags and typedefs whose name is taken, and of doubles the first;
 * *ret 0: void */
int select_resolve(const struct selection *s, uint32_t id, uint32_t *ret);
/* an enum that has a name of the text or of libbcc: printed as an integer */
bool select_is_foreign(const struct selection *s, uint32_t id, const struct btf_type *t);
/* "" if it has none, or another type has that name */
const char *select_enum_name(const struct selection *s, uint32_t id, const struct btf_type *t);
/* the first struct, enum or typedef of its name */
bool select_is_first(const struct selection *s, uint32_t id, const struct btf_type *t);

/* ---- as C: types_header_print.c ---- */

int print_types(const struct selection *s, struct buf *out);

#endif
