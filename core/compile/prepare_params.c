/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters: macros whose value is put into the object before it is loaded.
 *
 * In code a parameter is a 64-bit load of a number that no text has, in the
 * size of a map another such number; both are found again in what the
 * compiler made.  Where the text asks whether an optional one is there,
 *     #ifdef PID ... #else ... #endif
 * around whole statements becomes an if on a second such load, so that one
 * object serves both.
 */
#include "compile/prepare_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "compile/diagnose.h"

/* ---- the prelude ---- */

static bool is_optional(const char *param)
{
	return str_ends(param, "?");
}

static void add_load(struct buf *out, const char *what, const struct prepared_param *param,
	size_t index, unsigned kind)
{
	buf_addf(out, "static inline __attribute__((always_inline)) long long moontrace_%s_%s(void)"
		"\n{ long long v; asm(\"%%0 = 0x%llx ll\" : \"=r\"(v)); return v; }\n", what,
		param->name, (unsigned long long)PREPARED_PARAM(index, kind));
}

int params_declare(struct preparation *p)
{
	struct buf *out = &p->out->text;
	size_t i;

	for (i = 0; i < p->req->n_params; i++) {
		const char *text = p->req->params[i];
		struct prepared_param *param = MEM_GROW(p->out->params, p->out->n_params);

		param->optional = is_optional(text);
		param->name = mem_string_n(text, strlen(text) - param->optional);
		if (!ctoken_is_name(param->name)) {
			diagnose_file(p->diag, p->req, "parameter '%s': not a C identifier", text);
			return -1;
		}
		add_load(out, "has", param, i, PATCH_PRESENT);
		add_load(out, "param", param, i, PATCH_VALUE);
		/* one that is only asked for is no macro, so that a header's is noticed */
		param->macro = !param->optional || prepare_names(p, param->name);
		if (param->macro)
			buf_addf(out, "#define %s moontrace_param_%s()\n", param->name,
				param->name);
	}
	return 0;
}

void params_guard(struct preparation *p)
{
	size_t i;

	for (i = 0; i < p->out->n_params; i++) {
		const char *name = p->out->params[i].name;

		if (!p->out->params[i].macro)
			buf_addf(&p->out->text, "\n#ifdef %s\n#error a header defines %s\n#endif\n",
				name, name);
	}
}

/* ---- preprocessor lines ---- */

/* a word in a line */
static bool has_word(const char *at, size_t len, const char *name)
{
	char *copy = mem_string_n(at, len);
	struct ctoken_reader r;
	struct ctoken t;
	bool found = false;

	ctoken_start(&r, copy);
	for (ctoken_next(&r, &t); t.kind != CTOKEN_END && !found; ctoken_next(&r, &t))
		found = t.kind == CTOKEN_IDENT && ctoken_is(&t, name);
	free(copy);
	return found;
}

/* "#  ifdef PID": the word, and what is behind it */
static char *directive_word(const struct ctoken *t, const char **ret_rest)
{
	const char *at = t->at + 1, *end = t->at + t->len;
	size_t n = 0;

	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (at + n < end && at[n] >= 'a' && at[n] <= 'z')
		n++;
	*ret_rest = at + n;
	return mem_string_n(at, n);
}

static const struct prepared_param *find_param(const struct preparation *p,
	const struct ctoken *name)
{
	size_t i;

	for (i = 0; i < p->out->n_params; i++) {
		if (name->kind == CTOKEN_IDENT && ctoken_is(name, p->out->params[i].name))
			return &p->out->params[i];
	}
	return NULL;
}

/* #ifdef X, #ifndef X, #if defined(X), #if !defined X; NULL: another condition */
static const struct prepared_param *asked_param(const struct preparation *p,
	const struct ctoken *t, bool *ret_negated)
{
	const struct prepared_param *found = NULL;
	const char *rest;
	char *word = directive_word(t, &rest);
	char *copy = mem_string_n(rest, t->at + t->len - rest);
	struct ctoken *tokens, *c;
	size_t n;

	c = tokens = ctoken_all(copy, &n);
	*ret_negated = strcmp(word, "ifndef") == 0;
	if (strcmp(word, "if") == 0) {
		*ret_negated = ctoken_is(c, "!");
		c += *ret_negated;
		if (!ctoken_is(c++, "defined"))
			goto out;
		c += ctoken_is(c, "(");
	} else if (strcmp(word, "ifdef") != 0 && !*ret_negated) {
		goto out;
	}
	found = find_param(p, c);
	c += c->kind != CTOKEN_END;
	c += ctoken_is(c, ")");
	if (c->kind != CTOKEN_END || (found && !found->optional))
		found = NULL;
out:
	free(tokens);
	free(copy);
	free(word);
	return found;
}

/* conditions on the value, and what would take the macro away */
static int check_directive(struct preparation *p, const struct ctoken *t)
{
	const char *rest;
	char *word = directive_word(t, &rest);
	bool wrong = strcmp(word, "if") == 0 || strcmp(word, "elif") == 0 ||
		strcmp(word, "undef") == 0, asks = strncmp(word, "if", 2) == 0;
	size_t i;
	int ret = 0;

	for (i = 0; i < p->out->n_params && !ret; i++) {
		const struct prepared_param *param = &p->out->params[i];

		if (!(wrong || (asks && param->optional)) ||
		    !has_word(rest, t->at + t->len - rest, param->name))
			continue;
		diagnose(p->diag, p->req, t->line, t->column,
			"%s cannot vary: the preprocessor decides by it", param->name);
		ret = -1;
	}
	free(word);
	return ret;
}

/* ---- #ifdef to if ---- */

enum { NESTED_MAX = 32 };

struct frame {
	const struct prepared_param *param;	/* NULL: left to the preprocessor */
	size_t depth;				/* of braces, where it began */
};

/* statements may begin behind this token */
static bool ends_statement(const struct ctoken *t)
{
	return t->kind == CTOKEN_DIRECTIVE || ctoken_is(t, ";") || ctoken_is(t, "{") ||
		ctoken_is(t, "}");
}

static int open_frame(struct preparation *p, const struct ctoken *t, size_t depth,
	struct frame *frame)
{
	bool negated, whole = t > p->tokens && ends_statement(&t[-1]) && depth;
	char *text;

	frame->depth = depth;
	frame->param = asked_param(p, t, &negated);
	if (!frame->param)
		return check_directive(p, t);
	if (!whole) {
		diagnose(p->diag, p->req, t->line, t->column,
			"whether %s is there cannot vary: it is asked outside of functions or "
			"within a statement", frame->param->name);
		return -1;
	}
	text = mem_format("if (%smoontrace_has_%s()) {", negated ? "!" : "", frame->param->name);
	prepare_replace(p, t, text);
	free(text);
	return 0;
}

/* #else, #endif of a frame that became an if */
static int close_branch(struct preparation *p, const struct ctoken *t, size_t depth,
	const struct frame *frame, const char *text)
{
	if (frame->depth == depth && ends_statement(&t[-1])) {
		prepare_replace(p, t, text);
		return 0;
	}
	diagnose(p->diag, p->req, t->line, t->column,
		"whether %s is there cannot vary: the lines between are no whole statements",
		frame->param->name);
	return -1;
}

static int rewrite_directive(struct preparation *p, const struct ctoken *t, size_t depth,
	struct frame *frames, size_t *n)
{
	const char *rest;
	char *word = directive_word(t, &rest);
	struct frame *top = *n ? &frames[*n - 1] : NULL;
	bool ours = top && top->param;
	int ret = 0;

	if (strncmp(word, "if", 2) == 0) {
		if (*n < NESTED_MAX)
			ret = open_frame(p, t, depth, &frames[(*n)++]);
		else
			ret = check_directive(p, t);
	} else if (strcmp(word, "else") == 0 && ours) {
		ret = close_branch(p, t, depth, top, "} else {");
	} else if (strcmp(word, "elif") == 0 && ours) {
		ret = close_branch(p, t, depth + 1, top, "");
	} else if (strcmp(word, "endif") == 0 && top) {
		if (ours)
			ret = close_branch(p, t, depth, top, "}");
		--*n;
	} else {
		ret = check_directive(p, t);
	}
	free(word);
	return ret;
}

/* ---- sizes of maps ---- */

/* the parameter in a BPF_...(...) outside of functions becomes a number */
static void rewrite_map(struct preparation *p, size_t open)
{
	size_t end = ctoken_close(p->tokens, open), i;

	for (i = open + 1; i < end; i++) {
		const struct prepared_param *found = find_param(p, &p->tokens[i]);
		struct prepared_param *param;
		char *number;

		if (!found)
			continue;
		param = &p->out->params[found - p->out->params];
		if (!param->entries && p->out->n_sized == PREPARED_SIZED_MAX)
			return;		/* the compiler will say that it is no constant */
		if (!param->entries)
			param->entries = PREPARED_ENTRIES >> p->out->n_sized++;
		param->line = p->req->line - 1 + p->tokens[i].line;
		number = mem_format("%u", param->entries);
		prepare_replace(p, &p->tokens[i], number);
		free(number);
	}
}

static bool declares_map(const struct ctoken *t)
{
	return t->kind == CTOKEN_IDENT && t->len > 4 && memcmp(t->at, "BPF_", 4) == 0 &&
		ctoken_is(&t[1], "(");
}

int params_rewrite(struct preparation *p)
{
	struct frame frames[NESTED_MAX];
	size_t i, depth = 0, n = 0;
	int ret = 0;

	if (!p->out->n_params)
		return 0;
	for (i = 0; i < p->n_tokens; i++) {
		const struct ctoken *t = &p->tokens[i];

		if (t->kind == CTOKEN_DIRECTIVE)
			ret |= rewrite_directive(p, t, depth, frames, &n);
		else if (ctoken_is(t, "{"))
			depth++;
		else if (ctoken_is(t, "}") && depth)
			depth--;
		else if (!depth && declares_map(t))
			rewrite_map(p, i + 1);
	}
	return ret;
}
