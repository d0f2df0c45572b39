/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this BTF sound?  libbpf's own reader checks that records lie within
 * the section, but follows references and string offsets without a look.
 */
#include "types_check.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/mem.h"

enum {
	MAX_TYPES = 1 << 20,
	MAX_BYTES = 0x7fffffff,		/* of one value */
	POINTER_SIZE = 8,
};

#define INCOMPLETE UINT32_MAX		/* size of what cannot be held by value */

enum name_rule {
	NAME_ANY,		/* checked for its place only */
	NAME_NONE,
	NAME_MAY,
	NAME_MUST,
	NAME_WORDS,		/* "long unsigned int" */
};

struct kind_rule {
	const char *what;
	uint8_t fixed;		/* bytes behind struct btf_type */
	uint8_t item;		/* bytes of each of vlen items */
	uint8_t type_at;	/* 1 + index of the item's word that is a type id */
	uint8_t name_at;	/* 1 + index of the item's word that is a name */
	bool refers;		/* `type` is a type id */
	uint8_t name;		/* enum name_rule */
};

static const struct kind_rule kind_rules[] = {
	[BTF_KIND_INT] = { "int", 4, 0, 0, 0, false, NAME_WORDS },
	[BTF_KIND_PTR] = { "pointer", 0, 0, 0, 0, true, NAME_NONE },
	[BTF_KIND_ARRAY] = { "array", 12, 0, 0, 0, false, NAME_NONE },
	[BTF_KIND_STRUCT] = { "struct", 0, 12, 2, 1, false, NAME_MAY },
	[BTF_KIND_UNION] = { "union", 0, 12, 2, 1, false, NAME_MAY },
	[BTF_KIND_ENUM] = { "enum", 0, 8, 0, 1, false, NAME_MAY },
	[BTF_KIND_FWD] = { "forward declaration", 0, 0, 0, 0, false, NAME_MUST },
	[BTF_KIND_TYPEDEF] = { "typedef", 0, 0, 0, 0, true, NAME_MUST },
	[BTF_KIND_VOLATILE] = { "volatile", 0, 0, 0, 0, true, NAME_NONE },
	[BTF_KIND_CONST] = { "const", 0, 0, 0, 0, true, NAME_NONE },
	[BTF_KIND_RESTRICT] = { "restrict", 0, 0, 0, 0, true, NAME_NONE },
	[BTF_KIND_FUNC] = { "function", 0, 0, 0, 0, true, NAME_ANY },
	[BTF_KIND_FUNC_PROTO] = { "function type", 0, 8, 2, 1, true, NAME_ANY },
	[BTF_KIND_VAR] = { "variable", 4, 0, 0, 0, true, NAME_ANY },
	[BTF_KIND_DATASEC] = { "data section", 0, 12, 1, 0, false, NAME_ANY },
	[BTF_KIND_FLOAT] = { "float", 0, 0, 0, 0, false, NAME_WORDS },
	[BTF_KIND_DECL_TAG] = { "declaration tag", 4, 0, 0, 0, true, NAME_ANY },
	[BTF_KIND_TYPE_TAG] = { "type tag", 0, 0, 0, 0, true, NAME_ANY },
	[BTF_KIND_ENUM64] = { "enum", 0, 12, 0, 1, false, NAME_MAY },
};

struct check {
	const struct btf_type **at;	/* [1] .. [n - 1] */
	uint32_t n;
	const char *strings;
	uint32_t strings_len;
	/* the second part's results by id */
	uint32_t *size;			/* bytes, or INCOMPLETE */
	uint8_t *height;		/* 0: not measured yet */
	bool *open;			/* is being measured */
	struct error *err;
};

#define BAD(c, ...) error_set((c)->err, "E-OBJECT", "types: " __VA_ARGS__)

static const struct kind_rule *rule_of(const struct btf_type *t)
{
	uint32_t kind = btf_kind(t);

	if (kind == BTF_KIND_UNKN || kind >= ARRAY_SIZE(kind_rules))
		return NULL;
	return &kind_rules[kind];
}

/* FUNC keeps its linkage where others count their items */
static uint32_t items_of(const struct btf_type *t)
{
	return btf_kind(t) == BTF_KIND_FUNC ? 0 : btf_vlen(t);
}

static const char *string_at(const struct check *c, uint32_t off)
{
	return off < c->strings_len ? c->strings + off : NULL;
}

/* ---- the outer form ---- */

static int check_header(struct check *c, const void *data, size_t size)
{
	const struct btf_header *h = data;

	if (size < sizeof(*h))
		return BAD(c, "%zu bytes are no header", size);
	if (h->magic != BTF_MAGIC || h->version != 1 || h->flags != 0)
		return BAD(c, "unknown magic, version or flags");
	if (h->hdr_len != sizeof(*h))
		return BAD(c, "header of %u bytes", h->hdr_len);
	size -= sizeof(*h);
	if (h->type_off != 0 || h->type_len % 4 != 0 || h->str_off != h->type_len)
		return BAD(c, "records or strings are misplaced");
	if (h->type_len > size || h->str_len != size - h->type_len)
		return BAD(c, "records and strings do not fill the section");
	c->strings = (const char *)data + sizeof(*h) + h->str_off;
	c->strings_len = h->str_len;
	if (h->str_len == 0 || c->strings[0] || c->strings[h->str_len - 1])
		return BAD(c, "the string table is not terminated");
	return 0;
}

static int index_records(struct check *c, const void *data)
{
	const struct btf_header *h = data;
	const char *p = (const char *)data + sizeof(*h), *end = p + h->type_len;

	c->n = 1;
	c->at = mem_array(2 + h->type_len / sizeof(struct btf_type), sizeof(*c->at));
	while (p < end) {
		const struct btf_type *t = (const void *)p;
		size_t left = end - p, need = sizeof(*t);
		const struct kind_rule *rule;

		if (left < need)
			return BAD(c, "record %u is cut off", c->n);
		rule = rule_of(t);
		if (!rule)
			return BAD(c, "record %u is of unknown kind %u", c->n, btf_kind(t));
		need += rule->fixed + (size_t)rule->item * items_of(t);
		if (left < need)
			return BAD(c, "record %u is cut off", c->n);
		if (!rule->item && items_of(t))
			return BAD(c, "record %u (%s) has items", c->n, rule->what);
		if (c->n >= MAX_TYPES)
			return BAD(c, "more than %d records", MAX_TYPES);
		c->at[c->n++] = t;
		p += need;
	}
	return 0;
}

static int check_place(struct check *c, uint32_t id, const char *what, uint32_t value,
	uint32_t limit)
{
	if (value < limit)
		return 0;
	return BAD(c, "record %u: %s %u is out of range (%u)", id, what, value, limit);
}

static int check_items_form(struct check *c, uint32_t id, const struct kind_rule *rule)
{
	const struct btf_type *t = c->at[id];
	const uint32_t *word = (const uint32_t *)((const char *)(t + 1) + rule->fixed);
	uint32_t i;

	for (i = 0; i < items_of(t); i++, word += rule->item / 4) {
		if (rule->type_at && check_place(c, id, "type", word[rule->type_at - 1], c->n))
			return -1;
		if (rule->name_at &&
			check_place(c, id, "name", word[rule->name_at - 1], c->strings_len))
			return -1;
	}
	return 0;
}

static int check_record_form(struct check *c, uint32_t id)
{
	const struct btf_type *t = c->at[id];
	const struct kind_rule *rule = rule_of(t);

	if (check_place(c, id, "name", t->name_off, c->strings_len))
		return -1;
	if (rule->refers && check_place(c, id, "type", t->type, c->n))
		return -1;
	if (btf_is_array(t) && (check_place(c, id, "type", btf_array(t)->type, c->n) ||
		check_place(c, id, "index type", btf_array(t)->index_type, c->n)))
		return -1;
	return rule->item ? check_items_form(c, id, rule) : 0;
}

static int check_form(struct check *c, const void *data, size_t size)
{
	uint32_t id;

	if (check_header(c, data, size) || index_records(c, data))
		return -1;
	for (id = 1; id < c->n; id++) {
		if (check_record_form(c, id))
			return -1;
	}
	return 0;
}

/* ---- names ---- */

static bool is_word(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		(ch >= '0' && ch <= '9') || ch == '_';
}

static int check_name(struct check *c, uint32_t id, uint32_t off, enum name_rule rule)
{
	const char *name = string_at(c, off), *p;

	if (rule == NAME_ANY)
		return 0;
	if (!*name && (rule == NAME_MUST || rule == NAME_WORDS))
		return BAD(c, "record %u has no name", id);
	if (*name && rule == NAME_NONE)
		return BAD(c, "record %u has a name", id);
	for (p = name; *p; p++) {
		if (!is_word(*p) && !(rule == NAME_WORDS && *p == ' '))
			return BAD(c, "record %u has a name that is no identifier", id);
	}
	if (p - name > TYPES_NAME_MAX)
		return BAD(c, "record %u has a name of %zd characters", id, p - name);
	return 0;
}

static int check_names(struct check *c, uint32_t id)
{
	const struct btf_type *t = c->at[id];
	const struct kind_rule *rule = rule_of(t);
	const uint32_t *word = (const uint32_t *)((const char *)(t + 1) + rule->fixed);
	uint32_t i;

	if (check_name(c, id, t->name_off, rule->name))
		return -1;
	if (!rule->name_at || rule->name == NAME_ANY)
		return 0;
	for (i = 0; i < items_of(t); i++, word += rule->item / 4) {
		if (check_name(c, id, word[rule->name_at - 1],
			btf_is_composite(t) ? NAME_MAY : NAME_MUST))
			return -1;
	}
	return 0;
}

/* ---- sizes and nesting ---- */

static int measure(struct check *c, uint32_t id, unsigned depth);

/* measures what `id` holds by value; *ret_size INCOMPLETE if it is no value */
static int measure_part(struct check *c, uint32_t id, uint32_t part, unsigned depth,
	uint32_t *ret_size)
{
	if (part == 0) {
		*ret_size = INCOMPLETE;
		return 0;
	}
	if (measure(c, part, depth + 1))
		return -1;
	if (c->height[part] >= c->height[id])
		c->height[id] = c->height[part] + 1;
	if (c->height[id] > TYPES_NESTING_MAX)
		return BAD(c, "record %u is nested deeper than %d", id, TYPES_NESTING_MAX);
	*ret_size = c->size[part];
	return 0;
}

static bool is_power_upto(uint32_t size, uint32_t max)
{
	return size && size <= max && (size & (size - 1)) == 0;
}

static int measure_scalar(struct check *c, uint32_t id)
{
	const struct btf_type *t = c->at[id];
	bool good;

	if (btf_is_int(t))
		good = is_power_upto(t->size, 16) && btf_int_bits(t) == t->size * 8 &&
			btf_int_offset(t) == 0;
	else if (btf_is_float(t))
		good = is_power_upto(t->size, 16) || t->size == 12;
	else
		good = is_power_upto(t->size, 8);
	if (!good)
		return BAD(c, "record %u (%s) has a wrong size of %u bytes", id,
			rule_of(t)->what, t->size);
	c->size[id] = t->size;
	return 0;
}

static int measure_array(struct check *c, uint32_t id, unsigned depth)
{
	const struct btf_array *a = btf_array(c->at[id]);
	uint64_t bytes;
	uint32_t one;

	if (measure_part(c, id, a->type, depth, &one))
		return -1;
	if (one == INCOMPLETE)
		return BAD(c, "record %u is an array of something without a size", id);
	bytes = (uint64_t)one * a->nelems;
	if (bytes > MAX_BYTES)
		return BAD(c, "record %u is an array of %llu bytes", id, (unsigned long long)bytes);
	c->size[id] = bytes;
	return 0;
}

/* the type behind typedefs and qualifiers; only of what was measured */
static const struct btf_type *bare(const struct check *c, uint32_t id)
{
	const struct btf_type *t = c->at[id];

	while (btf_is_mod(t) || btf_is_typedef(t))
		t = c->at[t->type];
	return t;
}

static int check_member(struct check *c, uint32_t id, uint32_t i, uint32_t bytes)
{
	const struct btf_type *t = c->at[id], *base;
	uint32_t at = btf_member_bit_offset(t, i), bits = btf_member_bitfield_size(t, i);
	uint64_t end;

	if (bytes == INCOMPLETE)
		return BAD(c, "record %u: member %u has no size", id, i);
	if (bits) {
		base = bare(c, btf_members(t)[i].type);
		if (!btf_is_int(base) && !btf_is_any_enum(base))
			return BAD(c, "record %u: member %u is a bit field of no integer", id, i);
		if (bits > 64 || bits > bytes * 8)
			return BAD(c, "record %u: member %u is a bit field of %u bits", id, i,
				bits);
	} else if (at % 8) {
		return BAD(c, "record %u: member %u is not at a byte", id, i);
	}
	end = at + (bits ? bits : (uint64_t)bytes * 8);
	if (end > (uint64_t)t->size * 8)
		return BAD(c, "record %u: member %u ends behind the %u bytes of the %s", id, i,
			t->size, rule_of(t)->what);
	if (btf_is_union(t) && at)
		return BAD(c, "record %u: member %u is not at the union's start", id, i);
	return 0;
}

static int measure_struct(struct check *c, uint32_t id, unsigned depth)
{
	const struct btf_type *t = c->at[id];
	uint32_t i, bytes;

	if (t->size > MAX_BYTES)
		return BAD(c, "record %u is a %s of %u bytes", id, rule_of(t)->what, t->size);
	for (i = 0; i < btf_vlen(t); i++) {
		if (measure_part(c, id, btf_members(t)[i].type, depth, &bytes) ||
			check_member(c, id, i, bytes))
			return -1;
	}
	c->size[id] = t->size;
	return 0;
}

static int measure_kind(struct check *c, uint32_t id, unsigned depth)
{
	const struct btf_type *t = c->at[id];

	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_FLOAT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return measure_scalar(c, id);
	case BTF_KIND_PTR:
		c->size[id] = POINTER_SIZE;
		return 0;
	case BTF_KIND_ARRAY:
		return measure_array(c, id, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return measure_struct(c, id, depth);
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return measure_part(c, id, t->type, depth, &c->size[id]);
	default:
		c->size[id] = INCOMPLETE;
		return 0;
	}
}

/* each record is measured once; the recursion is no deeper than allowed */
static int measure(struct check *c, uint32_t id, unsigned depth)
{
	int rc;

	if (c->open[id])
		return BAD(c, "record %u contains itself", id);
	if (c->height[id])
		return 0;
	if (depth > TYPES_NESTING_MAX)
		return BAD(c, "record %u is nested deeper than %d", id, TYPES_NESTING_MAX);
	c->open[id] = true;
	c->height[id] = 1;
	rc = measure_kind(c, id, depth);
	c->open[id] = false;
	return rc;
}

/* "pointer to pointer to ..." ends somewhere, so that it can be spelled */
static int check_pointer(struct check *c, uint32_t id)
{
	uint32_t at = id, steps;

	for (steps = 0; at && steps <= TYPES_NESTING_MAX; steps++) {
		const struct btf_type *t = c->at[at];

		if (btf_is_array(t))
			at = btf_array(t)->type;
		else if (btf_is_ptr(t) || btf_is_mod(t) || btf_is_func_proto(t))
			at = t->type;
		else
			return 0;
	}
	return at ? BAD(c, "record %u is a pointer that does not end", id) : 0;
}

static int check_meaning(struct check *c)
{
	uint32_t id;

	c->size = mem_array(c->n, sizeof(*c->size));
	c->height = mem_array(c->n, sizeof(*c->height));
	c->open = mem_array(c->n, sizeof(*c->open));
	for (id = 1; id < c->n; id++) {
		if (check_names(c, id) || measure(c, id, 1) || check_pointer(c, id))
			return -1;
	}
	return 0;
}

static int run(const void *data, size_t size, bool meaning, struct error *err)
{
	struct check c = { .err = err };
	int rc;

	rc = check_form(&c, data, size);
	if (rc == 0 && meaning)
		rc = check_meaning(&c);
	free(c.at);
	free(c.size);
	free(c.height);
	free(c.open);
	return rc;
}

int types_check_form(const void *data, size_t size, struct error *err)
{
	return run(data, size, false, err);
}

int types_check(const void *data, size_t size, struct error *err)
{
	return run(data, size, true, err);
}
