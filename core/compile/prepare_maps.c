/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods of maps that store, and may fail.
 *
 * libbcc's increment() inserts in BPF_HASH only, adds in three steps that
 * another CPU may come between, and drops the count when the map is full or
 * when another CPU was the first to insert.  Ours inserts a zero where there
 * is nothing, whatever the map is, adds atomically, and counts what it could
 * not add.  The other methods stay libbcc's; where nobody else can tell that
 * they failed, it is counted behind them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "compile/prepare_internal.h"

/* ---- what the text says ---- */

/* LOSS(map_full): who writes it looks at the results himself */
static bool counts_itself(const struct preparation *p)
{
	size_t i;

	for (i = 0; i + 2 < p->n_tokens; i++) {
		if (ctoken_is(&p->tokens[i], "LOSS") && ctoken_is(&p->tokens[i + 1], "(") &&
		    ctoken_is(&p->tokens[i + 2], "map_full"))
			return true;
	}
	return false;
}

static bool is_declaration(const struct ctoken *t)
{
	return t->kind == CTOKEN_IDENT && t->len > 4 && memcmp(t->at, "BPF_", 4) == 0 &&
		ctoken_is(&t[1], "(");
}

/* BPF_PERCPU_ARRAY(, BPF_PERCPU_HASH(, BPF_TABLE("percpu_hash", ...: `word` in front */
static bool declares_kind(const struct ctoken *t, const char *macro, const char *word)
{
	if (!ctoken_is(t, "BPF_TABLE"))
		return str_starts(t->at, macro);
	return t[2].kind == CTOKEN_STRING && (str_starts(t[2].at + 1, word) ||
		(str_starts(t[2].at + 1, "lru_") && str_starts(t[2].at + 5, word)));
}

/* all that may declare the map of this name, behind whatever #if, declare this kind */
static bool is_kind(const struct preparation *p, const struct ctoken *name, const char *macro,
	const char *word)
{
	bool found = false;
	size_t i, k, end;

	for (i = 0; i + 2 < p->n_tokens; i++) {
		if (!is_declaration(&p->tokens[i]))
			continue;
		end = ctoken_close(p->tokens, i + 1);
		for (k = i + 2; k < end; k++) {
			const struct ctoken *t = &p->tokens[k];

			if (t->len != name->len || memcmp(t->at, name->at, t->len) != 0)
				continue;
			if (!declares_kind(&p->tokens[i], macro, word))
				return false;
			found = true;
		}
	}
	return found;
}

/* `)` of if (...), while (...): a statement follows */
static bool ends_condition(const struct preparation *p, const struct ctoken *t)
{
	size_t depth = 0;

	for (; t > p->tokens; t--) {
		depth += ctoken_is(t, ")");
		depth -= ctoken_is(t, "(");
		if (!depth)
			break;
	}
	return t > p->tokens && (ctoken_is(&t[-1], "if") || ctoken_is(&t[-1], "for") ||
		ctoken_is(&t[-1], "while"));
}

/* "(void)" that ends at t */
static bool is_void_cast(const struct preparation *p, const struct ctoken *t)
{
	return t - p->tokens >= 2 && ctoken_is(&t[-1], "void") && ctoken_is(&t[-2], "(");
}

/* the ":" of "case X:", "default:" or a label, not that of "a ? b : c" */
static bool ends_label(const struct preparation *p, const struct ctoken *t)
{
	if (!ctoken_is(t, ":"))
		return false;
	while (t > p->tokens && !ctoken_is(t, ";") && !ctoken_is(t, "{") && !ctoken_is(t, "}")) {
		if (ctoken_is(t, "?"))
			return false;
		t--;
	}
	return true;
}

/* the call is a statement of its own: nobody sees its result */
static bool is_discarded(const struct preparation *p, const struct call *call)
{
	const struct ctoken *before = call->name - 1, *behind = call->close + 1;

	if (call->name == p->tokens || !ctoken_is(behind, ";") ||
	    (ctoken_is(&behind[1], "}") && ctoken_is(&behind[2], ")")))
		return false;
	if (ctoken_is(before, ")"))
		return ends_condition(p, before) || is_void_cast(p, before);
	return before->kind == CTOKEN_DIRECTIVE || ctoken_is(before, "else") ||
		ctoken_is(before, ";") || ctoken_is(before, "{") || ctoken_is(before, "}") ||
		ends_label(p, before);
}

/* ---- calls ---- */

/* increment(key[, by]): of arrays there is nothing to insert, and other CPUs leave alone what is
 * this one's */
static void rewrite_increment(struct preparation *p, const struct call *call)
{
	bool array = is_kind(p, call->name, "BPF_ARRAY", "array") ||
		is_kind(p, call->name, "BPF_PERCPU_ARRAY", "percpu_array");
	bool percpu = is_kind(p, call->name, "BPF_PERCPU_", "percpu_");
	char *name = ctoken_string(call->name);
	char *by = mem_format("%s;typeof(%s.leaf) moontrace_by=%s", call->n_args == 2 ? ")" : "",
		name, call->n_args == 2 ? "(" : "1");

	prepare_before(p, call->name, mem_format("({typeof(%s.key) moontrace_key=", name));
	prepare_replace(p, call->name, "");
	prepare_replace(p, call->name + 1, "");
	prepare_replace(p, call->method, "");
	if (call->n_args == 2)
		prepare_replace(p, call->ends[0], by);
	prepare_behind(p, call->close, mem_format("%s,moontrace_none=0,*moontrace_leaf="
		"%s.%s(&moontrace_key%s);MOONTRACE_ADD(%s)})", call->n_args == 2 ? "" : by, name,
		array ? "lookup" : "lookup_or_try_init", array ? "" : ",&moontrace_none",
		percpu ? "moontrace_plain" : "moontrace_atomic"));
	free(by);
	free(name);
}

/* lookup_or_init(key, value) leaves the function where it fails */
static void rewrite_lookup(struct preparation *p, const struct call *call, bool leaves)
{
	char *name = ctoken_string(call->name);

	prepare_before(p, call->name, mem_format("({typeof(%s.leaf) *moontrace_leaf=", name));
	prepare_replace(p, call->method, "lookup_or_try_init");
	prepare_behind(p, call->close, mem_format(";if(!moontrace_leaf){"
		"moontrace_count(MOONTRACE_LOSS_map_full);%s}moontrace_leaf;})",
		leaves ? "return 0;" : ""));
	free(name);
}

static bool is_increment(const struct ctoken *method)
{
	return ctoken_is(method, "increment") || ctoken_is(method, "atomic_increment");
}

static bool is_store(const struct ctoken *method)
{
	return ctoken_is(method, "update") || ctoken_is(method, "insert") ||
		ctoken_is(method, "push");
}

void maps_rewrite(struct preparation *p, const struct call *call)
{
	bool theirs = counts_itself(p);

	if (is_increment(call->method) && (call->n_args == 1 || call->n_args == 2)) {
		rewrite_increment(p, call);
	} else if (call->n_args != 2) {
		return;			/* libbcc will say what is wrong */
	} else if (is_store(call->method) && (!theirs || is_discarded(p, call))) {
		prepare_before(p, call->name, mem_string("moontrace_stored("));
		prepare_behind(p, call->close, mem_string(")"));
	} else if (ctoken_is(call->method, "lookup_or_init")) {
		rewrite_lookup(p, call, true);
	} else if (ctoken_is(call->method, "lookup_or_try_init") && !theirs) {
		rewrite_lookup(p, call, false);
	}
}

/* ---- the prelude ---- */

bool maps_may_lose(const struct preparation *p)
{
	size_t i;

	for (i = 0; i + 2 < p->n_tokens; i++) {
		const struct ctoken *method = &p->tokens[i + 1];

		if (ctoken_is(&p->tokens[i], ".") && ctoken_is(&p->tokens[i + 2], "(") &&
		    (is_increment(method) || is_store(method) ||
		     ctoken_is(method, "lookup_or_init") ||
		     ctoken_is(method, "lookup_or_try_init")))
			return true;
	}
	return false;
}

/*
 * No instruction adds atomically to what is smaller than four bytes.  What
 * insert() finds to be there already is not lost.
 */
void maps_declare(struct preparation *p)
{
	buf_addf(&p->out->text,
		"#define MOONTRACE_ADD(add) if(!moontrace_leaf)"
		"moontrace_count(MOONTRACE_LOSS_map_full);else add;\n"
		"#define moontrace_plain *moontrace_leaf+=moontrace_by\n"
		"#define moontrace_atomic if(sizeof(*moontrace_leaf)<4)moontrace_plain;"
		"else (void)__sync_fetch_and_add(moontrace_leaf,moontrace_by)\n"
		"static inline long moontrace_stored(long ret)\n"
		"{\n"
		"	if (ret != 0 && ret != %d)\n"
		"		moontrace_count(MOONTRACE_LOSS_map_full);\n"
		"	return ret;\n"
		"}\n", -EEXIST);
}
