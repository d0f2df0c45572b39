/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs for USDT probes: for each place where a probe has its arguments,
 * one that reads them from there and calls the text's function.
 */
#include <stdlib.h>
#include <string.h>

#include "base/machine.h"
#include "base/mem.h"
#include "base/str.h"
#include "compile/diagnose.h"
#include "compile/prepare_internal.h"
#include "object/usdt_spec.h"

/* a parameter's tokens are [from, to) */
struct parameter {
	const struct ctoken *from, *to;
};

/* one record of the request, and the function that it names */
struct handler {
	char *function;
	struct usdt_spec spec;
	struct usdt_arg args[USDT_ARGS_MAX];
	size_t n_args;
	const struct ctoken *name;	/* where the text defines it; NULL: nowhere */
	struct parameter params[USDT_ARGS_MAX];	/* behind the context */
	size_t n_params;
};

/* ---- the function ---- */

/* the name of `NAME(...) {`, outside of other functions */
static const struct ctoken *find_definition(const struct preparation *p, const char *function)
{
	const struct ctoken *t = p->tokens;

	for (; t->kind != CTOKEN_END; t++) {
		if (ctoken_is(t, "{"))
			t = &p->tokens[ctoken_close(p->tokens, t - p->tokens)];
		if (t->kind == CTOKEN_END)
			break;
		if (t->kind == CTOKEN_IDENT && ctoken_is(t, function) && ctoken_is(&t[1], "(") &&
		    ctoken_is(&p->tokens[ctoken_close(p->tokens, t + 1 - p->tokens) + 1], "{"))
			return t;
	}
	return NULL;
}

/* false: more parameters than any probe has arguments */
static bool split_parameters(const struct preparation *p, struct handler *h)
{
	const struct ctoken *start = h->name + 2, *t;
	const struct ctoken *end = &p->tokens[ctoken_close(p->tokens, h->name + 1 - p->tokens)];
	size_t n = 0;

	for (t = start; t <= end; t++) {
		if (ctoken_is(t, "(")) {
			t = &p->tokens[ctoken_close(p->tokens, t - p->tokens)];
			continue;
		}
		if (t != end && !ctoken_is(t, ","))
			continue;
		/* the first is the context */
		if (n > USDT_ARGS_MAX)
			return false;
		if (n++)
			h->params[n - 2] = (struct parameter){ start, t };
		start = t + 1;
	}
	h->n_params = n - 1;
	return true;
}

/* a parameter that nobody reads may be for an argument that cannot be read */
static bool is_unused(const struct parameter *param)
{
	const struct ctoken *name = param->to - 1;

	return name->kind == CTOKEN_IDENT && name->len >= 6 && memcmp(name->at, "unused", 6) == 0;
}

static int check_parameters(const struct preparation *p, const struct handler *h)
{
	int ret = 0;
	size_t i;

	if (h->n_params > h->n_args) {
		diagnose(p->diag, p->req, h->name->line, h->name->column,
			"'%s' takes %zu arguments, USDT probe %s has %zu: (%s)", h->function,
			h->n_params, h->spec.name, h->n_args, h->spec.args);
		return -1;
	}
	for (i = 0; i < h->n_params; i++) {
		const struct ctoken *t = h->params[i].from;

		if (!h->args[i].unread || is_unused(&h->params[i]))
			continue;
		diagnose(p->diag, p->req, t->line, t->column,
			"argument %zu of USDT probe %s cannot be read: it is %s: (%s)", i + 1,
			h->spec.name, h->args[i].unread, h->spec.args);
		ret = -1;
	}
	return ret;
}

/* ---- a record ---- */

static void release(struct handler *h)
{
	free(h->function);
	usdt_spec_release(&h->spec);
}

/* *h is to be released in both cases */
static int read_record(const struct preparation *p, const char *record, struct handler *h)
{
	const struct machine *m = machine_find(p->req->machine);
	size_t n = strcspn(record, " ");

	memset(h, 0, sizeof(*h));
	h->function = mem_string_n(record, n);
	if (!m || !ctoken_is_name(h->function) || !str_starts(record + n, " usdt:") ||
	    !usdt_spec_parse(record + n + strlen(" usdt:"), &h->spec) || !h->spec.args ||
	    !usdt_spec_fits(&h->spec)) {
		diagnose_file(p->diag, p->req, "usdt '%s': malformed", record);
		return -1;
	}
	h->n_args = usdt_args(h->spec.args, m, h->args);
	if (h->n_args > USDT_ARGS_MAX)
		h->n_args = USDT_ARGS_MAX;
	h->name = find_definition(p, h->function);
	if (!h->name) {
		diagnose_file(p->diag, p->req, "no function '%s' for USDT probe %s in the text",
			h->function, h->spec.name);
		return -1;
	}
	if (!split_parameters(p, h)) {
		diagnose(p->diag, p->req, h->name->line, h->name->column,
			"'%s' takes more arguments than a USDT probe has", h->function);
		return -1;
	}
	return check_parameters(p, h);
}

/* ---- the program ---- */

/* the register's value, without what is above it */
static void add_register(const struct place_register *r, struct buf *out)
{
	buf_addf(out, "(u%u)((u64)ctx->%s >> %u)", 8 * r->bytes, r->member, r->shift);
}

static void add_address(const struct place *place, struct buf *out)
{
	buf_addf(out, "(u64)%lldll", (long long)place->number);
	if (place->base.bytes) {
		buf_adds(out, " + ");
		add_register(&place->base, out);
	}
	if (place->index.bytes) {
		buf_adds(out, " + (u64)");
		add_register(&place->index, out);
		buf_addf(out, " * %u", place->scale);
	}
}

/* s64 mt_argN = ..., as wide as any parameter and with the argument's sign */
static void add_value(size_t i, const struct usdt_arg *arg, struct buf *out)
{
	unsigned bits = 8 * arg->size;
	char sign = arg->is_signed ? 's' : 'u';

	if (arg->unread) {
		buf_addf(out, "s64 mt_arg%zu = 0; ", i);
		return;
	}
	switch (arg->place.kind) {
	case PLACE_CONSTANT:
		buf_addf(out, "s64 mt_arg%zu = (%c%u)%lluull; ", i, sign, bits,
			(unsigned long long)arg->place.number);
		break;
	case PLACE_REGISTER:
		buf_addf(out, "s64 mt_arg%zu = (%c%u)", i, sign,
			arg->size < arg->place.base.bytes ? bits : 8 * arg->place.base.bytes);
		add_register(&arg->place.base, out);
		buf_adds(out, "; ");
		break;
	case PLACE_MEMORY:
		buf_addf(out, "%c%u mt_read%zu = 0; if (bpf_probe_read_user(&mt_read%zu, %u, "
			"(void *)(", sign, bits, i, i, arg->size);
		add_address(&arg->place, out);
		buf_addf(out, "))) { moontrace_count(MOONTRACE_LOSS_other); return 0; } "
			"s64 mt_arg%zu = mt_read%zu; ", i, i);
		break;
	}
}

/* (TYPE)mt_argN: integers of all sizes, and pointers */
static void add_argument(size_t i, const struct parameter *param, struct buf *out)
{
	const struct ctoken *t, *end = param->to;

	if (end > param->from + 1 && end[-1].kind == CTOKEN_IDENT)
		end--;
	buf_adds(out, ", (");
	for (t = param->from; t < end; t++) {
		buf_add(out, t->at, t->len);
		buf_addc(out, ' ');
	}
	buf_addf(out, ")mt_arg%zu", i);
}

/*
 * The lines of all that it does are the function's.  libbcc adds one in
 * front of the program.
 */
static void add_program(struct preparation *p, const struct handler *h, const char *program)
{
	uint32_t line = p->req->line - 1 + h->name->line;
	struct buf *out = &p->out->text;
	size_t i;

	buf_addf(out, "#line %u \"%s\"\nint %s(struct pt_regs *ctx)\n{\n#line %u \"%s\"\n",
		line > 1 ? line - 1 : line, SCRIPT_NAME, program, line, SCRIPT_NAME);
	for (i = 0; i < h->n_params; i++)
		add_value(i + 1, &h->args[i], out);
	buf_addf(out, "%s(ctx", h->function);
	for (i = 0; i < h->n_params; i++)
		add_argument(i + 1, &h->params[i], out);
	buf_adds(out, "); return 0; }\n");
}

/* ---- for prepare.c ---- */

bool usdt_reads_memory(const struct preparation *p)
{
	struct buf ignored = BUF_INIT;
	struct preparation quiet = *p;
	struct handler h;
	bool found = false;
	size_t i, k;

	quiet.diag = &ignored;
	for (i = 0; i < p->req->n_usdt && !found; i++) {
		if (read_record(&quiet, p->req->usdt[i], &h) == 0) {
			for (k = 0; k < h.n_params && !found; k++)
				found = !h.args[k].unread && h.args[k].place.kind == PLACE_MEMORY;
		}
		release(&h);
	}
	buf_release(&ignored);
	return found;
}

int usdt_append(struct preparation *p)
{
	struct handler h;
	int ret = 0;
	size_t i;

	for (i = 0; i < p->req->n_usdt; i++) {
		if (read_record(p, p->req->usdt[i], &h) == 0) {
			char *program = request_usdt_program(p->req, i);

			add_program(p, &h, program);
			free(program);
		} else {
			ret = -1;
		}
		release(&h);
	}
	return ret;
}
