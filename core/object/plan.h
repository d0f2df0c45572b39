/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decode plans: a C type flattened once into a list of operations, so that
 * reading an event or a map entry is one loop without a type look-up.
 *
 * A struct {u32 pid; struct {u8 a[4]; } in[2]; char comm[16]; } becomes
 *   OPEN_STRUCT, UINT pid, OPEN_ARRAY in count 2 stride 4, OPEN_STRUCT,
 *   UINT a count 4, CLOSE, CLOSE, STRING comm, CLOSE.
 * A scalar type becomes a single operation.  Anonymous members are merged
 * into their parent.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "object/types.h"

enum plan_code {
	PLAN_UINT,		/* unsigned, size 1, 2, 4, 8 (16: as bytes) */
	PLAN_INT,
	PLAN_BOOL,
	PLAN_FLOAT,		/* size 4 or 8 */
	PLAN_POINTER,		/* an address, u64 */
	PLAN_ENUM,		/* as INT/UINT by `is_signed`, with names */
	PLAN_UBITS,		/* bit field: bits_at, bits_len from `offset` */
	PLAN_BITS,		/* signed bit field */
	PLAN_STRING,		/* char[count]: up to the first NUL */
	PLAN_BYTES,		/* what has no better meaning: count bytes */
	PLAN_OPEN_STRUCT,	/* struct or union: `next` is behind its CLOSE */
	PLAN_OPEN_ARRAY,	/* array of structs or of arrays: count, stride */
	PLAN_CLOSE,		/* `next` is the index of its OPEN */
};

struct plan_op {
	uint8_t code;		/* enum plan_code */
	uint8_t size;		/* bytes of one scalar */
	uint8_t is_signed;
	uint8_t bits_at, bits_len;
	uint32_t offset;	/* bytes from the start of the innermost array element */
	uint32_t count;		/* 1, or elements of an array of scalars; bytes of STRING */
	uint32_t is_array;	/* count is an array's (even of one element); 0 for STRING */
	uint32_t stride;	/* of OPEN_ARRAY */
	uint32_t next;
	uint32_t type;		/* the C type's id; of one element where scalars repeat */
	const char *name;	/* member name, or NULL (top, array element); lent by types */
};

struct plan {
	uint32_t size;		/* bytes of one value */
	size_t n_ops;
	struct plan_op ops[];
};

/*
 * size_hint: bytes of the map's key or value; a type of another size is an
 * error; 0: whatever the type has. id 0 gives a plan of one BYTES op, or
 * UINT for 1, 2, 4, 8 bytes; t may be NULL then. Members of no bytes are
 * left out. The plan borrows names from t. E-OBJECT
 */
struct plan *plan_new(const struct types *t, uint32_t id, uint32_t size_hint, struct error *err);
void plan_free(struct plan *plan);

/*
 * The operation behind a path like "comm", "addr.v4", "in[1].a[0]" ("" is
 * the whole value), its offset counted from the start of the value. An
 * element of an array of scalars gives a copy of its op with count 1,
 * is_array 0 and the element's offset. E-FIELD, with near names as the hint.
 */
int plan_find(const struct plan *plan, const char *path, struct plan_op *ret_op,
	struct error *err);

/*
 * One scalar (element i of an array op, byte i of STRING or BYTES) as bits,
 * sign-extended for signed; a float's own bits. value is what op->offset
 * counts from: the innermost array element, or the whole value for an op
 * from plan_find.
 */
uint64_t plan_scalar(const struct plan_op *op, const void *value, uint32_t i);
/*
 * The reverse; false if v does not fit the C type (nothing is written).
 * negative: v is an int64_t below 0. An enum takes any value of its size.
 */
int plan_store(const struct plan_op *op, void *value, uint32_t i, uint64_t v, int negative);
/* name of an enum's value, or NULL */
const char *plan_enum_name(const struct types *t, const struct plan_op *op, uint64_t v);

#endif
