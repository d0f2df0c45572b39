/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a few types and what they need out of a compiler's BTF.
 *
 * What is held by value is copied whole; behind a pointer only the name is
 * kept, so that one kernel pointer does not drag half the kernel along.
 */
#include "types.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <bpf/btf.h>

#include "base/mem.h"
#include "types_check.h"

/*
 * A type is wanted whole or by name. Both copies are remembered, as
 * new id + 1, so that 0 is "not copied yet".
 */
enum copy_mode {
	COPY_WHOLE,
	COPY_NAME,
};

struct extract {
	struct btf *from, *to;
	uint32_t n;			/* ids of from */
	uint32_t *done[2];		/* by mode and old id */
	struct error *err;
};

#define BAD(x, ...) error_set((x)->err, "E-OBJECT", "types: " __VA_ARGS__)

static int copy(struct extract *x, uint32_t id, enum copy_mode mode, unsigned depth);

static const char *name_of(const struct extract *x, const struct btf_type *t)
{
	return btf__name_by_offset(x->from, t->name_off);
}

/* copies a record with its own names; the caller puts right what it refers to */
static struct btf_type *copy_record(struct extract *x, const struct btf_type *t, int *ret_id)
{
	*ret_id = btf__add_type(x->to, x->from, t);
	if (*ret_id < 0) {
		error_sys(x->err, "E-OBJECT", -*ret_id, "types: copy");
		return NULL;
	}
	return (struct btf_type *)btf__type_by_id(x->to, *ret_id);
}

/* a record whose `type` is its one reference */
static int copy_reference(struct extract *x, const struct btf_type *t, enum copy_mode mode,
	unsigned depth)
{
	int target = copy(x, t->type, mode, depth + 1), id;
	struct btf_type *made;

	if (target < 0)
		return -1;
	made = copy_record(x, t, &id);
	if (!made)
		return -1;
	made->type = target;
	return id;
}

static int copy_array(struct extract *x, const struct btf_type *t, unsigned depth)
{
	int elem = copy(x, btf_array(t)->type, COPY_WHOLE, depth + 1);
	int index = elem < 0 ? -1 : copy(x, btf_array(t)->index_type, COPY_WHOLE, depth + 1);
	struct btf_type *made;
	int id;

	if (index < 0)
		return -1;
	made = copy_record(x, t, &id);
	if (!made)
		return -1;
	btf_array(made)->type = elem;
	btf_array(made)->index_type = index;
	return id;
}

static int copy_members(struct extract *x, const struct btf_type *t, unsigned depth, int *types)
{
	struct btf_type *made;
	uint32_t i;
	int id;

	for (i = 0; i < btf_vlen(t); i++) {
		types[i] = copy(x, btf_members(t)[i].type, COPY_WHOLE, depth + 1);
		if (types[i] < 0)
			return -1;
	}
	made = copy_record(x, t, &id);
	if (!made)
		return -1;
	for (i = 0; i < btf_vlen(t); i++)
		btf_members(made)[i].type = types[i];
	return id;
}

static int copy_struct(struct extract *x, const struct btf_type *t, unsigned depth)
{
	int *types = mem_array(btf_vlen(t), sizeof(*types));
	int id = copy_members(x, t, depth, types);

	free(types);
	return id;
}

static int copy_leaf(struct extract *x, const struct btf_type *t)
{
	int id;

	return copy_record(x, t, &id) ? id : -1;
}

static int copy_whole(struct extract *x, const struct btf_type *t, unsigned depth)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FWD:
		return copy_leaf(x, t);
	case BTF_KIND_PTR:
		return copy_reference(x, t, COPY_NAME, depth);
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
		return copy_reference(x, t, COPY_WHOLE, depth);
	case BTF_KIND_TYPE_TAG:
		return copy(x, t->type, COPY_WHOLE, depth + 1);
	case BTF_KIND_ARRAY:
		return copy_array(x, t, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_struct(x, t, depth);
	default:
		return BAD(x, "a record of kind %u is no type of a value", btf_kind(t));
	}
}

static int copy_forward(struct extract *x, const struct btf_type *t)
{
	const char *name = name_of(x, t);

	if (!*name)
		return 0;
	return btf__add_fwd(x->to, name, btf_is_union(t) ? BTF_FWD_UNION : BTF_FWD_STRUCT);
}

static int copy_name(struct extract *x, const struct btf_type *t, unsigned depth)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_FWD:
		return copy_leaf(x, t);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_forward(x, t);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		/* an enum without values is a forward declaration of it */
		return *name_of(x, t) ? btf__add_enum(x->to, name_of(x, t), 4) : 0;
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
		return copy_reference(x, t, COPY_NAME, depth);
	case BTF_KIND_TYPE_TAG:
		return copy(x, t->type, COPY_NAME, depth + 1);
	default:
		return 0;		/* functions, arrays: void will do */
	}
}

/* of these both copies are the same */
static bool is_same_by_name(const struct btf_type *t)
{
	return btf_is_int(t) || btf_is_float(t) || btf_is_fwd(t) || btf_is_ptr(t);
}

/* the new id, 0 for void, -1 on failure */
static int copy(struct extract *x, uint32_t id, enum copy_mode mode, unsigned depth)
{
	const struct btf_type *t;
	int made;

	if (id == 0)
		return 0;
	if (depth > TYPES_NESTING_MAX)
		return BAD(x, "nested deeper than %d", TYPES_NESTING_MAX);
	t = btf__type_by_id(x->from, id);
	if (is_same_by_name(t))
		mode = COPY_WHOLE;
	if (x->done[mode][id])
		return x->done[mode][id] - 1;
	made = mode == COPY_WHOLE ? copy_whole(x, t, depth) : copy_name(x, t, depth);
	if (made < 0) {
		if (!x->err->tag)
			error_sys(x->err, "E-OBJECT", -made, "types: copy");
		return -1;
	}
	x->done[mode][id] = made + 1;
	return made;
}

static int copy_all(struct extract *x, uint32_t *ids, size_t n)
{
	size_t i;
	int made;

	for (i = 0; i < n; i++) {
		if (ids[i] >= x->n)
			return BAD(x, "type %u is out of range (%u)", ids[i], x->n);
		made = copy(x, ids[i], COPY_WHOLE, 1);
		if (made < 0)
			return -1;
		ids[i] = made;
	}
	return 0;
}

static struct types *finish(struct extract *x, struct error *err)
{
	const void *raw;
	uint32_t size;

	raw = btf__raw_data(x->to, &size);
	if (!raw) {
		error_sys(err, "E-OBJECT", ENOMEM, "types: copy");
		return NULL;
	}
	return types_read(raw, size, err);
}

struct types *types_extract(const void *data, size_t size, uint32_t *ids, size_t n,
	struct error *err)
{
	struct extract x = { .err = err };
	uint32_t *fresh = mem_array(n, sizeof(*fresh));
	struct types *from, *t = NULL;
	size_t i;

	error_clear(err);
	from = types_read_form(data, size, err);
	if (!from)
		goto out;
	x.from = types_btf(from);
	x.n = btf__type_cnt(x.from);
	x.to = btf__new_empty();
	x.done[COPY_WHOLE] = mem_array(x.n, sizeof(uint32_t));
	x.done[COPY_NAME] = mem_array(x.n, sizeof(uint32_t));
	for (i = 0; i < n; i++)
		fresh[i] = ids[i];
	if (copy_all(&x, fresh, n) == 0)
		t = finish(&x, err);
	for (i = 0; t && i < n; i++)
		ids[i] = fresh[i];
	btf__free(x.to);
	free(x.done[COPY_WHOLE]);
	free(x.done[COPY_NAME]);
out:
	types_free(from);
	free(fresh);
	return t;
}
