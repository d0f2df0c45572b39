/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The selected types as C, each behind what it needs.
 *
 * Layout is not left to chance: where the compiler's own rules would not put
 * a member at the offset that BTF says, padding or "packed" is printed; and
 * the compiler is told to check sizes, and the offsets of members that the
 * text names.
 */
#include "kernel/types_header_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"

enum { POINTER_SIZE = 8, SIZE_MAX_BYTES = 1 << 30 };
enum { PRINTED = 1, PACKED = 2 };

struct printer {
	const struct selection *s;
	const struct type_set *ts;
	struct buf *out;
	uint8_t *state;			/* by number */
	uint8_t *align;			/* of structs, as printed; 0: not known yet */
	struct table *enumerators;	/* printed */
	struct error *err;
};

static uint32_t align_of(struct printer *p, uint32_t id);
static void add_decl(struct printer *p, uint32_t id, const char *name, unsigned indent);
static void emit(struct printer *p, uint32_t id, bool behind);

/* the type that a reference within `from` names, as it is printed; 0: void */
static uint32_t target(struct printer *p, uint32_t from, uint32_t ref)
{
	uint32_t id = 0;

	select_resolve(p->s, type_ref(p->ts, from, ref), &id);
	return id;
}

static const struct btf_type *at(struct printer *p, uint32_t id)
{
	return type_at(p->ts, id, p->err);
}

static bool is_enum(const struct btf_type *t)
{
	return btf_kind(t) == BTF_KIND_ENUM || btf_kind(t) == KIND_ENUM64;
}

/* ---- layout ---- */

static uint64_t size_of(struct printer *p, uint32_t id)
{
	const struct btf_type *t = id ? at(p, id) : NULL;
	uint64_t n;

	switch (t ? btf_kind(t) : BTF_KIND_UNKN) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
	case KIND_FLOAT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return t->size;
	case BTF_KIND_PTR:
		return POINTER_SIZE;
	case BTF_KIND_ARRAY:
		n = size_of(p, target(p, id, btf_array(t)->type)) * btf_array(t)->nelems;
		if (n <= SIZE_MAX_BYTES)
			return n;
		types_bad(p->ts, p->err, "an array of %llu bytes", (unsigned long long)n);
		return 0;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
		return size_of(p, target(p, id, t->type));
	default:
		types_bad(p->ts, p->err, "type %u has no size", id);
		return 0;
	}
}

/* where a member is, and what the compiler makes of its type */
struct field {
	uint64_t at, bits;
	uint32_t type, align;		/* the align in bytes that its place allows */
	uint64_t unit;			/* of a bit field: bits of its type; else 0 */
	bool misplaced;			/* must be packed */
};

static bool is_number(struct printer *p, uint32_t id)
{
	const struct btf_type *t = id ? at(p, id) : NULL;
	unsigned n;

	for (n = 0; t && n < TYPES_CHAIN_MAX &&
	     (btf_is_mod(t) || btf_is_typedef(t)); n++) {
		id = target(p, id, t->type);
		t = id ? at(p, id) : NULL;
	}
	return t && t->size && (btf_is_int(t) || is_enum(t));
}

static void read_field(struct printer *p, uint32_t id, const struct btf_type *t, uint32_t i,
	struct field *f)
{
	uint32_t width = btf_member_bitfield_size(t, i);

	f->at = btf_member_bit_offset(t, i);
	f->type = target(p, id, btf_members(t)[i].type);
	f->align = align_of(p, f->type);
	f->bits = size_of(p, f->type) * 8;
	f->unit = 0;
	f->misplaced = !width && f->at % (8 * f->align);
	if (width && (!is_number(p, f->type) || width > f->bits)) {
		types_bad(p->ts, p->err, "type %u has a bit field of another type", id);
	} else if (width) {
		f->unit = f->bits;
		f->misplaced = f->at % f->unit + width > f->unit;
		f->bits = width;
	} else if (f->at % 8) {
		types_bad(p->ts, p->err, "type %u has a member between bytes", id);
	}
	if (f->misplaced && !width)
		f->align = 1;
}

/* what the printed struct will be aligned to; notes whether it is packed */
static uint32_t lay_out(struct printer *p, uint32_t id, const struct btf_type *t)
{
	uint32_t align = 1, i;
	bool packed = false;
	struct field f;

	for (i = 0; i < btf_vlen(t) && !p->err->tag; i++) {
		read_field(p, id, t, i, &f);
		packed |= f.unit && f.misplaced;
		/* an attribute behind a struct without a name would be its own */
		if (f.misplaced && !btf_members(t)[i].name_off) {
			p->state[f.type] |= PACKED;
			p->align[f.type] = 1;
		}
		if (f.align > align)
			align = f.align;
	}
	if (!packed && t->size % align == 0)
		return align;
	p->state[id] |= PACKED;
	return 1;
}

/* never 0 */
static uint32_t align_of(struct printer *p, uint32_t id)
{
	const struct btf_type *t = id ? at(p, id) : NULL;

	switch (t ? btf_kind(t) : BTF_KIND_UNKN) {
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
	case KIND_FLOAT:
		if (t->size && t->size <= 16 && !(t->size & (t->size - 1)))
			return t->size;
		types_bad(p->ts, p->err, "a number of %u bytes", t->size);
		return 1;
	case BTF_KIND_PTR:
		return POINTER_SIZE;
	case BTF_KIND_ARRAY:
		return align_of(p, target(p, id, btf_array(t)->type));
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		if (!p->align[id])
			p->align[id] = lay_out(p, id, t);
		return p->align[id];
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
		return align_of(p, target(p, id, t->type));
	default:
		types_bad(p->ts, p->err, "type %u cannot be a member", id);
		return 1;
	}
}

/* ---- names ---- */

/* what stands in the file, and must be a name before it stands in C */
static const char *checked(struct printer *p, const char *name)
{
	if (!ctoken_is_name(name))
		types_bad(p->ts, p->err, "'%.64s' is no name", name);
	return name;
}

/* a struct that lost its name to another: NAME___kernel is the kernel's own of two */
static void add_tag(struct printer *p, uint32_t id, const struct btf_type *t, bool behind)
{
	const char *name = checked(p, type_name(p->ts, id, t));

	buf_adds(p->out, name);
	if (names_of(p->s->names, name) & NAME_OWN_TAG) {
		if (!behind)
			buf_adds(p->out, "___kernel");
	} else if (p->s->seen[id] & SEEN_VALUE && !select_is_first(p->s, id, t)) {
		buf_addf(p->out, "___%u", id);
	}
}

static void add_integer(struct printer *p, uint32_t size)
{
	static const char *const names[] = {
		[1] = "unsigned char", [2] = "unsigned short", [4] = "unsigned int",
		[8] = "unsigned long long",
	};

	if (size < ARRAY_SIZE(names) && names[size])
		buf_adds(p->out, names[size]);
	else
		types_bad(p->ts, p->err, "an enum of %u bytes", size);
}

/* words of C, as compilers spell them */
static void add_int_name(struct printer *p, const char *name)
{
	if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_ ")] || (*name >= '0' && *name <= '9'))
		types_bad(p->ts, p->err, "'%.64s' is no name of a number", name);
	else
		buf_adds(p->out, name);
}

/* ---- declarations ---- */

static void indent_by(struct printer *p, unsigned indent)
{
	while (indent--)
		buf_addc(p->out, '\t');
}

static void add_padding(struct printer *p, uint64_t from, uint64_t to, unsigned indent)
{
	uint64_t n = from % 8 ? 8 - from % 8 : 0;

	if (n > to - from)
		n = to - from;
	indent_by(p, indent);
	if (n)
		buf_addf(p->out, "unsigned char :%u;%s", (unsigned)n, from + n < to ? " " : "");
	from += n;
	if (to - from >= 8)
		buf_addf(p->out, "unsigned char __pad_%llu[%llu];%s",
			(unsigned long long)from / 8, (unsigned long long)(to - from) / 8,
			(to - from) % 8 ? " " : "");
	if ((to - from) % 8)
		buf_addf(p->out, "unsigned char :%u;", (unsigned)((to - from) % 8));
	buf_addc(p->out, '\n');
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* where the compiler would put it behind what ends at `end`, in bits */
static uint64_t natural_place(const struct field *f, uint64_t end, bool packed)
{
	if (!f->unit)
		return round_up(end, packed ? 8 : 8 * f->align);
	if (!packed && end % f->unit + f->bits > f->unit)
		return round_up(end, f->unit);
	return end;
}

static void add_member(struct printer *p, uint32_t id, const struct btf_member *m,
	const struct field *f, unsigned indent)
{
	const char *name = type_string(p->ts, id, m->name_off);

	indent_by(p, indent);
	add_decl(p, type_ref(p->ts, id, m->type), *name ? checked(p, name) : name, indent);
	if (f->unit)
		buf_addf(p->out, ":%u", (unsigned)f->bits);
	else if (f->misplaced)
		buf_adds(p->out, " __attribute__((packed))");
	buf_adds(p->out, ";\n");
}

static void add_members(struct printer *p, uint32_t id, const struct btf_type *t,
	unsigned indent)
{
	bool packed = p->state[id] & PACKED, is_union = btf_kind(t) == BTF_KIND_UNION;
	uint64_t end = 0, all = (uint64_t)t->size * 8;
	struct field f;
	uint32_t i;

	for (i = 0; i < btf_vlen(t) && !p->err->tag; i++) {
		read_field(p, id, t, i, &f);
		if (f.at < (is_union ? 0 : end) || f.at + f.bits > all || (is_union && f.at))
			types_bad(p->ts, p->err, "members of '%s' overlap",
				type_name(p->ts, id, t));
		else if (!is_union && natural_place(&f, end, packed) != f.at)
			add_padding(p, end, f.at, indent);
		add_member(p, id, &btf_members(t)[i], &f, indent);
		end = is_union && end > f.at + f.bits ? end : f.at + f.bits;
	}
	if (!p->err->tag && round_up(end, 8 * p->align[id]) != all)
		add_padding(p, is_union ? 0 : end, all, indent);
}

static void add_body(struct printer *p, uint32_t id, const struct btf_type *t, unsigned indent)
{
	align_of(p, id);
	buf_adds(p->out, " {\n");
	add_members(p, id, t, indent + 1);
	indent_by(p, indent);
	buf_adds(p->out, p->state[id] & PACKED ? "} __attribute__((packed))" : "}");
}

static void add_base(struct printer *p, uint32_t id, bool behind, unsigned indent)
{
	const struct btf_type *t = id ? at(p, id) : NULL;
	const char *name = t ? type_name(p->ts, id, t) : "";

	switch (t ? btf_kind(t) : BTF_KIND_UNKN) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		buf_adds(p->out, btf_kind(t) == BTF_KIND_STRUCT ? "struct" : "union");
		if (!*name) {
			add_body(p, id, t, indent);
			break;
		}
		buf_addc(p->out, ' ');
		add_tag(p, id, t, behind);
		break;
	case BTF_KIND_FWD:
		buf_addf(p->out, "%s %s", btf_kflag(t) ? "union" : "struct", checked(p, name));
		break;
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
		/* one without a name stands by itself: its names are global ones */
		name = select_enum_name(p->s, id, t);
		if (!*name || select_is_foreign(p->s, id, t) || !btf_vlen(t))
			add_integer(p, t->size);
		else
			buf_addf(p->out, "enum %s", checked(p, name));
		break;
	case BTF_KIND_TYPEDEF:
		buf_adds(p->out, checked(p, name));
		break;
	case BTF_KIND_INT:
	case KIND_FLOAT:
		add_int_name(p, name);
		break;
	default:
		buf_adds(p->out, "void");
	}
}

/* behind qualifiers */
static int kind_behind(struct printer *p, uint32_t id)
{
	const struct btf_type *t = id ? at(p, id) : NULL;
	unsigned n;

	for (n = 0; t && n < TYPES_CHAIN_MAX && btf_is_mod(t); n++) {
		id = target(p, id, t->type);
		t = id ? at(p, id) : NULL;
	}
	return t ? btf_kind(t) : BTF_KIND_UNKN;
}

static void add_front(struct buf *b, const char *s)
{
	buf_insert(b, 0, s, strlen(s));
}

/* of a pointer: what it points to may bind tighter */
static void add_star(struct printer *p, uint32_t to, struct buf *decl)
{
	int kind = kind_behind(p, to);

	add_front(decl, "*");
	if (kind == BTF_KIND_ARRAY || kind == BTF_KIND_FUNC_PROTO) {
		add_front(decl, "(");
		buf_addc(decl, ')');
	}
}

/* "const " or "volatile ": in front of a pointer's name, or once of its type */
static void add_qualifier(struct printer *p, uint32_t id, int kind, unsigned *done,
	struct buf *decl)
{
	const char *word = kind == BTF_KIND_CONST ? "const " : "volatile ";
	int to = kind_behind(p, id);

	if (to == BTF_KIND_PTR)
		add_front(decl, word);
	else if (to != BTF_KIND_FUNC_PROTO && !(*done & 1u << kind))
		buf_adds(p->out, word);
	*done |= to == BTF_KIND_PTR ? 0 : 1u << kind;
}

/* TYPE NAME, from the name outwards; functions are void (void): nobody calls them */
static void add_decl(struct printer *p, uint32_t id, const char *name, unsigned indent)
{
	struct buf decl = BUF_INIT;
	const struct btf_type *t;
	unsigned qualified = 0;
	bool behind = false;
	int kind;

	buf_adds(&decl, name);
	select_resolve(p->s, id, &id);
	for (; id && !p->err->tag; id = target(p, id, btf_is_array(t) ? btf_array(t)->type :
			t->type)) {
		t = at(p, id);
		kind = btf_kind(t);
		if (kind == BTF_KIND_PTR) {
			add_star(p, target(p, id, t->type), &decl);
			behind = true;
		} else if (kind == BTF_KIND_ARRAY) {
			buf_addf(&decl, "[%u]", btf_array(t)->nelems);
			behind = false;
		} else if (kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE) {
			add_qualifier(p, id, kind, &qualified, &decl);
		} else if (kind == BTF_KIND_FUNC_PROTO) {
			buf_adds(&decl, "(void)");
			id = 0;
			break;
		} else if (kind != BTF_KIND_RESTRICT) {
			break;
		}
	}
	add_base(p, id, behind, indent);
	if (decl.len)
		buf_addf(p->out, " %s", decl.data);
	buf_release(&decl);
}

/* ---- enums ---- */

/* a name may be taken by an enum that was printed before */
static void add_enumerator(struct printer *p, uint32_t id, const char *name, bool is_signed,
	int64_t value, bool wide)
{
	static char yes;

	buf_addf(p->out, "\t%s", checked(p, name));
	if (table_get(p->enumerators, name))
		buf_addf(p->out, "___%u", id);
	buf_adds(p->out, " = ");
	if (is_signed)
		buf_addf(p->out, "%lld%s,\n", (long long)value, wide ? "LL" : "");
	else
		buf_addf(p->out, "%llu%s,\n", (unsigned long long)value, wide ? "ULL" : "U");
	table_set(p->enumerators, name, &yes);
}

static void add_enumerators(struct printer *p, uint32_t id, const struct btf_type *t)
{
	const struct { uint32_t name_off, low, high; } *wide = (const void *)(t + 1);
	uint32_t i;

	for (i = 0; i < btf_vlen(t); i++) {
		if (btf_kind(t) == KIND_ENUM64) {
			uint64_t value = (uint64_t)wide[i].high << 32 | wide[i].low;

			add_enumerator(p, id, type_string(p->ts, id, wide[i].name_off),
				btf_kflag(t), value, true);
		} else {
			int32_t value = btf_enum(t)[i].val;
			/* old BTF does not say: then as the C of old kernels */
			bool is_signed = value >= 0 || btf_kflag(t) || !p->s->signed_enums;

			add_enumerator(p, id, type_string(p->ts, id, btf_enum(t)[i].name_off),
				is_signed, is_signed ? value : (int64_t)(uint32_t)value, false);
		}
	}
}

static void emit_enum(struct printer *p, uint32_t id, const struct btf_type *t)
{
	static const char *const modes[] = { [1] = "byte", [2] = "HI", [8] = "DI" };
	const char *name = select_enum_name(p->s, id, t);

	if (select_is_foreign(p->s, id, t) || !btf_vlen(t))
		return;
	buf_addf(p->out, "enum %s%s{\n", *name ? checked(p, name) : "", *name ? " " : "");
	add_enumerators(p, id, t);
	if (t->size < ARRAY_SIZE(modes) && modes[t->size])
		buf_addf(p->out, "} __attribute__((mode(%s)));\n", modes[t->size]);
	else
		buf_adds(p->out, "};\n");
}

/* ---- assertions ---- */

static void assert_offsets(struct printer *p, uint32_t outer, uint32_t id, uint64_t base)
{
	const struct btf_type *t = at(p, id), *o = at(p, outer), *m;
	uint32_t i, type;

	for (i = 0; i < btf_vlen(t); i++) {
		const char *name = type_string(p->ts, id, btf_members(t)[i].name_off);
		uint64_t bit = base + btf_member_bit_offset(t, i);

		type = target(p, id, btf_members(t)[i].type);
		m = type ? at(p, type) : NULL;
		if (!*name && m && btf_is_composite(m))
			assert_offsets(p, outer, type, bit);
		if (!*name || btf_member_bitfield_size(t, i) ||
		    !(names_of(p->s->names, name) & NAME_USED))
			continue;
		buf_addf(p->out, "_Static_assert(__builtin_offsetof(%s ",
			btf_kind(o) == BTF_KIND_STRUCT ? "struct" : "union");
		add_tag(p, outer, o, false);
		buf_addf(p->out, ", %s) == %llu, \"\");\n", name, (unsigned long long)bit / 8);
	}
}

static void emit_struct(struct printer *p, uint32_t id, const struct btf_type *t)
{
	const char *word = btf_kind(t) == BTF_KIND_STRUCT ? "struct" : "union";

	buf_addf(p->out, "%s ", word);
	add_tag(p, id, t, false);
	add_body(p, id, t, 0);
	buf_addf(p->out, ";\n_Static_assert(sizeof(%s ", word);
	add_tag(p, id, t, false);
	buf_addf(p->out, ") == %u, \"\");\n", t->size);
	assert_offsets(p, id, id, 0);
}

/* ---- one behind what it needs ---- */

static void emit_members(struct printer *p, uint32_t id, const struct btf_type *t)
{
	uint32_t i;

	for (i = 0; i < btf_vlen(t); i++)
		emit(p, type_ref(p->ts, id, btf_members(t)[i].type), false);
}

static void emit_composite(struct printer *p, uint32_t id, const struct btf_type *t, bool behind)
{
	if (!t->name_off) {
		emit_members(p, id, t);
	} else if (!behind && !(p->state[id] & PRINTED)) {
		p->state[id] |= PRINTED;
		emit_members(p, id, t);
		emit_struct(p, id, t);
	}
}

static void emit_typedef(struct printer *p, uint32_t id, const struct btf_type *t, bool behind)
{
	emit(p, type_ref(p->ts, id, t->type), behind);
	if (p->state[id] & PRINTED)
		return;
	p->state[id] |= PRINTED;
	if (strcmp(type_name(p->ts, id, t), "__builtin_va_list") == 0)
		return;
	buf_adds(p->out, "typedef ");
	add_decl(p, type_ref(p->ts, id, t->type), checked(p, type_name(p->ts, id, t)), 0);
	buf_adds(p->out, ";\n");
}

static void emit(struct printer *p, uint32_t id, bool behind)
{
	const struct btf_type *t;

	if (p->err->tag || select_resolve(p->s, id, &id) || !id)
		return;
	t = at(p, id);
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		/* a typedef may name a struct that is only declared */
		if (!t->name_off || p->s->seen[id] & SEEN_VALUE)
			emit_composite(p, id, t, behind);
		break;
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
		if (!(p->state[id] & PRINTED))
			emit_enum(p, id, t);
		p->state[id] |= PRINTED;
		break;
	case BTF_KIND_TYPEDEF:
		emit_typedef(p, id, t, behind);
		break;
	case BTF_KIND_PTR:
		emit(p, type_ref(p->ts, id, t->type), true);
		break;
	case BTF_KIND_ARRAY:
		emit(p, type_ref(p->ts, id, btf_array(t)->type), false);
		break;
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
		emit(p, type_ref(p->ts, id, t->type), behind);
		break;
	}
}

/* what the compiler's own headers must leave out then: MOONTRACE_HAS_name */
static void emit_marks(struct printer *p)
{
	static const struct { const char *name; bool tag; } stub[] = {
		{ "pt_regs", true }, { "in_addr", true }, { "in6_addr", true },
		{ "sockaddr", true }, { "sockaddr_in", true }, { "sockaddr_in6", true },
		{ "bpf_perf_event_data", true }, { "bpf_user_pt_regs_t", false },
		{ "atomic_t", false }, { "atomic64_t", false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stub); i++) {
		uint32_t id = (uintptr_t)table_get(stub[i].tag ? p->s->tags : p->s->typedefs,
			stub[i].name);

		if (id && p->state[id] & PRINTED)
			buf_addf(p->out, "#define MOONTRACE_HAS_%s 1\n", stub[i].name);
	}
}

static bool is_declaration(const struct btf_type *t)
{
	return is_enum(t) || btf_kind(t) == BTF_KIND_TYPEDEF ||
		(btf_is_composite(t) && t->name_off);
}

int print_types(const struct selection *s, struct buf *out)
{
	struct printer p = { .s = s, .ts = s->ts, .out = out, .err = s->err };
	uint32_t id;

	p.state = mem_array(s->ts->n, 1);
	p.align = mem_array(s->ts->n, 1);
	p.enumerators = table_new();
	for (id = 1; id < s->ts->n && !s->err->tag; id++) {
		if (s->seen[id] & SEEN_VALUE && is_declaration(at(&p, id)))
			emit(&p, id, false);
	}
	emit_marks(&p);
	free(p.state);
	free(p.align);
	table_free(p.enumerators, NULL);
	return s->err->tag ? -1 : 0;
}
