/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace headers: makes header packs, and tells what headers there are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/command.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/headers.h"
#include "kernel/kernel.h"
#include "kernel/pack.h"

struct arguments {
	struct headers_options headers;
	const char *output;		/* -o, or NULL */
	const char *file;		/* of show, or NULL */
	bool json, help;
};

struct option_row {
	char letter;			/* 0: none */
	const char *name, *argument, *help;
	const char *of;			/* the action that it belongs to, NULL: all */
	void (*set)(struct arguments *a, const char *value);
};

static void set_output(struct arguments *a, const char *v)
{
	a->output = v;
}

static void set_headers(struct arguments *a, const char *v)
{
	a->headers.path = v;
}

static void set_json(struct arguments *a, const char *v)
{
	(void)v;
	a->json = true;
}

static void set_help(struct arguments *a, const char *v)
{
	(void)v;
	a->help = true;
}

static const struct option_row option_rows[] = {
	{ 'o', "output", "FILE", "the pack's name (moontrace-RELEASE-MACHINE.pack)", "pack",
		set_output },
	{ 0, "headers", "PATH", "tree or package to take the headers from", NULL, set_headers },
	{ 0, "json", NULL, "one JSON object", "show", set_json },
	{ 'h', "help", NULL, "print this help", NULL, set_help },
};

/* ---- pack ---- */

static void print_size(struct buf *out, uint64_t bytes)
{
	if (bytes < 1000)
		buf_addf(out, "%llu B", (unsigned long long)bytes);
	else if (bytes < 1000000)
		buf_addf(out, "%.1f kB", bytes / 1e3);
	else
		buf_addf(out, "%.1f MB", bytes / 1e6);
}

static void describe_counts(const struct pack_counts *c, struct buf *out)
{
	if (c->headers) {
		buf_addf(out, "%llu headers (", (unsigned long long)c->headers);
		print_size(out, c->header_bytes);
		buf_adds(out, "), ");
	}
	if (c->btf_bytes) {
		buf_adds(out, "BTF (");
		print_size(out, c->btf_bytes);
		if (c->btf_modules)
			buf_addf(out, ", %llu modules", (unsigned long long)c->btf_modules);
		buf_adds(out, "), ");
	}
	buf_addf(out, "%llu functions, %llu formats, %s configuration",
		(unsigned long long)c->functions, (unsigned long long)c->formats,
		c->config ? "the" : "no");
}

static char *default_name(const struct kernel_headers *h)
{
	bool tree = *h->build;

	return mem_format("moontrace-%s-%s.pack",
		tree && *h->release ? h->release : kernel_release(),
		tree && *h->machine ? h->machine : kernel_machine());
}

/* what would fail at the end anyway, before the work */
static int check_output_file(const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == path ? mem_string("/") :
		slash ? mem_string_n(path, slash - path) : mem_string(".");
	struct stat st;
	int ret = 0;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		error_set(err, "E-FILE", "'%s' is a directory", path);
		ret = error_hint(err, "name a file in it: -o '%s/FILE'", path);
	} else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		ret = error_set(err, "E-FILE", "'%s' is no regular file", path);
	} else if (!slash || slash[1]) {
		if (access(dir, W_OK | X_OK) != 0)
			ret = error_sys(err, "E-FILE", errno, "write '%s'", path);
	} else {
		ret = error_set(err, "E-FILE", "'%s' is no name of a file", path);
	}
	free(dir);
	return ret;
}

static void print_warnings(struct buf *warnings)
{
	char *rest = warnings->len ? warnings->data : NULL, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line)
			log_warn("warning: %s", line);
	}
	buf_release(warnings);
}

static int write_pack(const struct kernel_headers *h, const char *path, struct error *err)
{
	struct buf data = BUF_INIT, warnings = BUF_INIT, line = BUF_INIT;
	struct pack_counts counts;
	int ret;

	log_info("packing %s%s, which takes some seconds", *h->build ? "the headers of " : "",
		*h->release ? h->release : kernel_release());
	ret = pack_make(h, &data, &counts, &warnings, err);
	print_warnings(&warnings);
	if (ret == 0)
		ret = file_write_atomic(AT_FDCWD, path, data.data, data.len, 0644, err);
	if (ret == 0) {
		describe_counts(&counts, &line);
		buf_adds(&line, "; ");
		print_size(&line, data.len);
		printf("%s: %s\n", path, line.data);
	}
	buf_release(&data);
	buf_release(&line);
	return ret;
}

static int run_pack(const struct arguments *a, struct error *err)
{
	struct kernel_headers h;
	char *path;
	int ret;

	if (kernel_headers_find(&a->headers, &h, err))
		return -1;
	path = a->output ? mem_string(a->output) : default_name(&h);
	ret = check_output_file(path, err);
	if (ret == 0)
		ret = write_pack(&h, path, err);
	free(path);
	kernel_headers_release(&h);
	return ret;
}

/* ---- show ---- */

struct facts {
	const struct kernel_headers *h;
	struct pack_info pack;		/* strings are NULL without one */
	struct pack_counts counts;
	uint64_t file_bytes;		/* of a pack or package file */
};

/* what compiling for that kernel may miss; the running kernel is asked itself */
static size_t list_lacks(const struct facts *f, const char *ret[5])
{
	bool running = f->h->kind <= HEADERS_INSTALLED, pack = f->h->kind == HEADERS_PACK;
	size_t n = 0;

	if (!*f->h->build)
		ret[n++] = "headers";
	if (!*f->h->btf)
		ret[n++] = "BTF";
	if (!running && !(pack && f->counts.functions))
		ret[n++] = "functions";
	if (!running && !(pack && f->counts.formats))
		ret[n++] = "formats";
	if (pack && !f->counts.config)
		ret[n++] = "configuration";
	return n;
}

static void show_line(const char *key, const char *value)
{
	if (value && *value)
		printf("%-13s %s\n", key, value);
}

static void show_counts(const struct facts *f)
{
	const struct pack_counts *c = &f->counts;
	struct buf text = BUF_INIT;

	if (c->headers) {
		print_size(&text, c->header_bytes);
		printf("%-13s %llu, %s\n", "headers", (unsigned long long)c->headers, text.data);
	}
	buf_clear(&text);
	if (c->btf_bytes) {
		print_size(&text, c->btf_bytes);
		printf("%-13s %s, %llu modules\n", "BTF", text.data,
			(unsigned long long)c->btf_modules);
	}
	if (*f->h->pack)
		printf("%-13s %llu\n%-13s %llu\n%-13s %s\n", "functions",
			(unsigned long long)c->functions, "formats",
			(unsigned long long)c->formats, "configuration",
			c->config ? "yes" : "no");
	buf_release(&text);
}

static void show_text(const struct facts *f)
{
	const struct kernel_headers *h = f->h;
	struct buf text = BUF_INIT;
	const char *lacks[5];
	size_t n = list_lacks(f, lacks), i;

	show_line("kind", headers_kind_name(h->kind));
	if (f->file_bytes) {
		print_size(&text, f->file_bytes);
		printf("%-13s %s (%s)\n", "path", h->path, text.data);
	} else {
		show_line("path", h->path);
	}
	show_line("release", h->release);
	show_line("machine", h->machine);
	show_line("distribution", f->pack.distribution);
	show_line("made by", f->pack.made_by);
	show_line("identity", h->id);
	show_line("build", h->build);
	show_line("source", h->source);
	show_counts(f);
	buf_clear(&text);
	for (i = 0; i < n; i++)
		buf_addf(&text, "%s%s", i ? ", " : "", lacks[i]);
	show_line("lacks", text.data);
	show_line("why", h->why);
	buf_release(&text);
}

static void json_string(struct buf *out, const char *key, const char *value)
{
	buf_addf(out, "%s\"%s\":", out->len > 1 ? "," : "", key);
	buf_add_json(out, value ? value : "", value ? strlen(value) : 0);
}

static void json_number(struct buf *out, const char *key, uint64_t value)
{
	buf_addf(out, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void json_lacks(const struct facts *f, struct buf *out)
{
	const char *lacks[5];
	size_t n = list_lacks(f, lacks), i;

	buf_adds(out, ",\"lacks\":[");
	for (i = 0; i < n; i++)
		buf_addf(out, "%s\"%s\"", i ? "," : "", lacks[i]);
	buf_addc(out, ']');
}

static void show_json(const struct facts *f)
{
	const struct kernel_headers *h = f->h;
	const struct pack_counts *c = &f->counts;
	struct buf out = BUF_INIT;

	buf_addc(&out, '{');
	json_string(&out, "kind", headers_kind_name(h->kind));
	json_string(&out, "path", h->path);
	json_string(&out, "release", h->release);
	json_string(&out, "machine", h->machine);
	json_string(&out, "distribution", f->pack.distribution);
	json_string(&out, "made_by", f->pack.made_by);
	json_string(&out, "identity", h->id);
	json_string(&out, "build", h->build);
	json_string(&out, "source", h->source);
	json_string(&out, "btf", h->btf);
	json_number(&out, "file_bytes", f->file_bytes);
	json_number(&out, "headers", c->headers);
	json_number(&out, "header_bytes", c->header_bytes);
	json_number(&out, "btf_bytes", c->btf_bytes);
	json_number(&out, "btf_modules", c->btf_modules);
	json_number(&out, "functions", c->functions);
	json_number(&out, "formats", c->formats);
	buf_addf(&out, ",\"configuration\":%s", c->config ? "true" : "false");
	json_lacks(f, &out);
	json_string(&out, "why", h->why);
	buf_adds(&out, "}\n");
	fwrite(out.data, 1, out.len, stdout);
	buf_release(&out);
}

static int run_show(const struct arguments *a, struct error *err)
{
	struct headers_options opts = a->headers;
	struct kernel_headers h;
	struct facts f = { .h = &h };
	struct stat st;
	int ret;

	if (a->file) {
		opts.path = a->file;
		opts.told = "the argument";
	}
	if (kernel_headers_find(&opts, &h, err))
		return -1;
	ret = *h.pack ? pack_read_info(h.pack, &f.pack, err) : 0;
	if (ret == 0) {
		pack_count(&h, &f.counts);
		if (stat(h.path, &st) == 0 && S_ISREG(st.st_mode))
			f.file_bytes = st.st_size;
		if (a->json)
			show_json(&f);
		else
			show_text(&f);
		pack_info_release(&f.pack);
	}
	kernel_headers_release(&h);
	return ret;
}

/* ---- the command line ---- */

static const struct action {
	const char *name, *arguments, *summary;
	int (*run)(const struct arguments *a, struct error *err);
} actions[] = {
	{ "pack", "[-o FILE] [--headers PATH]",
		"write what compiling for this kernel needs to a file", run_pack },
	{ "show", "[--json] [FILE]",
		"tell what a pack, package or tree is; without FILE, what this host has",
		run_show },
};

static int print_help(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(actions); i++)
		printf("%s moontrace headers %s %s\n", i ? "      " : "usage:", actions[i].name,
			actions[i].arguments);
	printf("\n");
	for (i = 0; i < ARRAY_SIZE(actions); i++)
		printf("  %-18s %s\n", actions[i].name, actions[i].summary);
	printf("\noptions:\n");
	for (i = 0; i < ARRAY_SIZE(option_rows); i++) {
		const struct option_row *o = &option_rows[i];
		char letter[5] = "    ";
		int n;

		if (o->letter)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		n = printf("  %s--%s%s%s", letter, o->name, o->argument ? " " : "",
			o->argument ? o->argument : "");
		printf("%*s%s\n", n < 22 ? 22 - n : 1, "", o->help);
	}
	return STATUS_OK;
}

static int bad_word(const char *what, const char *word, struct nearest *near)
{
	char *hint = nearest_hint(near);

	fprintf(stderr, "error[E-ARGS]: %s '%s'\n", what, word);
	if (hint)
		fprintf(stderr, "  %s\n", hint);
	fprintf(stderr, "  try 'moontrace headers -h'\n");
	free(hint);
	return STATUS_USAGE;
}

static bool belongs(const struct option_row *o, const struct action *action)
{
	return !o->of || !action || strcmp(o->of, action->name) == 0;
}

static int bad_option(const char *what, const char *word, const struct action *action)
{
	struct nearest near;
	size_t i;

	nearest_init(&near, word + strspn(word, "-"));
	for (i = 0; i < ARRAY_SIZE(option_rows); i++) {
		if (belongs(&option_rows[i], action))
			nearest_offer(&near, option_rows[i].name);
	}
	return bad_word(what, word, &near);
}

static int bad_action(const char *word)
{
	struct nearest near;
	size_t i;

	nearest_init(&near, word);
	for (i = 0; i < ARRAY_SIZE(actions); i++)
		nearest_offer(&near, actions[i].name);
	return bad_word("headers has no action", word, &near);
}

/* the row of "-o", "-oFILE", "--output", "--output=FILE"; the value behind it, or NULL */
static const struct option_row *find_option(const char *word, const struct action *action,
	const char **ret_value)
{
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(option_rows); i++) {
		const struct option_row *o = &option_rows[i];

		n = strlen(o->name);
		*ret_value = NULL;
		if (!belongs(o, action))
			continue;
		if (str_starts(word, "--") && strncmp(word + 2, o->name, n) == 0 &&
			(!word[2 + n] || (word[2 + n] == '=' && o->argument))) {
			*ret_value = word[2 + n] ? word + 3 + n : NULL;
			return o;
		}
		if (o->letter && word[1] == o->letter && (!word[2] || o->argument)) {
			*ret_value = word[2] ? word + 2 : NULL;
			return o;
		}
	}
	return NULL;
}

/* an option and its value; 0 or an exit status */
static int take_option(struct arguments *a, const struct action *action, char **argv, int argc,
	int *at)
{
	const char *word = argv[*at], *value;
	const struct option_row *o = find_option(word, action, &value);

	if (!o)
		return bad_option("unknown option", word, action);
	if (o->argument && !value) {
		if (*at + 1 == argc)
			return bad_option("a value is needed for option", word, action);
		value = argv[++*at];
	}
	if (o->argument && !*value)
		return bad_option("an empty value for option", word, action);
	o->set(a, value);
	return 0;
}

static int parse(struct arguments *a, const struct action *action, int argc, char **argv)
{
	bool show = action->run == run_show, options = true;
	int i, status = 0;

	for (i = 1; i < argc && status == 0; i++) {
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && argv[i][0] == '-' && argv[i][1])
			status = take_option(a, action, argv, argc, &i);
		else if (!show || a->file)
			status = command_usage(&command_headers, "unexpected argument '%s'",
				argv[i]);
		else
			a->file = argv[i];
	}
	return status;
}

static const struct action *find_action(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

static int run_headers(const struct host_options *opts, int argc, char **argv)
{
	struct arguments a = { .headers = { opts->headers, opts->cache_dir } };
	const struct action *action = argc > 1 ? find_action(argv[1]) : NULL;
	struct error err = ERROR_INIT;
	int status;

	if (argc < 2)
		return command_usage(&command_headers, "pack or show?");
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)
		return print_help();
	if (!action && argv[1][0] == '-')
		return bad_option("unknown option", argv[1], NULL);
	if (!action)
		return bad_action(argv[1]);
	status = parse(&a, action, argc - 1, argv + 1);
	if (status)
		return status;
	if (a.help)
		return print_help();
	return action->run(&a, &err) ? command_error(&err) : STATUS_OK;
}

const struct command command_headers = {
	.name = "headers",
	.arguments = "pack [-o FILE] | show [--json] [FILE]",
	.summary = "make a header pack of this kernel, or show what one is",
	.helps = true,
	.run = run_headers,
};
