/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dry runs that build a bundle: one object that serves all values of the
 * script's defines, where there is such an object.
 *
 * First every define is a parameter.  If that does not compile, or leaves a
 * loop, each is tried alone: what fails is fixed to the value it has, and
 * where just its presence cannot vary in one object, there are two.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/build.h"
#include "cache/bundle.h"
#include "kernel/target.h"
#include "lua/dry_internal.h"
#include "object/request.h"

enum { VARIANTS_MAX = 3, VALUE_MAX = 60 };

enum how {
	HOW_FREE,		/* a parameter; optional if the text asks for it */
	HOW_VARIANT,		/* a parameter in some objects, absent in the others */
	HOW_FIXED,		/* what it is at the build */
};

struct name {
	char *name;
	const char *value;	/* of the define, lent; NULL: absent */
	bool asked;		/* the text asks whether it is there */
	enum how how;
	char *why;		/* of HOW_FIXED */
};

struct building {
	struct host *h;
	struct request *req;
	struct name *names;
	size_t n;
};

/* ---- the names that may vary ---- */

static struct name *find_name(struct building *b, const char *name)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		if (strcmp(b->names[i].name, name) == 0)
			return &b->names[i];
	}
	return NULL;
}

static struct name *add_name(struct building *b, const char *name)
{
	struct name *found = find_name(b, name);

	if (found)
		return found;
	found = MEM_GROW(b->names, b->n);
	found->name = mem_string(name);
	return found;
}

static bool is_whole(const char *value)
{
	char *end;

	if (!*value || *value == ' ')
		return false;
	(void)strtoll(value, &end, 10);
	return !*end;
}

/* no define of the script's: it follows from the target */
static bool is_kernels(const char *name)
{
	return str_starts(name, "CONFIG_") || str_starts(name, "MOONTRACE_");
}

static void add_defines(struct building *b)
{
	size_t i;

	for (i = 0; i < b->req->n_defines; i++) {
		const char *define = b->req->defines[i], *equals = strchr(define, '=');
		char *name = mem_string_n(define, strcspn(define, "="));
		struct name *n = add_name(b, name);

		n->value = equals ? equals + 1 : "1";
		if (is_kernels(name)) {
			n->how = HOW_FIXED;
		} else if (!is_whole(n->value)) {
			n->how = HOW_FIXED;
			n->why = mem_string("it is no whole number");
		}
		free(name);
	}
}

/* the directive's tokens behind the '#'; the caller frees both */
static struct ctoken *directive_tokens(const struct ctoken *t, char **ret_copy)
{
	size_t n;

	*ret_copy = mem_string_n(t->at + 1, t->len - 1);
	return ctoken_all(*ret_copy, &n);
}

/* the compiler's, the kernel's configuration's, and what the text itself defines */
static bool is_foreign(const char *name, const struct table *own)
{
	return name[0] == '_' || is_kernels(name) || table_get(own, name);
}

static void add_asked(struct building *b, const struct ctoken *t, const struct table *own)
{
	struct ctoken *tokens, *c;
	char *copy, *name;

	c = tokens = directive_tokens(t, &copy);
	if (ctoken_is(c, "if")) {
		c += 1 + ctoken_is(&c[1], "!");
		if (c->kind != CTOKEN_END && ctoken_is(c, "defined"))
			c += ctoken_is(&c[1], "(");
		else
			c = NULL;
	} else if (!ctoken_is(c, "ifdef") && !ctoken_is(c, "ifndef")) {
		c = NULL;
	}
	if (c && c[1].kind == CTOKEN_IDENT) {
		name = ctoken_string(&c[1]);
		if (!is_foreign(name, own))
			add_name(b, name)->asked = true;
		free(name);
	}
	free(tokens);
	free(copy);
}

static struct table *own_macros(const struct ctoken *t)
{
	static char present;
	struct table *own = table_new();
	struct ctoken *tokens;
	char *copy, *name;

	for (; t->kind != CTOKEN_END; t++) {
		if (t->kind != CTOKEN_DIRECTIVE)
			continue;
		tokens = directive_tokens(t, &copy);
		if (ctoken_is(tokens, "define") && tokens[1].kind == CTOKEN_IDENT) {
			name = ctoken_string(&tokens[1]);
			table_set(own, name, &present);
			free(name);
		}
		free(tokens);
		free(copy);
	}
	return own;
}

static void find_names(struct building *b)
{
	size_t i, n;
	struct ctoken *tokens = ctoken_all(b->req->text, &n);
	struct table *own = own_macros(tokens);

	add_defines(b);
	for (i = 0; i < n; i++) {
		if (tokens[i].kind == CTOKEN_DIRECTIVE)
			add_asked(b, &tokens[i], own);
	}
	table_free(own, NULL);
	free(tokens);
}

static void release_names(struct building *b)
{
	while (b->n) {
		free(b->names[--b->n].name);
		free(b->names[b->n].why);
	}
	free(b->names);
}

/* ---- compiling ---- */

/* a copy without its defines; ret is to be released */
static void copy_request(const struct request *req, struct request *ret)
{
	struct error ignored = ERROR_INIT;
	struct buf wire = BUF_INIT;
	size_t used;

	request_write(req, &wire);
	if (request_read(ret, wire.data, wire.len, &used, &ignored))
		request_init(ret);
	error_clear(&ignored);
	buf_release(&wire);
	while (ret->n_defines)
		free(ret->defines[--ret->n_defines]);
	free(ret->defines);
	ret->defines = NULL;
}

static struct object *compile(struct building *b, struct request *req, struct buf *warnings,
	struct error *err)
{
	struct build_options opts;

	host_build_options(b->h, &opts);
	return build_object(req, &opts, warnings, err);
}

static bool is_jump(const struct bpf_insn *insn)
{
	unsigned cls = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (cls == BPF_JMP || cls == BPF_JMP32) && op != BPF_CALL && op != BPF_EXIT;
}

/* where it may go on: up to two places; those out of range are none */
static size_t next_insns(const struct object_program *prog, size_t i, size_t *ret)
{
	const struct bpf_insn *insn = &prog->insns[i];
	bool wide = insn->code == (BPF_LD | BPF_IMM | BPF_DW), jump = is_jump(insn);
	size_t n = 0;

	if (insn->code == (BPF_JMP | BPF_EXIT))
		return 0;
	if (!jump || BPF_OP(insn->code) != BPF_JA)
		ret[n++] = i + 1 + wide;
	if (jump)
		ret[n++] = i + 1 + insn->off;
	while (n && ret[n - 1] >= prog->n_insns)
		n--;
	return n;
}

/* a way back to where it came from: what old verifiers call a back-edge */
static bool program_loops(const struct object_program *prog)
{
	enum { NEW, OPEN, DONE };
	unsigned char *state = mem_alloc(prog->n_insns);
	size_t *path = mem_array(prog->n_insns, sizeof(*path)), depth = 0, next[2], n, k;
	bool loops = false;

	path[depth++] = 0;
	while (depth && !loops) {
		size_t i = path[depth - 1];

		state[i] = OPEN;
		n = next_insns(prog, i, next);
		for (k = 0; k < n && state[next[k]] == DONE; k++)
			;
		if (k == n) {
			state[i] = DONE;
			depth--;
		} else if (state[next[k]] == OPEN) {
			loops = true;
		} else {
			path[depth++] = next[k];
		}
	}
	free(state);
	free(path);
	return loops;
}

static bool has_loop(const struct object *obj)
{
	size_t i;

	for (i = 0; i < obj->n_programs; i++) {
		if (program_loops(&obj->programs[i]))
			return true;
	}
	return false;
}

/* as it is at the build, whatever else is a parameter */
static void add_fixed(struct request *req, const struct name *n)
{
	if (n->value)
		request_add_define(req, n->name, n->value);
}

/* only `alone` is a parameter; NULL: none is */
static struct object *compile_alone(struct building *b, const struct name *alone, bool optional,
	struct request *ret, struct error *err)
{
	struct buf ignored = BUF_INIT;
	struct object *obj;
	size_t i;

	copy_request(b->req, ret);
	for (i = 0; i < b->n; i++) {
		if (&b->names[i] == alone)
			request_add_param(ret, alone->name, optional);
		else
			add_fixed(ret, &b->names[i]);
	}
	obj = compile(b, ret, &ignored, err);
	buf_release(&ignored);
	return obj;
}

/* the first complaint of a compiler, without the place and its markup */
static char *first_complaint(const struct error *err)
{
	static const char *const marks[] = { "LLVM ERROR: ", "error: " };
	const char *at = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(marks) && !at; i++) {
		at = strstr(err->text, marks[i]);
		at = at ? at + strlen(marks[i]) : NULL;
	}
	at = at ? at : err->text;
	return mem_string_n(at, strcspn(at, "\n"));
}

/* can it be a parameter in this way? Else *ret_why, which the caller owns */
static bool can_vary(struct building *b, const struct name *n, bool optional, bool loops,
	char **ret_why)
{
	struct error err = ERROR_INIT;
	struct request req;
	struct object *obj = compile_alone(b, n, optional, &req, &err);
	bool good = obj && (loops || !has_loop(obj));

	if (!obj)
		*ret_why = first_complaint(&err);
	else if (!good)
		*ret_why = mem_string("a loop that depends on it cannot be unrolled");
	object_free(obj);
	request_release(&req);
	error_clear(&err);
	return good;
}

static void judge(struct building *b, struct name *n, bool loops, size_t *n_variants)
{
	char *why = NULL, *second = NULL;

	if (n->how == HOW_FIXED || can_vary(b, n, n->asked, loops, &why))
		return;
	if (n->asked && can_vary(b, n, false, loops, &second)) {
		n->how = *n_variants < VARIANTS_MAX ? HOW_VARIANT : HOW_FIXED;
		++*n_variants;
	} else {
		n->how = HOW_FIXED;
	}
	free(second);
	n->why = why;
}

/* ---- objects ---- */

static void note_fixed(struct building *b, struct object *obj)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		const struct name *n = &b->names[i];
		char *text;

		if (!n->why || n->how != HOW_FIXED)
			continue;
		text = mem_format("%s %s%.*s: %s", n->name, n->value ? "is fixed to " :
			"is always absent", VALUE_MAX, n->value ? n->value : "", n->why);
		object_add_fact(obj, "fixed", text);
		free(text);
	}
}

/* the variant whose i-th name of HOW_VARIANT is there if bit i is set */
static void make_request(struct building *b, unsigned present, struct request *ret)
{
	unsigned bit = 1;
	size_t i;

	copy_request(b->req, ret);
	for (i = 0; i < b->n; i++) {
		const struct name *n = &b->names[i];

		if (n->how == HOW_FIXED)
			add_fixed(ret, n);
		else if (n->how == HOW_FREE)
			request_add_param(ret, n->name, n->asked);
		else if (present & bit)
			request_add_param(ret, n->name, false);
		if (n->how == HOW_VARIANT)
			bit <<= 1;
	}
}

/* the variant that is like the build's own defines */
static unsigned own_variant(const struct building *b)
{
	unsigned bit = 1, present = 0;
	size_t i;

	for (i = 0; i < b->n; i++) {
		if (b->names[i].how != HOW_VARIANT)
			continue;
		if (b->names[i].value)
			present |= bit;
		bit <<= 1;
	}
	return present;
}

/* takes obj. The report's object has the maps that the script will name */
static int keep(struct building *b, size_t index, const struct request *req, struct object *obj,
	struct error *err)
{
	struct dry_program *p = &b->h->dry->report.programs[index];
	struct object *copy = p->object ? obj : object_copy(obj, err);

	if (!copy) {
		object_free(obj);
		return -1;
	}
	if (!p->object)
		p->object = obj;
	note_fixed(b, copy);
	return bundle_add_object(b->h->opts->collect, target_name(b->h->target), req, copy, err);
}

static int add_variant(struct building *b, size_t index, unsigned present, bool loops,
	struct error *err)
{
	struct buf warnings = BUF_INIT;
	struct request req;
	struct object *obj;
	int ret = -1;

	make_request(b, present, &req);
	obj = compile(b, &req, &warnings, err);
	if (obj && !loops && has_loop(obj)) {
		error_set(err, "E-COMPILE", "a loop cannot be unrolled");
		object_free(obj);
	} else if (obj) {
		ret = keep(b, index, &req, obj, err);
	}
	if (ret == 0)
		dry_warnings(b->h->dry, &warnings);
	buf_release(&warnings);
	request_release(&req);
	return ret;
}

static int add_variants(struct building *b, size_t index, size_t n_variants, bool loops,
	struct error *err)
{
	unsigned own = own_variant(b), i;

	if (add_variant(b, index, own, loops, err))
		return -1;
	for (i = 0; i < 1u << n_variants; i++) {
		struct error why = ERROR_INIT;

		if (i != own && add_variant(b, index, i, loops, &why))
			dry_add(b->h->dry, DRY_NOTE, "", NULL, "%s:%u: a variant was left out: %s",
				b->req->file, b->req->line, why.text);
		error_clear(&why);
	}
	return 0;
}

/* together they do not compile: all as it is */
static void fix_all(struct building *b, const struct error *why)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		if (b->names[i].how == HOW_FIXED)
			continue;
		b->names[i].how = HOW_FIXED;
		free(b->names[i].why);
		b->names[i].why = first_complaint(why);
	}
}

static int build_apart(struct building *b, size_t index, struct error *err)
{
	struct error first = ERROR_INIT;
	struct request req;
	struct object *plain = compile_alone(b, NULL, false, &req, err);
	size_t i, n_variants = 0;
	bool loops = plain && has_loop(plain);
	int ret = 0;

	object_free(plain);
	request_release(&req);
	if (!plain)
		return -1;
	for (i = 0; i < b->n && !host_signal(); i++)
		judge(b, &b->names[i], loops, &n_variants);
	if (n_variants > VARIANTS_MAX)
		n_variants = VARIANTS_MAX;
	if (add_variants(b, index, n_variants, loops, &first)) {
		fix_all(b, &first);
		ret = add_variant(b, index, 0, loops, err);
	}
	error_clear(&first);
	return ret;
}

static void report_fixed(struct building *b)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		const struct name *n = &b->names[i];

		if (n->why && n->how == HOW_FIXED)
			dry_add(b->h->dry, DRY_NOTE, "", NULL, "%s:%u: define '%s' %s%s in the "
				"bundle: %s", b->req->file, b->req->line, n->name,
				n->value ? "is fixed to " : "is always absent",
				n->value ? n->value : "", n->why);
		if (n->how == HOW_VARIANT)
			dry_add(b->h->dry, DRY_NOTE, "", NULL, "%s:%u: two objects, with and "
				"without define '%s': %s", b->req->file, b->req->line, n->name,
				n->why);
	}
}

int dry_build(struct host *h, struct request *req, size_t index, struct error *err)
{
	struct building b = { .h = h, .req = req };
	int ret;

	find_names(&b);
	ret = add_variant(&b, index, 0, false, err);
	/* there are texts on which the compiler dies; whether it is there at all is told again */
	if (ret && str_starts(err->tag, "E-COMPILE") && !host_signal()) {
		error_clear(err);
		ret = build_apart(&b, index, err);
	}
	if (!ret)
		report_fixed(&b);
	release_names(&b);
	return ret;
}
