/* SPDX-License-Identifier: Apache-2.0 */
/* C types kept as BTF: reading, and their C spelling. */
#include "types.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/mem.h"
#include "types_check.h"

enum {
	DECLARE_MAX = 1 << 20,		/* bytes of one declaration */
};

struct types {
	void *raw;
	size_t size;
	struct btf *btf;
};

static void set_quiet(void)
{
	libbpf_set_print(NULL);
}

/* libbpf writes to stderr unless told not to; the setting is one per process */
static void quiet(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_quiet);
}

static struct types *read_checked(const void *data, size_t size,
	int (*check)(const void *data, size_t size, struct error *err), struct error *err)
{
	struct types *t = mem_alloc(sizeof(*t));
	int sys;

	quiet();
	t->raw = mem_copy(data, size);		/* aligned, too */
	t->size = size;
	if (check(t->raw, size, err))
		goto fail;
	t->btf = btf__new(t->raw, size);
	sys = errno;
	if (!t->btf) {
		error_sys(err, "E-OBJECT", sys, "types: read");
		goto fail;
	}
	return t;
fail:
	types_free(t);
	return NULL;
}

struct types *types_read(const void *data, size_t size, struct error *err)
{
	return read_checked(data, size, types_check, err);
}

struct types *types_read_form(const void *data, size_t size, struct error *err)
{
	return read_checked(data, size, types_check_form, err);
}

void types_free(struct types *t)
{
	if (!t)
		return;
	btf__free(t->btf);
	free(t->raw);
	free(t);
}

const void *types_raw(const struct types *t, size_t *ret_size)
{
	*ret_size = t->size;
	return t->raw;
}

struct btf *types_btf(const struct types *t)
{
	return t->btf;
}

uint32_t types_count(const struct types *t)
{
	return btf__type_cnt(t->btf);
}

static const struct btf_type *at(const struct types *t, uint32_t id)
{
	return id ? btf__type_by_id(t->btf, id) : NULL;
}

uint32_t types_size(const struct types *t, uint32_t id)
{
	const struct btf_type *type = at(t, id);
	uint64_t count = 1;

	while (type) {
		if (btf_is_array(type)) {
			count *= btf_array(type)->nelems;
			type = at(t, btf_array(type)->type);
		} else if (btf_is_mod(type) || btf_is_typedef(type)) {
			type = at(t, type->type);
		} else {
			break;
		}
	}
	if (!type)
		return 0;
	if (btf_is_ptr(type))
		return count * sizeof(uint64_t);
	if (btf_is_int(type) || btf_is_float(type) || btf_is_any_enum(type) ||
		btf_is_composite(type))
		return count * type->size;
	return 0;
}

/* ---- spelling ---- */

static const char *name_of(const struct types *t, uint32_t off)
{
	const char *name = btf__name_by_offset(t->btf, off);

	return name ? name : "";
}

static const char *keyword_of(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
		return "struct ";
	case BTF_KIND_UNION:
		return "union ";
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return "enum ";
	case BTF_KIND_FWD:
		return btf_kflag(type) ? "union " : "struct ";
	default:
		return "";
	}
}

static void prepend(struct buf *b, const char *s)
{
	buf_insert(b, 0, s, strlen(s));
}

static const char *qualifier_of(const struct btf_type *type)
{
	switch (btf_kind(type)) {
	case BTF_KIND_CONST:
		return "const";
	case BTF_KIND_VOLATILE:
		return "volatile";
	case BTF_KIND_RESTRICT:
		return "restrict";
	default:
		return NULL;		/* a type tag is not spelled */
	}
}

/* does `id` become "(*x)" rather than "*x" behind a pointer? */
static bool binds_tighter(const struct types *t, uint32_t id)
{
	const struct btf_type *type = at(t, id);

	while (type && btf_is_mod(type))
		type = at(t, type->type);
	return type && (btf_is_array(type) || btf_is_func_proto(type));
}

static void peel_pointer(const struct types *t, uint32_t target, struct buf *decl,
	struct buf *front)
{
	bool tight = binds_tighter(t, target);

	/* what was said of the pointer itself stands behind its star */
	if (front->len) {
		if (decl->len)
			prepend(decl, " ");
		buf_insert(decl, 0, front->data, front->len - 1);
		buf_clear(front);
	}
	prepend(decl, tight ? "(*" : "*");
	buf_adds(decl, tight ? ")" : "");
}

/*
 * Peels what is written around the name (pointers, arrays) off id and puts
 * it around decl. Returns the type that stands in front; the qualifiers of
 * that type are collected in front, each with a space behind.
 */
static uint32_t peel(const struct types *t, uint32_t id, struct buf *decl, struct buf *front)
{
	const struct btf_type *type;

	while ((type = at(t, id))) {
		if (btf_is_array(type)) {
			buf_addf(decl, "[%u]", btf_array(type)->nelems);
			id = btf_array(type)->type;
			continue;
		}
		if (btf_is_ptr(type))
			peel_pointer(t, type->type, decl, front);
		else if (qualifier_of(type))
			buf_addf(front, "%s ", qualifier_of(type));
		else if (btf_is_func_proto(type))
			buf_adds(decl, "()");
		else if (!btf_is_mod(type))
			break;
		id = type->type;
	}
	return id;
}

static void add_front(const struct types *t, uint32_t id, struct buf *out)
{
	const struct btf_type *type = at(t, id);
	const char *name;

	if (!type) {
		buf_adds(out, "void");
		return;
	}
	name = name_of(t, type->name_off);
	buf_adds(out, keyword_of(type));
	buf_adds(out, *name ? name : "(anonymous)");
}

/* "front decl" for a variable `name` of type id, or the type alone if name is "" */
static void spell(const struct types *t, uint32_t id, const char *name, struct buf *out)
{
	struct buf decl = BUF_INIT, front = BUF_INIT;
	uint32_t base;

	buf_adds(&decl, name);
	base = peel(t, id, &decl, &front);
	buf_add(out, front.data, front.len);
	add_front(t, base, out);
	if (decl.len && decl.data[0] != '[')
		buf_addc(out, ' ');
	buf_add(out, decl.data, decl.len);
	buf_release(&decl);
	buf_release(&front);
}

void types_name(const struct types *t, uint32_t id, struct buf *out)
{
	spell(t, id, "", out);
}

/* ---- declarations ---- */

static void declare_body(const struct types *t, const struct btf_type *type, uint32_t base,
	unsigned indent, struct buf *out);

static void add_indent(struct buf *out, unsigned indent)
{
	while (indent--)
		buf_addc(out, '\t');
}

/*
 * The struct or union without a name that a member is, or is an array of.
 * Not what it points to: that may be the parent again.
 */
static const struct btf_type *anonymous(const struct types *t, uint32_t id)
{
	const struct btf_type *type = at(t, id);

	while (type && btf_is_array(type))
		type = at(t, btf_array(type)->type);
	if (type && btf_is_composite(type) && !*name_of(t, type->name_off))
		return type;
	return NULL;
}

/* " name[2]" behind the body of such a member */
static void add_declarator(const struct types *t, uint32_t id, const char *name, struct buf *out)
{
	struct buf decl = BUF_INIT, front = BUF_INIT;

	buf_adds(&decl, name);
	peel(t, id, &decl, &front);
	if (decl.len)
		buf_addf(out, " %s", decl.data);
	buf_release(&decl);
	buf_release(&front);
}

static void declare_member(const struct types *t, const struct btf_type *parent, uint32_t i,
	uint32_t base, unsigned indent, struct buf *out)
{
	const struct btf_member *m = &btf_members(parent)[i];
	const char *name = name_of(t, m->name_off);
	uint32_t bits = btf_member_bitfield_size(parent, i);
	uint32_t offset = btf_member_bit_offset(parent, i);
	const struct btf_type *inner = anonymous(t, m->type);

	add_indent(out, indent);
	if (inner) {
		buf_adds(out, keyword_of(inner));
		/* of an array, it is the first element whose offsets are shown */
		declare_body(t, inner, base + offset / 8, indent, out);
		add_declarator(t, m->type, name, out);
		buf_addc(out, ';');
	} else {
		spell(t, m->type, name, out);
		if (bits)
			buf_addf(out, " : %u", bits);
		buf_addc(out, ';');
	}
	buf_addf(out, "\t/* offset %u", base + offset / 8);
	if (bits)
		buf_addf(out, ", bit %u */\n", offset % 8);
	else
		buf_addf(out, ", size %u */\n", types_size(t, m->type));
}

static void declare_body(const struct types *t, const struct btf_type *type, uint32_t base,
	unsigned indent, struct buf *out)
{
	uint32_t i;

	buf_adds(out, "{\n");
	for (i = 0; i < btf_vlen(type); i++) {
		/* members may be shared by many parents: damaged input can unfold hugely */
		if (out->len > DECLARE_MAX) {
			buf_adds(out, "/* ... */\n");
			break;
		}
		declare_member(t, type, i, base, indent + 1, out);
	}
	add_indent(out, indent);
	buf_addc(out, '}');
}

static void declare_enum(const struct types *t, const struct btf_type *type, struct buf *out)
{
	uint32_t i;

	buf_adds(out, "{\n");
	for (i = 0; i < btf_vlen(type); i++) {
		if (btf_is_enum(type)) {
			const struct btf_enum *e = &btf_enum(type)[i];

			buf_addf(out, "\t%s = %d,\n", name_of(t, e->name_off), e->val);
		} else {
			const struct btf_enum64 *e = &btf_enum64(type)[i];
			unsigned long long v = btf_enum64_value(e);

			buf_addf(out, btf_kflag(type) ? "\t%s = %lld,\n" : "\t%s = %llu,\n",
				name_of(t, e->name_off), v);
		}
	}
	buf_addc(out, '}');
}

static bool has_body(const struct btf_type *type)
{
	return type && (btf_is_composite(type) || btf_is_any_enum(type));
}

int types_is_declared(const struct types *t, uint32_t id)
{
	const struct btf_type *type = at(t, id);

	return has_body(type) || (type && btf_is_typedef(type));
}

/* "struct NAME { ... };", or with a typedef's name "typedef struct { ... } NAME;" */
static void declare_type(const struct types *t, const struct btf_type *type,
	const char *typedef_name, struct buf *out)
{
	struct buf body = BUF_INIT;
	const char *name = name_of(t, type->name_off);

	if (btf_is_composite(type))
		declare_body(t, type, 0, 0, &body);
	else
		declare_enum(t, type, &body);
	buf_addf(out, "%s%s%s%s", typedef_name ? "typedef " : "", keyword_of(type), name,
		*name ? " " : "");
	buf_add(out, body.data, body.len);
	buf_addf(out, "%s%s;\t/* size %u */\n", typedef_name ? " " : "",
		typedef_name ? typedef_name : "", type->size);
	buf_release(&body);
}

void types_declare(const struct types *t, uint32_t id, struct buf *out)
{
	const struct btf_type *type = at(t, id);

	/* "typedef struct echo echo_t;", then struct echo */
	while (type && btf_is_typedef(type)) {
		const struct btf_type *inner = at(t, type->type);
		const char *name = name_of(t, type->name_off);

		if (has_body(inner) && !*name_of(t, inner->name_off)) {
			declare_type(t, inner, name, out);
			return;
		}
		buf_adds(out, "typedef ");
		spell(t, type->type, name, out);
		buf_adds(out, ";\n");
		type = inner;
	}
	if (has_body(type)) {
		declare_type(t, type, NULL, out);
	} else if (type == at(t, id)) {
		spell(t, id, "", out);
		buf_adds(out, ";\n");
	}
}
