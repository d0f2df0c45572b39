/* SPDX-License-Identifier: Apache-2.0 */
/* Flattens a C type into operations. */
#include "plan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/buf.h"
#include "base/mem.h"

/* unions can list the same bytes many times over: bounds for damaged types */
enum {
	PLAN_OPS_MAX = 1 << 16,
	PLAN_MEMBERS_MAX = 1 << 18,	/* also those that become no operation */
};

struct builder {
	const struct types *types;
	struct btf *btf;
	struct plan_op *ops;
	size_t n, members;
	bool full;
};

static const struct btf_type *bare(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = id ? btf__type_by_id(btf, id) : NULL;

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = t->type ? btf__type_by_id(btf, t->type) : NULL;
	return t;
}

static const char *name_at(const struct btf *btf, uint32_t off)
{
	const char *name = btf__name_by_offset(btf, off);

	return name && *name ? name : NULL;
}

/* ---- what a scalar type is ---- */

static bool is_named(const struct btf *btf, const struct btf_type *t, const char *name)
{
	const char *has = name_at(btf, t->name_off);

	return has && strcmp(has, name) == 0;
}

/* char, but neither signed char nor unsigned char: those are small numbers */
static bool is_char(const struct btf *btf, const struct btf_type *t)
{
	return t && btf_is_int(t) && t->size == 1 && is_named(btf, t, "char");
}

static bool is_bool(const struct btf *btf, const struct btf_type *t)
{
	return (btf_int_encoding(t) & BTF_INT_BOOL) || is_named(btf, t, "_Bool") ||
		is_named(btf, t, "bool");
}

/* compilers before LLVM 15 leave kind_flag 0: a value below 0 tells, too */
static bool is_signed_enum(const struct btf_type *t)
{
	uint32_t i;

	if (btf_kflag(t))
		return true;
	for (i = 0; btf_is_enum(t) && i < btf_vlen(t); i++) {
		if (btf_enum(t)[i].val < 0)
			return true;
	}
	return false;
}

static void set_bytes(struct plan_op *op, uint32_t count)
{
	op->code = PLAN_BYTES;
	op->size = 1;
	op->count = count;
	op->is_signed = 0;
}

static void set_int(const struct btf *btf, const struct btf_type *t, struct plan_op *op)
{
	if (t->size > 8) {
		set_bytes(op, t->size);
		return;
	}
	op->size = t->size;
	op->is_signed = !!(btf_int_encoding(t) & BTF_INT_SIGNED);
	op->code = op->is_signed ? PLAN_INT : PLAN_UINT;
	if (is_bool(btf, t)) {
		op->code = PLAN_BOOL;
		op->is_signed = 0;
	}
}

static void set_float(const struct btf_type *t, struct plan_op *op)
{
	if (t->size != 4 && t->size != 8) {
		set_bytes(op, t->size);
		return;
	}
	op->code = PLAN_FLOAT;
	op->size = t->size;
}

/* fills code, size, is_signed and count; false if t is no scalar */
static bool set_scalar(const struct btf *btf, const struct btf_type *t, struct plan_op *op)
{
	op->count = 1;
	if (btf_is_int(t)) {
		set_int(btf, t, op);
	} else if (btf_is_float(t)) {
		set_float(t, op);
	} else if (btf_is_ptr(t)) {
		op->code = PLAN_POINTER;
		op->size = 8;
	} else if (btf_is_any_enum(t)) {
		op->code = PLAN_ENUM;
		op->size = t->size;
		op->is_signed = is_signed_enum(t);
	} else {
		return false;
	}
	return true;
}

/* ---- building ---- */

static void add_value(struct builder *b, uint32_t id, uint32_t offset, const char *name);

/* the new operation; valid until the next add */
static struct plan_op *add_op(struct builder *b, enum plan_code code, uint32_t id,
	uint32_t offset, const char *name)
{
	struct plan_op *op;

	if (b->n >= PLAN_OPS_MAX) {
		b->full = true;
		b->n--;			/* overwrite the last: the plan is refused anyway */
	}
	op = MEM_GROW(b->ops, b->n);
	op->code = code;
	op->type = id;
	op->offset = offset;
	op->count = 1;
	op->name = name;
	return op;
}

static void add_close(struct builder *b, size_t open)
{
	struct plan_op *op = add_op(b, PLAN_CLOSE, b->ops[open].type, 0, NULL);

	op->next = open;
	b->ops[open].next = b->n;
}

static void add_array(struct builder *b, uint32_t id, const struct btf_type *t, uint32_t offset,
	const char *name)
{
	uint32_t elem = btf_array(t)->type, count = btf_array(t)->nelems;
	uint32_t stride = types_size(b->types, elem);
	const struct btf_type *inner = bare(b->btf, elem);
	struct plan_op *op;
	size_t open;

	if (!stride || !count)
		return;
	op = add_op(b, PLAN_STRING, id, offset, name);
	op->size = 1;
	op->count = count;
	if (is_char(b->btf, inner))
		return;
	if (set_scalar(b->btf, inner, op) && op->code != PLAN_BYTES) {
		op->count = count;
		op->is_array = 1;
		op->type = elem;
		return;
	}
	op->code = PLAN_OPEN_ARRAY;
	op->size = 0;
	op->count = count;
	op->is_array = 1;
	op->stride = stride;
	open = b->n - 1;
	add_value(b, elem, 0, NULL);
	add_close(b, open);
}

static void add_bits(struct builder *b, const struct btf_type *t, uint32_t i, uint32_t offset,
	const char *name)
{
	const struct btf_member *m = &btf_members(t)[i];
	uint32_t at = btf_member_bit_offset(t, i);
	struct plan_op *op = add_op(b, PLAN_UBITS, m->type, offset + at / 8, name);

	set_scalar(b->btf, bare(b->btf, m->type), op);
	op->code = op->is_signed ? PLAN_BITS : PLAN_UBITS;
	op->bits_at = at % 8;
	op->bits_len = btf_member_bitfield_size(t, i);
}

static void add_members(struct builder *b, const struct btf_type *t, uint32_t offset)
{
	uint32_t i;

	for (i = 0; i < btf_vlen(t) && !b->full; i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const struct btf_type *inner = bare(b->btf, m->type);
		const char *name = name_at(b->btf, m->name_off);
		uint32_t at = offset + btf_member_bit_offset(t, i) / 8;

		if (++b->members > PLAN_MEMBERS_MAX)
			b->full = true;
		if (btf_member_bitfield_size(t, i)) {
			if (name)
				add_bits(b, t, i, offset, name);
		} else if (name) {
			add_value(b, m->type, at, name);
		} else if (inner && btf_is_composite(inner)) {
			add_members(b, inner, at);
		}
	}
}

static void add_value(struct builder *b, uint32_t id, uint32_t offset, const char *name)
{
	const struct btf_type *t = bare(b->btf, id);
	size_t open = b->n;

	if (!t || b->full)
		return;
	if (btf_is_array(t)) {
		add_array(b, id, t, offset, name);
	} else if (btf_is_composite(t)) {
		if (!t->size && name)
			return;		/* nothing there to decode */
		add_op(b, PLAN_OPEN_STRUCT, id, offset, name);
		add_members(b, t, offset);
		if (!b->full)
			add_close(b, open);
	} else if (types_size(b->types, id)) {
		set_scalar(b->btf, t, add_op(b, PLAN_BYTES, id, offset, name));
	}
}

static struct plan *finish(struct builder *b, uint32_t size)
{
	struct plan *plan = mem_alloc(sizeof(*plan) + b->n * sizeof(b->ops[0]));

	plan->size = size;
	plan->n_ops = b->n;
	if (b->n)
		memcpy(plan->ops, b->ops, b->n * sizeof(b->ops[0]));
	return plan;
}

static struct plan *untyped_plan(uint32_t size)
{
	struct plan *plan = mem_alloc(sizeof(*plan) + sizeof(plan->ops[0]));

	plan->size = size;
	plan->n_ops = 1;
	set_bytes(&plan->ops[0], size);
	if (size == 1 || size == 2 || size == 4 || size == 8) {
		plan->ops[0].code = PLAN_UINT;
		plan->ops[0].size = size;
		plan->ops[0].count = 1;
	}
	return plan;
}

static int check_built(const struct builder *b, const char *name, uint32_t size,
	uint32_t size_hint, struct error *err)
{
	if (!b->n)
		return error_set(err, "E-OBJECT", "'%s' is no type of a value", name);
	if (b->full)
		return error_set(err, "E-OBJECT", "'%s' has too many fields", name);
	if (size_hint && size != size_hint)
		return error_set(err, "E-OBJECT", "'%s' has %u bytes where %u are needed", name,
			size, size_hint);
	return 0;
}

struct plan *plan_new(const struct types *t, uint32_t id, uint32_t size_hint, struct error *err)
{
	struct builder b = { .types = t };
	struct buf name = BUF_INIT;
	struct plan *plan = NULL;
	uint32_t size;

	if (id == 0)
		return untyped_plan(size_hint);
	if (!t || id >= types_count(t)) {
		error_set(err, "E-OBJECT", "type %u does not exist", id);
		return NULL;
	}
	b.btf = types_btf(t);
	size = types_size(t, id);
	add_value(&b, id, 0, NULL);
	types_name(t, id, &name);
	if (check_built(&b, name.data, size, size_hint, err) == 0)
		plan = finish(&b, size);
	buf_release(&name);
	free(b.ops);
	return plan;
}

void plan_free(struct plan *plan)
{
	free(plan);
}

/* ---- names of enums ---- */

static const char *enum_name(const struct btf *btf, const struct btf_type *t, uint64_t v)
{
	uint32_t i;

	for (i = 0; i < btf_vlen(t); i++) {
		if (btf_enum(t)[i].val == (int32_t)v)
			return name_at(btf, btf_enum(t)[i].name_off);
	}
	return NULL;
}

static const char *enum64_name(const struct btf *btf, const struct btf_type *t, uint64_t v)
{
	uint32_t i;

	for (i = 0; i < btf_vlen(t); i++) {
		if (btf_enum64_value(&btf_enum64(t)[i]) == v)
			return name_at(btf, btf_enum64(t)[i].name_off);
	}
	return NULL;
}

const char *plan_enum_name(const struct types *t, const struct plan_op *op, uint64_t v)
{
	const struct btf *btf;
	const struct btf_type *type;

	if (!t || !op->type)
		return NULL;
	btf = types_btf(t);
	type = bare(btf, op->type);
	if (type && btf_is_enum(type))
		return enum_name(btf, type, v);
	if (type && btf_is_enum64(type))
		return enum64_name(btf, type, v);
	return NULL;
}
