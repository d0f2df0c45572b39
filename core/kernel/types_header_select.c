/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which types a text needs.  What is needed by value is followed by
 * recursion, to a depth that is bounded and that printing shares; a struct
 * behind a pointer that the text follows goes to a queue.
 */
#include "kernel/types_header_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { HEIGHT_MAX = 100, IN_PROGRESS = 255 };
enum { VALUE, BEHIND };

static int visit(struct selection *s, uint32_t id, int how, unsigned depth);

static struct table *space_of(const struct selection *s, const struct btf_type *t)
{
	if (btf_kind(t) == BTF_KIND_TYPEDEF)
		return s->typedefs;
	return btf_is_composite(t) ? s->tags : s->enums;
}

/* the first of that name; 0: none */
static uint32_t first_of(struct table *space, const char *name)
{
	return (uintptr_t)table_get(space, name);
}

bool select_is_first(const struct selection *s, uint32_t id, const struct btf_type *t)
{
	return first_of(space_of(s, t), type_name(s->ts, id, t)) == id;
}

const char *select_enum_name(const struct selection *s, uint32_t id, const struct btf_type *t)
{
	const char *name = type_name(s->ts, id, t);

	return first_of(s->tags, name) || !select_is_first(s, id, t) ? "" : name;
}

/* keeps the first of those with the same name */
static void note_first(struct table *space, const char *name, uint32_t id)
{
	if (!table_get(space, name))
		table_set(space, name, (void *)(uintptr_t)id);
}

/* the same struct twice, as BTF has it if its maker could not see that */
static bool is_same_struct(const struct selection *s, uint32_t id, const struct btf_type *t,
	uint32_t other)
{
	const struct btf_type *o = type_at(s->ts, other, s->err);
	uint32_t i;

	if (btf_kind(t) != btf_kind(o) || t->size != o->size || t->info != o->info)
		return false;
	for (i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *a = &btf_members(t)[i], *b = &btf_members(o)[i];

		if (a->offset != b->offset || strcmp(type_string(s->ts, id, a->name_off),
			type_string(s->ts, other, b->name_off)) != 0)
			return false;
	}
	return true;
}

static uint32_t canonical(const struct selection *s, uint32_t id, const struct btf_type *t)
{
	uint32_t first = btf_is_composite(t) && t->name_off ?
		first_of(s->tags, type_name(s->ts, id, t)) : 0;

	return first && first != id && is_same_struct(s, id, t, first) ? first : id;
}

/* ---- what is not printed as it is ---- */

static bool has_prefix(const char *name)
{
	static const char *const prefixes[] = {
		"BPF_", "__BPF_", "BTF_", "MAX_BPF_", "TCP_BPF_", "__MAX_BPF_", "XDP_ABORTED",
		"SK_PASS", "SK_DROP",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (str_starts(name, prefixes[i]))
			return true;
	}
	return false;
}

/* name of enumerator i of type id */
static const char *enumerator(const struct selection *s, uint32_t id, const struct btf_type *t,
	uint32_t i)
{
	const struct { uint32_t name_off, low, high; } *wide = (const void *)(t + 1);

	return type_string(s->ts, id, btf_kind(t) == BTF_KIND_ENUM ? btf_enum(t)[i].name_off :
		wide[i].name_off);
}

bool select_is_foreign(const struct selection *s, uint32_t id, const struct btf_type *t)
{
	uint32_t i;

	if (names_of(s->names, type_name(s->ts, id, t)) & NAME_OWN_TAG)
		return true;
	for (i = 0; i < btf_vlen(t); i++) {
		const char *name = enumerator(s, id, t, i);

		if (has_prefix(name) || names_of(s->names, name) & NAME_OWN)
			return true;
	}
	return false;
}

static bool is_taken_typedef(const struct selection *s, uint32_t id, const struct btf_type *t)
{
	return names_of(s->names, type_name(s->ts, id, t)) & NAME_OWN ||
		!select_is_first(s, id, t);
}

int select_resolve(const struct selection *s, uint32_t id, uint32_t *ret)
{
	const struct btf_type *t;
	unsigned n;

	for (n = 0; id; n++, id = type_ref(s->ts, id, t->type)) {
		t = type_at(s->ts, id, s->err);
		if (!t)
			return -1;
		if (n == TYPES_CHAIN_MAX)
			return types_bad(s->ts, s->err, "type %u refers to itself", id);
		if (btf_kind(t) == KIND_TYPE_TAG)
			continue;
		if (btf_kind(t) != BTF_KIND_TYPEDEF || !is_taken_typedef(s, id, t))
			return *ret = canonical(s, id, t), 0;
	}
	*ret = 0;
	return 0;
}

/* ---- what the text follows ---- */

/* the named struct that a pointer (of any kind) points to in the end; 0: none */
static uint32_t pointee(struct selection *s, uint32_t id)
{
	bool pointer = false;
	unsigned n;

	for (n = 0; id && n < TYPES_CHAIN_MAX; n++) {
		const struct btf_type *t = type_at(s->ts, id, s->err);

		switch (t ? btf_kind(t) : BTF_KIND_UNKN) {
		case BTF_KIND_STRUCT:
		case BTF_KIND_UNION:
			return pointer && t->name_off ? canonical(s, id, t) : 0;
		case BTF_KIND_FWD:
			/* declared only: the first struct of that name is meant */
			return pointer ? first_of(s->tags, type_name(s->ts, id, t)) : 0;
		case BTF_KIND_ARRAY:
			id = type_ref(s->ts, id, btf_array(t)->type);
			continue;
		case BTF_KIND_PTR:
			pointer = true;
			break;
		case BTF_KIND_TYPEDEF:
		case BTF_KIND_CONST:
		case BTF_KIND_VOLATILE:
		case BTF_KIND_RESTRICT:
		case KIND_TYPE_TAG:
			break;
		default:
			return 0;
		}
		id = type_ref(s->ts, id, t->type);
	}
	return 0;
}

static void enqueue(struct selection *s, uint32_t id)
{
	if (!(s->seen[id] & SEEN_VALUE))
		*MEM_GROW(s->queue, s->n_queue) = id;
}

static void follow(struct selection *s, uint32_t id, const struct btf_member *m)
{
	const char *name = type_string(s->ts, id, m->name_off);
	uint32_t to = names_of(s->names, name) & NAME_USED ?
		pointee(s, type_ref(s->ts, id, m->type)) : 0;
	const struct btf_type *t = to ? type_at(s->ts, to, s->err) : NULL;

	if (!t || names_of(s->names, type_name(s->ts, to, t)) & NAME_OWN_TAG)
		return;
	enqueue(s, to);
}

/* ---- what goes with a type ---- */

static int taller(int height, int other)
{
	return height > other ? height : other;
}

static int visit_members(struct selection *s, uint32_t id, const struct btf_type *t,
	unsigned depth)
{
	int height = 0, h;
	uint32_t i;

	for (i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];

		follow(s, id, m);
		h = visit(s, type_ref(s->ts, id, m->type), VALUE, depth + 1);
		if (h < 0)
			return -1;
		height = taller(height, h);
	}
	return height;
}

static int visit_array(struct selection *s, uint32_t id, const struct btf_type *t,
	unsigned depth)
{
	return visit(s, type_ref(s->ts, id, btf_array(t)->type), VALUE, depth + 1);
}

static int visit_parts(struct selection *s, uint32_t id, const struct btf_type *t, int how,
	unsigned depth)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case KIND_FLOAT:
	case KIND_ENUM64:
	case BTF_KIND_FWD:
	case BTF_KIND_FUNC_PROTO:
		return 0;
	case BTF_KIND_PTR:
		return visit(s, type_ref(s->ts, id, t->type), BEHIND, depth + 1);
	case BTF_KIND_ARRAY:
		return visit_array(s, id, t, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		/* an array of them behind a pointer is VALUE already */
		return how == BEHIND && t->name_off ? 0 : visit_members(s, id, t, depth);
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
		return visit(s, type_ref(s->ts, id, t->type), how, depth + 1);
	default:
		return types_bad(s->ts, s->err, "type %u of kind %u is no type of data", id,
			btf_kind(t));
	}
}

/* returns the height of what was visited, from 0; -1 on failure */
static int visit(struct selection *s, uint32_t id, int how, unsigned depth)
{
	const struct btf_type *t;
	int height;

	if (select_resolve(s, id, &id))
		return -1;
	if (!id)
		return 0;
	if (s->height[how][id] == IN_PROGRESS)
		return types_bad(s->ts, s->err, "type %u contains itself", id);
	if (s->height[how][id]) {
		height = s->height[how][id];
	} else {
		t = type_at(s->ts, id, s->err);
		s->height[how][id] = IN_PROGRESS;
		s->seen[id] |= how == VALUE || !btf_is_composite(t) || !t->name_off ?
			SEEN_VALUE : SEEN_BEHIND;
		height = depth > HEIGHT_MAX ? HEIGHT_MAX : visit_parts(s, id, t, how, depth);
		if (height < 0)
			return -1;
		s->height[how][id] = ++height;
	}
	if (depth + height > HEIGHT_MAX)
		return types_bad(s->ts, s->err, "type %u nests too deep", id);
	return height;
}

/* ---- where it begins ---- */

static bool names_enumerator(const struct selection *s, uint32_t id, const struct btf_type *t)
{
	uint32_t i;

	for (i = 0; i < btf_vlen(t); i++) {
		unsigned bits = names_of(s->names, enumerator(s, id, t, i));

		if (bits & NAME_ORDINARY && !(bits & NAME_OWN))
			return true;
	}
	return false;
}

static bool is_root(const struct selection *s, uint32_t id, const struct btf_type *t)
{
	const char *name = type_name(s->ts, id, t);
	unsigned bits = names_of(s->names, name);
	int kind = btf_kind(t);
	bool tag = bits & NAME_TAG && !(bits & NAME_OWN_TAG);

	switch (kind) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return tag && select_is_first(s, id, t);
	case BTF_KIND_TYPEDEF:
		return bits & NAME_ORDINARY && !(bits & NAME_OWN) &&
			select_is_first(s, id, t);
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
		return (tag || names_enumerator(s, id, t)) && !select_is_foreign(s, id, t);
	default:
		return false;
	}
}

/* what each name means: one walk over all types */
static void find_names(struct selection *s)
{
	const struct btf_type *t;
	uint32_t id;

	for (id = 1; id < s->ts->n; id++) {
		t = type_at(s->ts, id, s->err);
		if (t->name_off && (btf_is_composite(t) || btf_kind(t) == BTF_KIND_TYPEDEF ||
			btf_kind(t) == BTF_KIND_ENUM || btf_kind(t) == KIND_ENUM64))
			note_first(space_of(s, t), type_name(s->ts, id, t), id);
		if (btf_kind(t) == KIND_ENUM64 || (btf_kind(t) == BTF_KIND_ENUM && btf_kflag(t)))
			s->signed_enums = true;
	}
}

int select_types(struct selection *s)
{
	uint32_t id, *roots = NULL;
	size_t n_roots = 0, i;
	int ret = 0;

	s->seen = mem_array(s->ts->n, 1);
	s->height[VALUE] = mem_array(s->ts->n, 1);
	s->height[BEHIND] = mem_array(s->ts->n, 1);
	s->tags = table_new();
	s->typedefs = table_new();
	s->enums = table_new();
	find_names(s);
	for (id = 1; id < s->ts->n; id++) {
		if (is_root(s, id, type_at(s->ts, id, s->err)))
			*MEM_GROW(roots, n_roots) = id;
	}
	for (i = 0; i < n_roots && !ret; i++)
		ret = visit(s, roots[i], VALUE, 1) < 0;
	for (i = 0; i < s->n_queue && !ret; i++)
		ret = visit(s, s->queue[i], VALUE, 1) < 0;
	free(roots);
	return ret || s->err->tag ? -1 : 0;
}

void selection_release(struct selection *s)
{
	free(s->seen);
	free(s->height[VALUE]);
	free(s->height[BEHIND]);
	free(s->queue);
	table_free(s->tags, NULL);
	table_free(s->typedefs, NULL);
	table_free(s->enums, NULL);
}
