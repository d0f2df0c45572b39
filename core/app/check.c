/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace check: would a script, or an object, work on another kernel? */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/check_rows.h"
#include "app/command.h"
#include "app/json.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"
#include "kernel/target.h"

enum { SCRIPT_LIMIT = 16 << 20, INTERRUPTED = 128 };

struct targets {
	struct { const struct profile *profile; bool by_headers; } *rows;
	size_t n;
};

enum subject_kind { SUBJECT_OBJECT, SUBJECT_FILE, SUBJECT_BUNDLED };

struct checking {
	struct host_options host;
	struct targets targets;
	const char **names;		/* scripts and objects, as told */
	size_t n_names;
	char **script_argv;		/* behind "--" */
	int script_argc;
	bool all, json, list;
	struct table *said;		/* "TARGET\nnote": what is said once a target */
	int status;
	bool full;			/* standard output takes no more */
};

/* ---- targets ---- */

static void add_target(struct targets *t, const struct profile *p)
{
	MEM_GROW(t->rows, t->n)->profile = p;
}

static int list_profiles(void)
{
	const struct profile *p;
	size_t i;

	for (i = 0; (p = profile_at(i)); i++)
		printf("%-10s %s\n", profile_name(p), profile_kernels(p));
	return STATUS_OK;
}

static void all_targets(struct targets *t)
{
	const struct profile *p;

	while ((p = profile_at(t->n)))
		add_target(t, p);
}

/* without --target it is the kernel of the headers that were told */
static int target_by_headers(struct checking *c, const struct kernel_headers *headers)
{
	struct error err = ERROR_INIT;
	char *note = NULL;
	const struct profile *p = target_profile_for(headers->release, &note, &err);

	if (!p)
		return command_error(&err);
	if (!c->json)
		printf("%s: %s\n", headers->path, note ? note : headers->release);
	free(note);
	add_target(&c->targets, p);
	return STATUS_OK;
}

/* headers are the target's own if its profile is the one for their kernel */
static void match_headers(struct checking *c, const struct kernel_headers *headers)
{
	struct error ignored = ERROR_INIT;
	char *note = NULL;
	const struct profile *p = target_profile_for(headers->release, &note, &ignored);
	size_t i;

	for (i = 0; i < c->targets.n; i++)
		c->targets.rows[i].by_headers = p && p == c->targets.rows[i].profile;
	error_clear(&ignored);
	free(note);
}

static int choose_targets(struct checking *c)
{
	struct headers_options where = { c->host.headers, c->host.cache_dir };
	struct kernel_headers headers = { 0 };
	struct error err = ERROR_INIT;
	int status = STATUS_OK;

	if (c->host.headers) {
		if (kernel_headers_find(&where, &headers, &err))
			return command_error(&err);
		if (!c->targets.n && *headers.release)
			status = target_by_headers(c, &headers);
		if (*headers.release)
			match_headers(c, &headers);
		kernel_headers_release(&headers);
	}
	if (!c->targets.n)
		all_targets(&c->targets);
	return status;
}

/* ---- results ---- */

static void print_text(struct checking *c, const char *name, const char *target,
	const struct check_rows *r)
{
	static char present;
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; i < r->n; i++) {
		const struct check_row *row = &r->rows[i];
		bool general = row->kind == DRY_NOTE && !row->line && !row->program;
		char *key = general ? mem_format("%s\n%s", target, row->text) : NULL;

		if (!key || !table_set(c->said, key, &present))
			check_row_format(row, target, &out);
		free(key);
	}
	buf_addf(&out, "%s: %s: ", name, target);
	if (r->count[DRY_ERROR])
		buf_addf(&out, "%zu error%s, ", r->count[DRY_ERROR],
			r->count[DRY_ERROR] == 1 ? "" : "s");
	buf_addf(&out, "%zu missing, %zu not known, %zu notes\n", r->count[DRY_MISSING],
		r->count[DRY_UNKNOWN], r->count[DRY_NOTE]);
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
}

static void print_json(const char *name, const char *target, const char *release,
	const struct check_rows *r)
{
	struct buf out = BUF_INIT;
	size_t i;

	buf_addc(&out, '{');
	json_string(&out, "name", name);
	json_string(&out, "target", target);
	json_string(&out, "release", release);
	json_bool(&out, "ok", r->count[DRY_ERROR] + r->count[DRY_MISSING] +
		r->count[DRY_UNKNOWN] == 0);
	json_number(&out, "errors", r->count[DRY_ERROR]);
	json_number(&out, "missing", r->count[DRY_MISSING]);
	json_number(&out, "unknown", r->count[DRY_UNKNOWN]);
	json_number(&out, "notes", r->count[DRY_NOTE]);
	json_open(&out, "findings", '[');
	for (i = 0; i < r->n; i++)
		check_row_json(&r->rows[i], &out);
	buf_adds(&out, "]}\n");
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
}

/* where nobody reads any more, nothing more is checked */
static void flush(struct checking *c)
{
	struct error err = ERROR_INIT;
	int sys;

	if (fflush(stdout) == 0)
		return;
	sys = errno;
	clearerr(stdout);
	c->status = INTERRUPTED + SIGPIPE;
	if (sys == EPIPE)
		return;
	error_sys(&err, "E-FILE", sys, "write to standard output");
	c->status = command_error(&err);
	c->full = true;
}

static void show(struct checking *c, const char *name, const struct profile *p,
	const char *release, const struct check_rows *r)
{
	if (c->json)
		print_json(name, profile_name(p), release, r);
	else
		print_text(c, name, profile_name(p), r);
	flush(c);
}

static void raise_status(struct checking *c, int status)
{
	if (status > c->status)
		c->status = status;
}

static int status_of(const struct check_rows *r, int status)
{
	if (!status && (r->count[DRY_ERROR] || r->count[DRY_MISSING] || r->count[DRY_UNKNOWN]))
		return STATUS_SCRIPT;
	return status;
}

static bool may_go_on(const struct checking *c)
{
	return c->status < INTERRUPTED && !c->full;
}

/* ---- objects and scripts ---- */

static void check_object_file(struct checking *c, const char *path)
{
	struct error err = ERROR_INIT;
	struct object *obj = object_read_file(path, &err);
	size_t i;

	if (!obj) {
		fflush(stdout);
		raise_status(c, command_error(&err));
		return;
	}
	for (i = 0; i < c->targets.n && may_go_on(c); i++) {
		const struct profile *p = c->targets.rows[i].profile;
		struct check_rows r = { NULL, 0, { 0 } };

		check_rows_object(&r, obj, p, path);
		show(c, path, p, profile_release(p), &r);
		raise_status(c, status_of(&r, STATUS_OK));
		check_rows_release(&r);
	}
	object_free(obj);
}

static int run_dry(struct checking *c, struct host *h, const char *name, enum subject_kind kind)
{
	char **argv = mem_array(c->script_argc + 2, sizeof(*argv));
	int status, i;

	argv[0] = (char *)name;
	for (i = 0; i < c->script_argc; i++)
		argv[i + 1] = c->script_argv[i];
	if (kind == SUBJECT_BUNDLED)
		status = host_run_bundled(h, name, c->script_argc + 1, argv);
	else
		status = host_run_file(h, name, c->script_argc + 1, argv);
	free(argv);
	return status;
}

/* so it was meant, where a bundled script does that (flame) */
static bool traces_nothing(const struct dry_report *report)
{
	return !report->n_programs && !report->n_findings;
}

static void check_script(struct checking *c, const char *name, enum subject_kind kind, size_t i)
{
	struct host_options opts = c->host;
	const struct profile *p = c->targets.rows[i].profile;
	struct check_rows r = { NULL, 0, { 0 } };
	struct error err = ERROR_INIT;
	struct host *h;
	int status;

	opts.dry_run = DRY_CHECK;
	opts.profile = p;
	opts.by_headers = c->targets.rows[i].by_headers;
	h = host_new(&opts, &err);
	if (!h) {
		raise_status(c, command_error(&err));
		return;
	}
	status = run_dry(c, h, name, kind);
	/* its own status is its own affair */
	if (host_dry_report(h)->exited && status != STATUS_OK && status != STATUS_USAGE)
		status = STATUS_SCRIPT;
	if (status < INTERRUPTED) {
		char *file = kind == SUBJECT_BUNDLED ? mem_format("%s.lua", name) :
			mem_string(name);
		const struct target *t = host_target(h, &err);

		if (kind != SUBJECT_BUNDLED || status || !traces_nothing(host_dry_report(h)))
			check_rows_report(&r, host_dry_report(h), p, file);
		show(c, name, p, t ? target_release(t) : profile_release(p), &r);
		free(file);
	}
	error_clear(&err);
	raise_status(c, status_of(&r, status));
	check_rows_release(&r);
	host_free(h);
}

/* said once, not for each target */
static bool can_read(struct checking *c, const char *path)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	int bad = file_read_safe(path, SCRIPT_LIMIT, &text, &err);

	buf_release(&text);
	if (bad) {
		fflush(stdout);
		raise_status(c, command_error(&err));
	}
	return !bad;
}

static bool is_elf(const char *path)
{
	FILE *f = fopen(path, "re");
	char magic[4] = "";
	bool yes = f && fread(magic, 1, 4, f) == 4 && memcmp(magic, "\177ELF", 4) == 0;

	if (f)
		fclose(f);
	return yes;
}

/* a word that is no file: a script's name, misspelt */
static void no_script(struct checking *c, const char *name)
{
	struct error err = ERROR_INIT;
	struct nearest near;
	const char *candidate;
	char *summary;
	size_t i;

	error_set(&err, "E-SCRIPT", "no script and no file '%s'", name);
	nearest_init(&near, name);
	for (i = 0; host_bundled(i, &candidate, &summary); i++) {
		nearest_offer(&near, candidate);
		free(summary);
	}
	error_take_hint(&err, nearest_hint(&near));
	fflush(stdout);
	raise_status(c, command_error(&err));
}

static void check_one(struct checking *c, const char *name)
{
	enum subject_kind kind = SUBJECT_FILE;
	bool path = strchr(name, '/') || str_ends(name, ".lua");
	size_t i;

	if (!path && host_has_bundled(name))
		kind = SUBJECT_BUNDLED;
	else if (is_elf(name) || str_ends(name, ".o") || (!path && access(name, F_OK) == 0))
		kind = SUBJECT_OBJECT;
	else if (!path) {
		no_script(c, name);
		return;
	}
	if (kind == SUBJECT_OBJECT) {
		check_object_file(c, name);
		return;
	}
	if (kind == SUBJECT_FILE && !can_read(c, name))
		return;
	for (i = 0; i < c->targets.n && may_go_on(c); i++)
		check_script(c, name, kind, i);
}

/* ---- the command line ---- */

static int set_target(struct checking *c, const char *name)
{
	struct error err = ERROR_INIT;
	const struct profile *p = profile_find(name, &err);

	if (!p)
		return command_error(&err);
	add_target(&c->targets, p);
	return STATUS_OK;
}

static int set_headers(struct checking *c, const char *path)
{
	c->host.headers = path;
	return STATUS_OK;
}

/* options with a value: "--NAME VALUE" and "--NAME=VALUE" */
static const struct {
	const char *name;
	int (*set)(struct checking *c, const char *value);
} valued[] = {
	{ "--target", set_target },
	{ "--headers", set_headers },
};

static int bad_word(const char *word)
{
	return command_usage(&command_check, "unknown or incomplete '%s'", word);
}

/* an option at argv[*at]; its exit status if it is wrong */
static int parse_option(struct checking *c, int argc, char **argv, int *at)
{
	const char *word = argv[*at];
	bool *flag = strcmp(word, "--all") == 0 ? &c->all : strcmp(word, "--json") == 0 ? &c->json :
		strcmp(word, "--list") == 0 ? &c->list : NULL;
	size_t i;

	if (flag) {
		*flag = true;
		return STATUS_OK;
	}
	for (i = 0; i < ARRAY_SIZE(valued); i++) {
		size_t n = strlen(valued[i].name);

		if (strncmp(word, valued[i].name, n) != 0 || (word[n] && word[n] != '='))
			continue;
		if (word[n])
			return valued[i].set(c, word + n + 1);
		return *at + 1 < argc ? valued[i].set(c, argv[++*at]) : bad_word(word);
	}
	return bad_word(word);
}

/* options and names, in any order; behind the "--" that follows a name: the script's own */
static int parse(struct checking *c, int argc, char **argv)
{
	bool options = true;
	int i, status = STATUS_OK;

	for (i = 1; i < argc && !status; i++) {
		if (strcmp(argv[i], "--") == 0 && c->n_names) {
			c->script_argv = argv + i + 1;
			c->script_argc = argc - i - 1;
			break;
		}
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && argv[i][0] == '-' && argv[i][1])
			status = parse_option(c, argc, argv, &i);
		else
			*MEM_GROW(c->names, c->n_names) = argv[i];
	}
	return status;
}

static int check_words(struct checking *c)
{
	const char *name;
	char *summary;
	size_t i;

	for (i = 0; c->all && host_bundled(i, &name, &summary); i++) {
		*MEM_GROW(c->names, c->n_names) = name;
		free(summary);
	}
	if (!c->n_names)
		return command_usage(&command_check, "no script and no object file is given");
	if (c->script_argc && c->n_names > 1)
		return command_usage(&command_check, "arguments behind -- are for one script");
	return STATUS_OK;
}

static int run_check(const struct host_options *opts, int argc, char **argv)
{
	struct checking c = { .host = *opts, .said = table_new() };
	int status = parse(&c, argc, argv);
	size_t i;

	if (!status && c.list)
		status = list_profiles();
	else if (!status && !(status = check_words(&c)) && !(status = choose_targets(&c))) {
		for (i = 0; i < c.n_names && may_go_on(&c); i++)
			check_one(&c, c.names[i]);
		status = c.status;
	}
	table_free(c.said, NULL);
	free(c.targets.rows);
	free(c.names);
	return status;
}

const struct command command_check = {
	.name = "check",
	.arguments = "[--target PROFILE]... [--headers PATH] [--json] SCRIPT|FILE.lua|OBJECT...\n"
		     "       moontrace check [OPTION]... SCRIPT -- ARGUMENT...\n"
		     "       moontrace check [OPTION]... --all | --list",
	.summary = "what scripts and program objects need and other kernels lack",
	.run = run_check,
};
