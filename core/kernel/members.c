/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of a kernel as lists of their members. */
#include "kernel/members.h"

#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/signature_internal.h"

enum { MAX_DEPTH = 16, MAX_CHAIN = 32 };

static const char *name_at(const struct btf *btf, uint32_t offset)
{
	const char *name = btf__name_by_offset(btf, offset);

	return name ? name : "";
}

static bool is_composite(const struct btf_type *t)
{
	return btf_kind(t) == BTF_KIND_STRUCT || btf_kind(t) == BTF_KIND_UNION;
}

/* behind typedefs and qualifiers; NULL: void, or damaged */
static const struct btf_type *behind(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = id ? btf__type_by_id(btf, id) : NULL;
	unsigned n;

	for (n = 0; t && (btf_is_mod(t) || btf_is_typedef(t)); n++)
		t = t->type && n < MAX_CHAIN ? btf__type_by_id(btf, t->type) : NULL;
	return t;
}

/* ---- the BTF ---- */

/* the kernel's own is the first; all that there are with modules. E-HEADERS */
static int open_sources(const char *path, bool modules, struct signature_sources *ret,
	struct error *err)
{
	if (!path) {
		error_set(err, "E-HEADERS", "this kernel has no BTF, which would tell its types");
		return error_hint(err, "its headers have them: 'moontrace info' says where "
			"they are");
	}
	if (signature_sources(path, modules, ret, err) == 0)
		return 0;
	err->tag = "E-HEADERS";
	return -1;
}

/* ---- types as text ---- */

static void add_dimensions(const struct btf *btf, uint32_t *id, struct buf *out)
{
	const struct btf_type *t;
	unsigned n;

	for (n = 0; n < MAX_CHAIN && *id; n++) {
		t = btf__type_by_id(btf, *id);
		if (!t || !btf_is_array(t))
			return;
		buf_addf(out, "[%u]", btf_array(t)->nelems);
		*id = btf_array(t)->type;
	}
}

static char *member_type(const struct btf *btf, uint32_t id)
{
	struct buf dimensions = BUF_INIT;
	const struct btf_type *t;
	char *base, *text;

	add_dimensions(btf, &id, &dimensions);
	t = id ? btf__type_by_id(btf, id) : NULL;
	if (t && is_composite(t) && !t->name_off)
		base = mem_string(btf_kind(t) == BTF_KIND_UNION ? "union { ... }" :
			"struct { ... }");
	else
		base = signature_type_text(btf, id);
	text = mem_format("%s%s", base, dimensions.data);
	free(base);
	buf_release(&dimensions);
	return text;
}

/* ---- members ---- */

static void add_members(struct members *m, const struct btf *btf, const struct btf_type *t,
	uint64_t base, unsigned depth);

static void add_member(struct members *m, const struct btf *btf, const struct btf_type *t,
	uint32_t i, uint64_t base, unsigned depth)
{
	const struct btf_member *from = btf_members(t) + i;
	const struct btf_type *type = behind(btf, from->type);
	uint64_t at = base + btf_member_bit_offset(t, i);
	const char *name = name_at(btf, from->name_off);
	struct member *to;
	int64_t size;

	if (!*name && type && is_composite(type)) {
		if (depth < MAX_DEPTH)
			add_members(m, btf, type, at, depth + 1);
		return;
	}
	size = btf__resolve_size(btf, from->type);
	to = MEM_GROW(m->list, m->n);
	to->name = mem_string(name);
	to->type = member_type(btf, from->type);
	to->bit = at;
	to->size = size > 0 ? size : 0;
	to->bits = btf_member_bitfield_size(t, i);
}

static void add_members(struct members *m, const struct btf *btf, const struct btf_type *t,
	uint64_t base, unsigned depth)
{
	uint32_t i;

	for (i = 0; i < btf_vlen(t); i++)
		add_member(m, btf, t, i, base, depth);
}

void members_release(struct members *m)
{
	size_t i;

	for (i = 0; i < m->n; i++) {
		free(m->list[i].name);
		free(m->list[i].type);
	}
	free(m->list);
	free(m->name);
	free(m->source);
	memset(m, 0, sizeof(*m));
}

/* ---- by name ---- */

struct wanted {
	char *name;		/* without the keyword */
	int kind;		/* BTF_KIND_STRUCT, _UNION; 0: any, and typedefs */
};

/* "const struct sk_buff *" */
static void read_wanted(const char *text, struct wanted *w)
{
	size_t len = strlen(text);

	w->kind = 0;
	while (len && strchr(" *\t", text[len - 1]))
		len--;
	if (str_starts(text, "const ") && len > 6)
		text += 6, len -= 6;
	if (str_starts(text, "struct ") && len > 7)
		text += 7, len -= 7, w->kind = BTF_KIND_STRUCT;
	else if (str_starts(text, "union ") && len > 6)
		text += 6, len -= 6, w->kind = BTF_KIND_UNION;
	w->name = mem_string_n(text, len);
}

static const struct btf_type *find_kind(const struct signature_sources *all, const char *name,
	int kind, size_t *ret_source)
{
	const struct btf_type *t;
	int32_t id;
	size_t i;

	for (i = 0; i < all->n; i++) {
		*ret_source = i;
		id = btf__find_by_name_kind(all->list[i].btf, name, kind);
		if (id <= 0)
			continue;
		t = kind == BTF_KIND_TYPEDEF ? behind(all->list[i].btf, id) :
			btf__type_by_id(all->list[i].btf, id);
		if (t && is_composite(t))
			return t;
	}
	return NULL;
}

static const struct btf_type *find_wanted(const struct signature_sources *all,
	const struct wanted *w, size_t *ret_source)
{
	static const int kinds[] = { BTF_KIND_TYPEDEF, BTF_KIND_STRUCT, BTF_KIND_UNION };
	const struct btf_type *t = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds) && !t; i++) {
		if (!w->kind || w->kind == kinds[i])
			t = find_kind(all, w->name, kinds[i], ret_source);
	}
	return t;
}

static int no_such(const char *btf, const struct wanted *w, struct error *err)
{
	struct error ignored = ERROR_INIT;
	struct buf text = BUF_INIT;
	struct nearest near;
	char *rest, *line;

	nearest_init(&near, w->name);
	if (members_structs(btf, &text, &ignored) == 0 && text.len) {
		rest = text.data;
		while ((line = strsep(&rest, "\n")) != NULL) {
			if (strchr(line, ' '))
				nearest_offer(&near, strchr(line, ' ') + 1);
		}
	}
	error_clear(&ignored);
	buf_release(&text);
	error_set(err, "E-PROBE", "no %s'%s' in the BTF of this kernel",
		w->kind == BTF_KIND_STRUCT ? "struct " : w->kind == BTF_KIND_UNION ? "union " :
			"struct or union ", w->name);
	return error_take_hint(err, nearest_hint(&near));
}

static void read_members(const struct signature_source *s, const struct btf_type *t,
	const struct wanted *w, struct members *ret)
{
	const char *name = name_at(s->btf, t->name_off);

	memset(ret, 0, sizeof(*ret));
	ret->name = *name ? mem_format("%s %s", btf_kind(t) == BTF_KIND_UNION ? "union" : "struct",
		name) : mem_string(w->name);
	ret->size = t->size;
	ret->source = mem_format("BTF of %s", s->name);
	add_members(ret, s->btf, t, 0, 0);
}

int members_find(const char *btf, const char *name, struct members *ret, struct error *err)
{
	struct signature_sources all;
	const struct btf_type *t;
	struct wanted w;
	size_t i = 0;
	int bad;

	if (open_sources(btf, true, &all, err))
		return -1;
	read_wanted(name, &w);
	t = find_wanted(&all, &w, &i);
	bad = t ? 0 : no_such(btf, &w, err);
	if (t)
		read_members(&all.list[i], t, &w, ret);
	free(w.name);
	return bad;
}

/* ---- names ---- */

/* the first type that source i has itself */
static uint32_t first_of(const struct signature_sources *all, size_t i)
{
	return i ? btf__type_cnt(all->list[0].btf) : 1;
}

int members_structs(const char *btf, struct buf *out, struct error *err)
{
	struct signature_sources all;
	const struct btf_type *t;
	uint32_t id, end;
	size_t i;

	if (open_sources(btf, true, &all, err))
		return -1;
	for (i = 0; i < all.n; i++) {
		end = btf__type_cnt(all.list[i].btf);
		for (id = first_of(&all, i); id < end; id++) {
			t = btf__type_by_id(all.list[i].btf, id);
			if (!t || !is_composite(t) || !t->name_off)
				continue;
			buf_adds(out, btf_kind(t) == BTF_KIND_UNION ? "union " : "struct ");
			buf_adds(out, name_at(all.list[i].btf, t->name_off));
			buf_addc(out, '\n');
		}
	}
	return 0;
}

int members_functions(const char *btf, struct buf *out, struct error *err)
{
	struct signature_sources all;
	const struct btf_type *t;
	uint32_t id, end;

	if (open_sources(btf, false, &all, err))
		return -1;
	end = btf__type_cnt(all.list[0].btf);
	for (id = 1; id < end; id++) {
		t = btf__type_by_id(all.list[0].btf, id);
		if (!t || !btf_is_func(t))
			continue;
		buf_adds(out, name_at(all.list[0].btf, t->name_off));
		buf_addc(out, '\n');
	}
	return 0;
}

/* ---- raw tracepoints ---- */

/* the first parameter is the tracepoint's own; names are those of the iterator, if any */
static void take_arguments(struct signature *s)
{
	size_t i;

	if (!s->n)
		return;
	free(s->params[0].type);
	free(s->params[0].name);
	s->n--;
	memmove(s->params, s->params + 1, s->n * sizeof(*s->params));
	for (i = 0; i < s->n; i++) {
		if (*s->params[i].name)
			continue;
		free(s->params[i].name);
		s->params[i].name = mem_format("arg%zu", i + 1);
	}
}

static bool from_typedef(const struct signature_source *src, const char *name,
	struct signature *ret)
{
	char *full = mem_format("btf_trace_%s", name);
	int32_t id = btf__find_by_name_kind(src->btf, full, BTF_KIND_TYPEDEF);
	const struct btf_type *t = id > 0 ? behind(src->btf, id) : NULL;

	free(full);
	t = t && btf_is_ptr(t) ? btf__type_by_id(src->btf, t->type) : NULL;
	if (!t || !btf_is_func_proto(t))
		return false;
	signature_read_prototype(src, t, ret);
	return true;
}

int members_raw_tracepoint(const char *btf, const char *name, struct signature *ret,
	struct error *err)
{
	char *iterator = mem_format("__traceiter_%s", name);
	struct error ignored = ERROR_INIT;
	struct signature_sources all;
	bool found = false;
	size_t i;

	if (open_sources(btf, true, &all, err)) {
		free(iterator);
		return -1;
	}
	found = signature_from_btf(btf, NULL, iterator, ret, &ignored) > 0;
	error_clear(&ignored);
	for (i = 0; i < all.n && !found; i++)
		found = from_typedef(&all.list[i], name, ret);
	if (found) {
		take_arguments(ret);
		ret->function = mem_string(name);
	}
	free(iterator);
	return found;
}
