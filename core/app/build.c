/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace build: a script, compiled for some kernels, as one executable file. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/bundle.h"
#include "app/command.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/bundle.h"
#include "kernel/kernel.h"
#include "kernel/target.h"
#include "lua/dry.h"
#include "lua/embedded.h"

enum { RUNTIME_MAX = 512 << 20, INTERRUPTED = 128 };

/* what is compiled for: a profile, headers that say which kernel they are of, or both */
struct build_target {
	const struct profile *profile;	/* NULL and no headers: the running kernel */
	const char *headers;
};

struct build {
	struct host_options host;
	const char *script, *output, *runtime;
	const char *inspect;		/* a bundle to look into, and nothing to build */
	struct build_target *targets;
	size_t n_targets;
	char **script_argv;		/* behind "--" */
	int script_argc;
	struct bundle *bundle;
};

/* ---- the command line ---- */

static int bad_word(const char *word)
{
	return command_usage(&command_build, "unknown or incomplete '%s'", word);
}

static int set_target(struct build *b, const char *value)
{
	struct error err = ERROR_INIT;
	const struct profile *p = profile_find(value, &err);

	if (!p)
		return command_error(&err);
	MEM_GROW(b->targets, b->n_targets)->profile = p;
	return STATUS_OK;
}

static int set_headers(struct build *b, const char *value)
{
	MEM_GROW(b->targets, b->n_targets)->headers = value;
	return STATUS_OK;
}

static int set_output(struct build *b, const char *value)
{
	b->output = value;
	return STATUS_OK;
}

static int set_runtime(struct build *b, const char *value)
{
	b->runtime = value;
	return STATUS_OK;
}

static int set_inspect(struct build *b, const char *value)
{
	b->inspect = value;
	return STATUS_OK;
}

/* "--NAME VALUE", "--NAME=VALUE"; -o takes its value either way, too */
static const struct {
	const char *name;
	int (*set)(struct build *b, const char *value);
} options[] = {
	{ "--headers", set_headers },
	{ "--inspect", set_inspect },
	{ "--output", set_output },
	{ "--runtime", set_runtime },
	{ "--target", set_target },
	{ "-o", set_output },
};

static int parse_option(struct build *b, int argc, char **argv, int *at)
{
	const char *word = argv[*at];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		size_t n = strlen(options[i].name);
		bool is_long = options[i].name[1] == '-';

		if (strncmp(word, options[i].name, n) != 0 ||
		    (is_long && word[n] && word[n] != '='))
			continue;
		if (word[n])
			return options[i].set(b, word + n + is_long);
		return *at + 1 < argc ? options[i].set(b, argv[++*at]) : bad_word(word);
	}
	return bad_word(word);
}

static int parse(struct build *b, int argc, char **argv)
{
	int i, status = STATUS_OK;

	for (i = 1; i < argc && !status; i++) {
		if (strcmp(argv[i], "--") == 0) {
			b->script_argv = argv + i + 1;
			b->script_argc = argc - i - 1;
			break;
		}
		if (argv[i][0] == '-' && argv[i][1])
			status = parse_option(b, argc, argv, &i);
		else if (b->script)
			status = command_usage(&command_build, "more than one script: '%s'",
				argv[i]);
		else
			b->script = argv[i];
	}
	if (status)
		return status;
	if (b->inspect)
		return argc <= 3 ? STATUS_OK : command_usage(&command_build,
			"--inspect FILE goes alone");
	if (!b->script)
		status = command_usage(&command_build, "no script is given");
	if (!status && !b->output)
		status = command_usage(&command_build, "-o FILE is needed");
	return status;
}

/* ---- the script ---- */

static int no_script(const char *name, struct error *err)
{
	struct nearest near;
	const char *candidate;
	char *summary;
	size_t i;

	error_set(err, "E-SCRIPT", "no script and no file '%s'", name);
	nearest_init(&near, name);
	for (i = 0; host_bundled(i, &candidate, &summary); i++) {
		nearest_offer(&near, candidate);
		free(summary);
	}
	return error_take_hint(err, nearest_hint(&near));
}

static int read_script(struct build *b, struct error *err)
{
	bool path = strchr(b->script, '/') || str_ends(b->script, ".lua");
	const char *slash = strrchr(b->script, '/');
	struct buf text = BUF_INIT;
	int bad = 0;

	if (!path && !host_has_bundled(b->script))
		return no_script(b->script, err);
	if (path)
		bad = file_read_safe(b->script, BUNDLE_TEXT_MAX, &text, err);
	else
		buf_adds(&text, embedded_find(embedded_scripts, b->script)->text);
	if (!bad && text.len && memchr(text.data, 0, text.len))
		bad = error_set(err, "E-SCRIPT", "'%s' is no text", b->script);
	free(b->bundle->script.name);
	b->bundle->script.name = path ? mem_string(slash ? slash + 1 : b->script) :
		mem_format("%s.lua", b->script);
	free(b->bundle->script.text);
	b->bundle->script.text = buf_take(&text, NULL);
	return bad;
}

/* ---- one target ---- */

/* what ended the script, or is not there; the rest are words to the user */
static int say_findings(const struct dry_report *r, const char *target)
{
	static const char *const kinds[] = {
		[DRY_ERROR] = "", [DRY_MISSING] = "missing: ", [DRY_UNKNOWN] = "not known: ",
		[DRY_NOTE] = "",
	};
	size_t i;

	for (i = 0; i < r->n_findings; i++) {
		const struct dry_finding *f = &r->findings[i];

		if (f->kind == DRY_ERROR)
			fprintf(stderr, "error[%s]: %s: %s\n", f->tag, target, f->text);
		else
			fprintf(stderr, "moontrace: %s: %s%s%s%s\n", target, f->place,
				*f->place ? ": " : "", kinds[f->kind], f->text);
		if (f->hint && f->kind == DRY_ERROR)
			fprintf(stderr, "  %s\n", f->hint);
	}
	return r->count[DRY_ERROR] ? STATUS_SCRIPT : STATUS_OK;
}

static int run_dry(struct build *b, struct host *h)
{
	char **argv = mem_array(b->script_argc + 2, sizeof(*argv));
	int status, i;

	argv[0] = (char *)b->script;
	for (i = 0; i < b->script_argc; i++)
		argv[i + 1] = b->script_argv[i];
	status = host_run_text(h, b->bundle->script.text, b->bundle->script.name,
		b->script_argc + 1, argv);
	free(argv);
	return status;
}

/* it ended by itself, before it came to run: what it said is the reason */
static int ended(const struct build *b, const struct dry_report *r, int status)
{
	struct error err = ERROR_INIT;

	fputs(r->said, stderr);
	error_set(&err, "E-SCRIPT", "'%s' ended with status %d before bpf.run()", b->script,
		status);
	error_hint(&err, "arguments for it go behind --");
	return command_error(&err);
}

static int check_machines(struct build *b, struct host *h, struct error *err)
{
	const char *machine = target_machine(host_target(h, err));

	if (!*b->bundle->machine) {
		free(b->bundle->machine);
		b->bundle->machine = mem_string(machine);
	}
	if (strcmp(b->bundle->machine, machine) == 0)
		return 0;
	return error_set(err, "E-BUNDLE", "a bundle has one architecture, not %s and %s",
		b->bundle->machine, machine);
}

static int build_target(struct build *b, const struct build_target *t)
{
	struct host_options opts = b->host;
	const struct dry_report *r;
	struct error err = ERROR_INIT;
	struct host *h;
	int status;

	opts.dry_run = DRY_BUILD;
	opts.collect = b->bundle;
	opts.profile = t->profile;
	opts.headers = t->headers ? t->headers : t->profile ? NULL : opts.headers;
	opts.by_headers = t->headers != NULL;
	opts.strict = true;	/* another kernel's types would be wrong without a word */
	h = host_new(&opts, &err);
	if (!h || !host_target(h, &err) || check_machines(b, h, &err)) {
		host_free(h);
		return command_error(&err);
	}
	status = run_dry(b, h);
	r = host_dry_report(h);
	if (status < INTERRUPTED) {
		int found = say_findings(r, target_name(host_target(h, &err)));

		status = status ? status : found;
		if (r->exited && status)
			status = ended(b, r, status);
	}
	host_free(h);
	return status;
}

/* headers say of which kernel they are; its profile knows what that kernel can */
static int choose_profile(struct build *b, struct build_target *t)
{
	struct headers_options where = { t->headers, b->host.cache_dir };
	struct kernel_headers headers = { 0 };
	struct error err = ERROR_INIT;
	char *note = NULL;
	int status = STATUS_OK;

	if (!t->headers)
		return STATUS_OK;
	if (kernel_headers_find(&where, &headers, &err))
		return command_error(&err);
	if (!*headers.release)
		error_set(&err, "E-HEADERS", "'%s' does not say of which kernel it is", t->headers);
	else
		t->profile = target_profile_for(headers.release, &note, &err);
	if (err.tag)
		status = command_error(&err);
	else if (note)
		fprintf(stderr, "moontrace: %s: %s\n", t->headers, note);
	kernel_headers_release(&headers);
	free(note);
	return status;
}

/* a profile for which there are headers needs no second object */
static bool has_headers(const struct build *b, const struct build_target *t)
{
	size_t i;

	for (i = 0; i < b->n_targets && !t->headers; i++) {
		if (b->targets[i].headers && b->targets[i].profile == t->profile)
			return true;
	}
	return false;
}

static int build_targets(struct build *b)
{
	int status = STATUS_OK;
	size_t i;

	if (!b->n_targets)
		(void)MEM_GROW(b->targets, b->n_targets);	/* the running kernel */
	for (i = 0; i < b->n_targets && !status; i++)
		status = choose_profile(b, &b->targets[i]);
	for (i = 0; i < b->n_targets && !status; i++) {
		if (!has_headers(b, &b->targets[i]))
			status = build_target(b, &b->targets[i]);
	}
	return status;
}

/* ---- the runtime ---- */

static char *default_runtime(void)
{
	char self[4096], *slash, *path;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	path = slash ? mem_format("%.*s/moontrace-static", (int)(slash - self), self) : NULL;
	if (path && access(path, R_OK) == 0)
		return path;
	free(path);
	return mem_string("/proc/self/exe");
}

static const char *machine_of(const Elf64_Ehdr *eh)
{
	return eh->e_machine == EM_X86_64 ? "x86_64" : eh->e_machine == EM_AARCH64 ? "aarch64" :
		"another machine";
}

/* it asks for a loader, and for libraries of the host */
static bool is_dynamic(const struct buf *file, const Elf64_Ehdr *eh)
{
	Elf64_Phdr ph;
	size_t i;

	for (i = 0; i < eh->e_phnum; i++) {
		uint64_t at = eh->e_phoff + i * sizeof(ph);

		if (at > file->len || file->len - at < sizeof(ph))
			return false;
		memcpy(&ph, file->data + at, sizeof(ph));
		if (ph.p_type == PT_INTERP)
			return true;
	}
	return false;
}

static int read_runtime(struct build *b, struct buf *out, struct error *err)
{
	char *path = b->runtime ? mem_string(b->runtime) : default_runtime();
	Elf64_Ehdr eh;
	int bad = file_read(path, RUNTIME_MAX, out, err);

	if (!bad && out->len < sizeof(eh))
		bad = error_set(err, "E-BUNDLE", "'%s' is no executable", path);
	if (!bad) {
		memcpy(&eh, out->data, sizeof(eh));
		if (memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0)
			bad = error_set(err, "E-BUNDLE", "'%s' is no executable", path);
		else if (strcmp(machine_of(&eh), b->bundle->machine) != 0)
			bad = error_set(err, "E-BUNDLE", "the runtime '%s' is for %s, the objects "
				"are for %s", path, machine_of(&eh), b->bundle->machine);
		else if (is_dynamic(out, &eh))
			fprintf(stderr, "moontrace: warning: the runtime is not static: the bundle "
				"needs its libraries on the host (--runtime FILE names another)\n");
	}
	free(path);
	return bad;
}

/* ---- the bundle ---- */

static void say_contents(const struct build *b, size_t runtime, size_t payload)
{
	struct buf line = BUF_INIT;
	size_t i;

	printf("%s: %s, %zu modules, %zu objects; %zu + %zu bytes\n", b->output,
		b->bundle->script.name, b->bundle->n_modules, b->bundle->n_objects, runtime,
		payload);
	for (i = 0; i < b->bundle->n_objects; i++) {
		buf_clear(&line);
		bundle_describe(&b->bundle->objects[i], &line);
		printf("  %s\n", line.data);
	}
	buf_release(&line);
}

static int write_output(struct build *b, struct error *err)
{
	struct buf runtime = BUF_INIT, payload = BUF_INIT, file = BUF_INIT;
	int bad = read_runtime(b, &runtime, err) || bundle_write(b->bundle, &payload, err) ||
		bundle_join(&runtime, &payload, &file, err) ||
		file_write_atomic(AT_FDCWD, b->output, file.data, file.len, 0755, err);

	if (!bad)
		say_contents(b, runtime.len, payload.len);
	buf_release(&runtime);
	buf_release(&payload);
	buf_release(&file);
	return bad ? -1 : 0;
}

static int run_build(const struct host_options *opts, int argc, char **argv)
{
	struct build b = { .host = *opts, .bundle = bundle_new() };
	struct error err = ERROR_INIT;
	int status = parse(&b, argc, argv);

	if (!status && b.inspect)
		status = bundle_inspect(b.inspect);
	if (status || b.inspect) {
		bundle_free(b.bundle);
		free(b.targets);
		return status;
	}
	free(b.bundle->version);
	b.bundle->version = mem_string(VERSION);
	b.bundle->strict = opts->strict;
	b.bundle->destructive = opts->destructive;
	if (read_script(&b, &err))
		status = command_error(&err);
	if (!status)
		status = build_targets(&b);
	if (!status && write_output(&b, &err))
		status = command_error(&err);
	bundle_free(b.bundle);
	free(b.targets);
	return status;
}

const struct command command_build = {
	.name = "build",
	.arguments = "[--headers PATH]... [--target PROFILE]... [--runtime FILE] -o FILE "
		     "SCRIPT|FILE.lua [-- ARGUMENT...] | --inspect BUNDLE",
	.summary = "a script with compiled programs as one executable file",
	.run = run_build,
};
