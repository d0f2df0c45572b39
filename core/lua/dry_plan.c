/* SPDX-License-Identifier: Apache-2.0 */
/* What may be told of a text by its words alone, without compiling it. */
#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/target.h"
#include "lua/dry_internal.h"
#include "object/request.h"

/* a function of this name attaches to "PROVIDER:" and what is behind the prefix */
static const struct {
	const char *prefix, *provider;
} own_names[] = {
	{ "kprobe__", "kprobe" },
	{ "kretprobe__", "kretprobe" },
	{ "syscall__", "syscall" },
	{ "sysret__", "sysret" },
	{ "raw_tracepoint__", "raw_tracepoint" },
	{ "kfunc__", "fentry" },
	{ "kretfunc__", "fexit" },
};

/* MACRO(what) makes such a function */
static const struct {
	const char *macro, *provider;
} own_macros[] = {
	{ "RAW_TRACEPOINT_PROBE", "raw_tracepoint" },
	{ "KFUNC_PROBE", "fentry" },
	{ "KRETFUNC_PROBE", "fexit" },
};

/* words that need something of the kernel */
static const struct {
	const char *word;
	enum feature feature;
	bool tracepoints;		/* in programs at tracepoints only */
} words[] = {
	{ "get_stackid", FEATURE_STACKID_TRACEPOINT, true },
	{ "bpf_get_stackid", FEATURE_STACKID_TRACEPOINT, true },
	{ "bpf_get_current_cgroup_id", FEATURE_CGROUP_ID, false },
	{ "BPF_RINGBUF_OUTPUT", FEATURE_RINGBUF, false },
};

/* "PROVIDER:NAME" if the tokens at t make a function that attaches by itself; caller owns */
static char *own_probe(const struct ctoken *t)
{
	char *name, *spec = NULL;
	size_t i;

	if (t->kind != CTOKEN_IDENT || !ctoken_is(&t[1], "("))
		return NULL;
	name = ctoken_string(t);
	for (i = 0; i < ARRAY_SIZE(own_names) && !spec; i++) {
		if (str_starts(name, own_names[i].prefix))
			spec = mem_format("%s:%s", own_names[i].provider,
				name + strlen(own_names[i].prefix));
	}
	free(name);
	for (i = 0; i < ARRAY_SIZE(own_macros) && !spec; i++) {
		if (!ctoken_is(t, own_macros[i].macro) || t[2].kind != CTOKEN_IDENT)
			continue;
		name = ctoken_string(&t[2]);
		spec = mem_format("%s:%s", own_macros[i].provider, name);
		free(name);
	}
	return spec;
}

static int check_probe(struct dry *d, const char *spec, const char *place, struct error *err)
{
	struct error why = ERROR_INIT;
	enum answer answer;
	struct probe probe;

	if (probe_parse(spec, &probe, err))
		return -1;
	answer = dry_ask(d->h, &probe, &why);
	/* what its instructions say is not known yet */
	if (answer == ANSWER_NO && strcmp(probe.provider, "raw_tracepoint") == 0 &&
		strcmp(why.tag, "E-FEATURE") == 0) {
		error_clear(&why);
		error_set(&why, "E-FEATURE", "this kernel has no raw tracepoints; a tracepoint "
			"stands in for one whose arguments are not read");
		answer = ANSWER_UNKNOWN;
	}
	probe_release(&probe);
	if (answer == ANSWER_NO) {
		error_move(err, &why);
		return error_wrap(err, "%s", place);
	}
	if (answer != ANSWER_YES)
		dry_unknown(d, place, &why);
	error_clear(&why);
	return 0;
}

static int check_word(struct dry *d, const struct ctoken *t, bool at_tracepoints,
	const char *place, struct error *err)
{
	const char *reason = NULL;
	enum answer answer;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		const char *what = feature_rows[words[i].feature].description;

		if (!ctoken_is(t, words[i].word) || (words[i].tracepoints && !at_tracepoints))
			continue;
		answer = target_feature(d->h->target, words[i].feature, &reason);
		if (answer == ANSWER_NO)
			return error_set(err, "E-FEATURE", "%s: this kernel lacks it: %s", place,
				what);
		if (answer != ANSWER_YES)
			dry_add(d, DRY_UNKNOWN, place, NULL, "could not tell whether there is: %s"
				"%s%s%s", what, reason ? " (" : "", reason ? reason : "",
				reason ? ")" : "");
	}
	return 0;
}

static int check_token(struct dry *d, const struct request *req, const struct ctoken *t,
	bool at_tracepoints, struct dry_program *p, struct error *err)
{
	char *place = mem_format("%s:%u", req->file, req->line + t->line - 1);
	char *spec = own_probe(t);
	int bad = spec ? check_probe(d, spec, place, err) :
		check_word(d, t, at_tracepoints, place, err);

	if (spec)
		*MEM_GROW(p->probes, p->n_probes) = spec;
	free(place);
	return bad;
}

void dry_plan(lua_State *L, const struct request *req, struct dry_program *p)
{
	struct dry *d = host_of(L)->dry;
	struct request_needs needs;
	struct ctoken *tokens;
	struct error err = ERROR_INIT;
	size_t i, n;

	request_scan(req->text, &needs);
	for (i = 0; i < needs.n_tracepoints; i++)
		*MEM_GROW(p->probes, p->n_probes) = mem_format("tracepoint:%s:%s",
			needs.tracepoints[i].category, needs.tracepoints[i].event);
	for (i = 0; i < req->n_usdt; i++)
		*MEM_GROW(p->probes, p->n_probes) = mem_string(request_usdt_probe(req, i));
	tokens = ctoken_all(req->text, &n);
	for (i = 0; i < n && !err.tag; i++)
		check_token(d, req, &tokens[i], needs.n_tracepoints > 0, p, &err);
	free(tokens);
	request_needs_release(&needs);
	if (err.tag)
		raise_error(L, &err);
}
