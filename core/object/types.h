/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C types of keys, values and events, kept as BTF.
 *
 * Ids start at 1; 0 means "no type" (and void).  A types object only holds
 * what passed types_read's checks: every reference and string is in range,
 * array and struct sizes agree with their members, and no type contains
 * itself.
 */
#ifndef TYPES_H
#define TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct btf;
struct types;

/* reads a raw .BTF section. E-OBJECT */
struct types *types_read(const void *data, size_t size, struct error *err);
void types_free(struct types *t);
/* the raw .BTF bytes, lent */
const void *types_raw(const struct types *t, size_t *ret_size);
struct btf *types_btf(const struct types *t);		/* lent */

/*
 * Copies just the types in ids[] and what they need out of raw BTF (as a
 * compiler emits it); writes the new ids over the old ones. Pointers keep
 * only the name of what they point to.  Deterministic. E-OBJECT
 */
struct types *types_extract(const void *data, size_t size, uint32_t *ids, size_t n,
	struct error *err);

uint32_t types_count(const struct types *t);		/* ids are below this */
uint32_t types_size(const struct types *t, uint32_t id);	/* bytes; 0: not a value */
/* the C spelling of a type: "struct echo", "unsigned int", "char[16]" */
void types_name(const struct types *t, uint32_t id, struct buf *out);
/* whether it is a struct, union, enum or typedef: something to declare */
int types_is_declared(const struct types *t, uint32_t id);
/*
 * The full declaration with members, offsets and sizes in comments, lines
 * ended by newlines; a typedef's is followed by that of what it names.
 */
void types_declare(const struct types *t, uint32_t id, struct buf *out);

#endif
