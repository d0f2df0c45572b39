/* SPDX-License-Identifier: Apache-2.0 */
/* Dry runs: bpf.load and bpf.probe, for the target and not for this kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "cache/build.h"
#include "kernel/target.h"
#include "lua/dry_internal.h"
#include "lua/facts.h"
#include "object/request.h"

/* ---- what the target has ---- */

static int lacks(struct error *err, const char *what, const char *reason)
{
	error_set(err, "E-FEATURE", "this kernel has no %s", what);
	return reason ? error_hint(err, "%s", reason) : -1;
}

/* NO is an error, UNKNOWN one whose text says why */
static enum answer ask_feature(struct host *h, enum feature f, const char *what, struct error *err)
{
	const char *reason = NULL;
	enum answer answer = target_feature(h->target, f, &reason);

	if (answer == ANSWER_NO)
		lacks(err, what, NULL);
	else if (answer != ANSWER_YES)
		error_set(err, "E-FEATURE", "could not tell whether there are %s%s%s", what,
			reason ? ": " : "", reason ? reason : "");
	return answer;
}

/* the same for all functions */
static const char no_functions[] =
	"the functions of this kernel are not known: it was not looked whether they are there";

void dry_unknown(struct dry *d, const char *place, struct error *why)
{
	bool general = strcmp(why->text, no_functions) == 0;

	dry_add(d, target_is_running(d->h->target) ? DRY_UNKNOWN : DRY_NOTE, general ? "" : place,
		mem_string(why->hint), "%s", why->text);
	error_clear(why);
}

static enum answer ask_function(struct host *h, const char *name, struct error *err)
{
	const char *found;
	char *near = NULL;
	enum answer answer = ANSWER_YES;

	if (strpbrk(name, "*?["))
		return ANSWER_YES;
	answer = target_function(h->target, name, &found, &near);
	if (answer == ANSWER_NO)
		error_set(err, "E-PROBE", "no kernel function '%s'", name);
	else if (answer != ANSWER_YES)
		error_set(err, "E-PROBE", "%s", no_functions);
	error_take_hint(err, answer == ANSWER_NO ? near :
		mem_string("--headers PACK brings the functions of a kernel"));
	return answer;
}

/* by the names that functions of system calls have; no target has them all */
static enum answer ask_syscall(struct host *h, const char *name, struct error *err)
{
	enum answer answer = ANSWER_NO;
	const char *found;
	char *function, *near;
	size_t i;

	if (strpbrk(name, "*?["))
		return ANSWER_YES;
	for (i = 0; answer == ANSWER_NO && (function = syscall_function(name, i)); i++) {
		answer = target_function(h->target, function, &found, &near);
		free(near);
		free(function);
	}
	if (answer == ANSWER_NO)
		error_set(err, "E-PROBE", "no system call '%s'", name);
	else if (answer != ANSWER_YES)
		error_set(err, "E-PROBE", "%s", no_functions);
	return answer;
}

static enum answer ask_tracepoint(struct host *h, const char *name, struct error *err)
{
	const char *colon = strchr(name, ':');
	enum answer answer = ANSWER_NO;
	char *category;

	if (strpbrk(name, "*?["))
		return ANSWER_YES;
	if (!colon) {
		error_set(err, "E-PROBE", "'%s' is no tracepoint: write category:event", name);
		return ANSWER_NO;
	}
	category = mem_string_n(name, colon - name);
	answer = target_tracepoint(h->target, category, colon + 1, err);
	free(category);
	return answer;
}

static enum answer worse(enum answer a, enum answer b)
{
	return a == ANSWER_NO || b == ANSWER_NO ? ANSWER_NO :
		a == ANSWER_YES ? b : a;
}

enum answer dry_ask(struct host *h, const struct probe *p, struct error *err)
{
	static const struct {
		const char *provider, *what;
		enum feature feature;
	} needs[] = {
		{ "kprobe", "kprobes", FEATURE_KPROBES },
		{ "kretprobe", "kprobes", FEATURE_KPROBES },
		{ "syscall", "kprobes", FEATURE_KPROBES },
		{ "sysret", "kprobes", FEATURE_KPROBES },
		{ "uprobe", "uprobes", FEATURE_UPROBES },
		{ "uretprobe", "uprobes", FEATURE_UPROBES },
		{ "usdt", "uprobes", FEATURE_UPROBES },
		{ "raw_tracepoint", "raw tracepoints", FEATURE_RAW_TRACEPOINT },
		{ "fentry", "fentry and fexit programs", FEATURE_TRACING_PROGS },
		{ "fexit", "fentry and fexit programs", FEATURE_TRACING_PROGS },
	};
	enum answer answer = ANSWER_YES, named = ANSWER_YES;
	struct error second = ERROR_INIT;
	size_t i;

	if (!host_target(h, err))
		return ANSWER_UNKNOWN;
	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		if (strcmp(needs[i].provider, p->provider) == 0)
			answer = ask_feature(h, needs[i].feature, needs[i].what, err);
	}
	if (answer == ANSWER_NO)
		return answer;
	if (strcmp(p->provider, "tracepoint") == 0)
		named = ask_tracepoint(h, p->name ? p->name : "", &second);
	else if (p->name && str_starts(p->provider, "sys"))
		named = ask_syscall(h, p->name, &second);
	else if (p->name && (str_starts(p->provider, "k") || str_starts(p->provider, "f")))
		named = ask_function(h, p->name, &second);
	if (named == ANSWER_NO || (named != ANSWER_YES && answer == ANSWER_YES))
		error_move(err, &second);
	error_clear(&second);
	return worse(answer, named);
}

/* ---- bpf.load ---- */

/* the first place of a function in the script, else of its text */
static char *place_of(const struct dry_program *p, const struct object_program *fn)
{
	const struct object_line *line = fn->n_lines ? &fn->lines[0] : NULL;

	if (!line || !p->object->source_name)
		return mem_string(p->place);
	return mem_format("%s:%u", p->object->source_name, line->line);
}

static void add_probe(struct dry_program *p, const char *spec)
{
	*MEM_GROW(p->probes, p->n_probes) = mem_string(spec);
}

/* what attaches by itself must be there, or bpf.load fails */
static int check_own_probe(struct dry *d, struct dry_program *p, const struct object_program *fn,
	struct error *err)
{
	char *place = place_of(p, fn);
	struct error why = ERROR_INIT;
	enum answer answer = ANSWER_NO;
	struct probe probe;

	add_probe(p, fn->probe);
	if (!probe_parse(fn->probe, &probe, &why)) {
		answer = dry_ask(d->h, &probe, &why);
		probe_release(&probe);
	}
	if (answer == ANSWER_NO && why.tag && strcmp(why.tag, "E-PROBE") == 0 &&
		program_is_optional(d->h->L, fn->name, false)) {
		error_clear(&why);
		free(place);
		return 0;
	}
	/* what the target lacks for this type of program is seen in its instructions' check */
	if (answer == ANSWER_NO && why.tag && strcmp(why.tag, "E-FEATURE") == 0)
		answer = ANSWER_YES;
	if (answer == ANSWER_UNKNOWN)
		dry_unknown(d, place, &why);
	if (answer == ANSWER_NO && err->tag)
		dry_add_finding(d, &(struct dry_finding){ .kind = DRY_MISSING, .refused = true,
			.place = mem_string(place), .text = mem_string(why.text),
			.hint = mem_string(why.hint) });
	else if (answer == ANSWER_NO) {
		error_move(err, &why);
		error_wrap(err, "%s", place);
	}
	error_clear(&why);
	free(place);
	return err->tag ? -1 : 0;
}

static int check_own_probes(struct dry *d, struct dry_program *p, struct error *err)
{
	size_t i;

	for (i = 0; i < p->object->n_programs; i++) {
		if (p->object->programs[i].probe)
			check_own_probe(d, p, &p->object->programs[i], err);
	}
	return err->tag ? -1 : 0;
}

/* scripts load the same text again in each round of a loop */
static void note_text(struct dry *d, const struct request *req)
{
	static char present;
	struct buf wire = BUF_INIT;
	char key[DIGEST_HEX];
	struct digest digest;

	request_write(req, &wire);
	digest_init(&digest);
	digest_update(&digest, wire.data, wire.len);
	digest_final_hex(&digest, key);
	table_set(d->texts, key, &present);
	buf_release(&wire);
}

/* what does not compile with another kernel's types may do so with the target's own */
static void explain_types(const struct host *h, struct error *err)
{
	if (strcmp(err->tag, "E-COMPILE") == 0 && !err->hint && !target_headers_match(h->target))
		error_hint(err, "the types are not those of %s: --headers PACK brings them",
			target_name(h->target));
}

/* raises; a signal ends the script */
static void compile(lua_State *L, struct request *req, size_t index)
{
	struct host *h = host_of(L);
	struct build_options opts;
	struct error err = ERROR_INIT;
	struct buf warnings = BUF_INIT;

	host_build_options(h, &opts);
	if (h->opts->dry_run == DRY_BUILD)
		dry_build(h, req, index, &err);
	else
		h->dry->report.programs[index].object =
			build_object(req, &opts, &warnings, &err);
	dry_warnings(h->dry, &warnings);
	buf_release(&warnings);
	if (err.tag && host_signal()) {
		error_clear(&err);
		raise_interrupted(L);
	}
	if (err.tag) {
		explain_types(h, &err);
		raise_error(L, &err);
	}
	if (check_own_probes(h->dry, &h->dry->report.programs[index], &err)) {
		h->dry->report.programs[index].refused = true;
		raise_error(L, &err);
	}
}

int dry_load(lua_State *L, int idx)
{
	struct request *req = lua_touserdata(L, idx);
	struct host *h = host_of(L);
	struct dry_report *r = &h->dry->report;
	struct error err = ERROR_INIT;
	struct buf warnings = BUF_INIT;
	size_t index = r->n_programs;
	int bad;

	MEM_GROW(r->programs, r->n_programs)->place = mem_format("%s:%u", req->file, req->line);
	bad = facts_add(h, req, &warnings, &err);
	dry_warnings(h->dry, &warnings);
	buf_release(&warnings);
	if (bad)
		return raise_error(L, &err);
	note_text(h->dry, req);
	if (h->opts->dry_run != DRY_PLAN)
		compile(L, req, index);
	else
		dry_plan(L, req, &r->programs[index]);
	dry_program_push(L, index);
	return 1;
}

/* ---- bpf.probe ---- */

int dry_probe(lua_State *L, const char *spec)
{
	struct host *h = host_of(L);
	struct error err = ERROR_INIT;
	enum answer answer;
	struct probe probe;

	if (!host_target(h, &err) || probe_parse(spec, &probe, &err))
		return push_failure(L, &err);
	answer = dry_ask(h, &probe, &err);
	probe_release(&probe);
	if (answer == ANSWER_YES) {
		error_clear(&err);
		lua_pushboolean(L, 1);
		return 1;
	}
	if (answer != ANSWER_NO)
		dry_add(h->dry, target_is_running(h->target) ? DRY_UNKNOWN : DRY_NOTE, "",
			mem_string(err.hint), "the script asks for '%s', and got no: %s", spec,
			err.text);
	return push_failure(L, &err);
}
