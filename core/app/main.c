/* SPDX-License-Identifier: Apache-2.0 */
/* moontrace: options, then a subcommand, a bundled script, a file or a line of Lua. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "app/bundle.h"
#include "app/command.h"
#include "base/file.h"
#include "base/limit.h"
#include "base/mem.h"
#include "base/str.h"
#include "repl/terminal.h"

enum { MAX_STDIN = 16 << 20 };

struct arguments {
	struct host_options host;
	const char *line;		/* -e */
	bool help, version;
	bool bad_number;		/* of the option just set */
};

/* one row an option: what -h shows and what the parser knows */
struct option_row {
	char letter;			/* 0: none */
	const char *name, *argument, *help;
	void (*set)(struct arguments *a, const char *value);
};

static void set_line(struct arguments *a, const char *v)
{
	a->line = v;
}

static void set_include(struct arguments *a, const char *v)
{
	char *full = realpath(v, NULL);

	*MEM_GROW(a->host.include, a->host.n_include) = full ? full : v;
}

static void set_headers(struct arguments *a, const char *v)
{
	a->host.headers = v;
}

static void set_compiler(struct arguments *a, const char *v)
{
	a->host.compiler = v;
}

static void set_cache(struct arguments *a, const char *v)
{
	a->host.cache_dir = v;
}

static void set_no_cache(struct arguments *a, const char *v)
{
	(void)v;
	a->host.no_cache = true;
}

static void set_json(struct arguments *a, const char *v)
{
	(void)v;
	a->host.format = OUTPUT_JSON;
}

static void set_csv(struct arguments *a, const char *v)
{
	(void)v;
	a->host.format = OUTPUT_CSV;
}

static void set_max_probes(struct arguments *a, const char *v)
{
	uint64_t n;

	a->bad_number = !str_to_u64(v, 1, 100000, &n);
	a->host.max_probes = a->bad_number ? 0 : n;
}

static void set_strict(struct arguments *a, const char *v)
{
	(void)v;
	a->host.strict = true;
}

static void set_destructive(struct arguments *a, const char *v)
{
	(void)v;
	a->host.destructive = true;
}

static void set_verbose(struct arguments *a, const char *v)
{
	(void)v;
	a->host.verbose = true;
}

static void set_version(struct arguments *a, const char *v)
{
	(void)v;
	a->version = true;
}

static void set_help(struct arguments *a, const char *v)
{
	(void)v;
	a->help = true;
}

static const struct option_row option_rows[] = {
	{ 'e', "execute", "LUA", "run this line of Lua", set_line },
	{ 'I', "include", "DIR", "look for Lua modules in DIR first", set_include },
	{ 0, "headers", "PATH", "kernel headers: a tree, pack, .rpm or .deb", set_headers },
	{ 0, "cc", "FILE", "compiler to run instead of moontrace-cc", set_compiler },
	{ 0, "cache", "DIR", "keep compiled objects in DIR", set_cache },
	{ 0, "no-cache", NULL, "compile anew, keep nothing", set_no_cache },
	{ 0, "json", NULL, "rows as JSON, an object a line", set_json },
	{ 0, "csv", NULL, "rows as CSV", set_csv },
	{ 0, "max-probes", "N", "most probes that a pattern may match (1000)", set_max_probes },
	{ 0, "strict", NULL, "exit with status 3 if anything was lost", set_strict },
	{ 0, "destructive", NULL, "allow programs that change what they trace", set_destructive },
	{ 'v', "verbose", NULL, "whole verifier logs", set_verbose },
	{ 'V', "version", NULL, "print the version", set_version },
	{ 'h', "help", NULL, "print this help", set_help },
};

static void print_usage(FILE *out)
{
	size_t i;

	fprintf(out, "usage: moontrace [OPTION...]              a prompt; a script from a pipe\n"
		     "       moontrace [OPTION...] SCRIPT [ARGUMENT...]\n"
		     "       moontrace [OPTION...] FILE.lua [ARGUMENT...]\n"
		     "       moontrace [OPTION...] -e LUA [ARGUMENT...]\n"
		     "       moontrace COMMAND [ARGUMENT...]\n"
		     "\noptions:\n");
	for (i = 0; i < ARRAY_SIZE(option_rows); i++) {
		const struct option_row *o = &option_rows[i];
		char letter[4] = { o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
			o->letter ? ',' : ' ', 0 };
		int n = fprintf(out, "  %s --%s%s%s", letter, o->name, o->argument ? " " : "",
			o->argument ? o->argument : "");

		fprintf(out, "%*s%s\n", n < 26 ? 26 - n : 1, "", o->help);
	}
	fprintf(out, "\ncommands:\n");
	for (i = 0; commands[i]; i++)
		fprintf(out, "  %-23s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out, "\n'moontrace list' names the bundled scripts; 'moontrace SCRIPT -h' explains "
		     "one.\n");
}

static int bad_option(const char *word, const char *what)
{
	struct nearest near;
	char *hint;
	size_t i;

	nearest_init(&near, str_starts(word, "--") ? word + 2 : word);
	for (i = 0; i < ARRAY_SIZE(option_rows); i++)
		nearest_offer(&near, option_rows[i].name);
	hint = nearest_hint(&near);
	fprintf(stderr, "error[E-ARGS]: %s '%s'\n", what, word);
	if (hint)
		fprintf(stderr, "  %s\n", hint);
	fprintf(stderr, "  try 'moontrace -h'\n");
	free(hint);
	return STATUS_USAGE;
}

/* what the environment says where no option does */
static void read_environment(struct arguments *a)
{
	const char *headers = getenv("MOONTRACE_HEADERS");

	if (headers && *headers)
		a->host.headers = headers;
}

static const struct option_row *find_option(const char *word, const char **ret_value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(option_rows); i++) {
		const struct option_row *o = &option_rows[i];
		size_t n = strlen(o->name);

		*ret_value = NULL;
		if (word[0] == '-' && word[1] == '-' && strncmp(word + 2, o->name, n) == 0 &&
			(word[2 + n] == '\0' || (word[2 + n] == '=' && o->argument))) {
			if (word[2 + n])
				*ret_value = word + 3 + n;
			return o;
		}
		if (o->letter && word[0] == '-' && word[1] == o->letter &&
			(word[2] == '\0' || o->argument)) {
			if (word[2])
				*ret_value = word + 2;
			return o;
		}
	}
	return NULL;
}

/* options up to the first word that is none; its index, or -status - 1 */
static int parse_options(struct arguments *a, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const struct option_row *o;
		const char *value;

		if (strcmp(argv[i], "--") == 0)
			return i + 1;
		o = find_option(argv[i], &value);
		if (!o)
			return -bad_option(argv[i], "unknown option") - 1;
		if (o->argument && !value) {
			if (i + 1 == argc)
				return -bad_option(argv[i], "a value is needed for option") - 1;
			value = argv[++i];
		}
		o->set(a, value);
		if (a->bad_number)
			return -bad_option(value, "a number from 1 to 100000 is needed, not") - 1;
	}
	return i;
}

static int no_script(const char *name)
{
	struct error err = ERROR_INIT;
	struct nearest near;
	const char *candidate;
	char *summary;
	size_t i;

	error_set(&err, "E-SCRIPT", "no script or command '%s'", name);
	nearest_init(&near, name);
	for (i = 0; commands[i]; i++)
		nearest_offer(&near, commands[i]->name);
	for (i = 0; host_bundled(i, &candidate, &summary); i++) {
		nearest_offer(&near, candidate);
		free(summary);
	}
	error_take_hint(&err, nearest_hint(&near));
	if (!err.hint)
		error_hint(&err, "'moontrace list' names the bundled scripts; a file is given "
			"with a slash or its .lua");
	return command_error(&err);
}

/* the prompt, until it is left */
static int run_prompt(struct arguments *a)
{
	struct error err = ERROR_INIT;
	struct host *h;
	int status;

	a->host.interactive = true;
	h = host_new(&a->host, &err);
	if (!h)
		return command_error(&err);
	status = host_run_prompt(h);
	host_free(h);
	return status;
}

/* a pipe or a file, and not the /dev/null of a job that has no input */
static bool stdin_has_script(void)
{
	struct stat st;

	if (isatty(STDIN_FILENO) || fstat(STDIN_FILENO, &st) != 0)
		return false;
	return !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3);
}

/* argv[0] is a name for it */
static int run_stdin(const struct arguments *a, int argc, char **argv)
{
	struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct host *h = NULL;
	int status;

	if (file_read_fd(STDIN_FILENO, "standard input", MAX_STDIN, &text, &err) == 0)
		h = host_new(&a->host, &err);
	if (!h) {
		buf_release(&text);
		return command_error(&err);
	}
	status = host_run_text(h, text.data, "(standard input)", argc, argv);
	host_free(h);
	buf_release(&text);
	return status;
}

/* no words: a person, a script in a pipe, or a mistake */
static int run_nothing(struct arguments *a)
{
	static char name[] = "-";
	char *argv[] = { name, NULL };

	if (terminal_is_there())
		return run_prompt(a);
	if (stdin_has_script())
		return run_stdin(a, 1, argv);
	print_usage(stderr);
	return STATUS_USAGE;
}

static int run_script(const struct arguments *a, int argc, char **argv)
{
	bool is_file = !a->line && (strchr(argv[0], '/') || str_ends(argv[0], ".lua"));
	struct error err = ERROR_INIT;
	struct host *h;
	int status;

	if (!a->line && !is_file && !host_has_bundled(argv[0]))
		return no_script(argv[0]);
	h = host_new(&a->host, &err);
	if (!h)
		return command_error(&err);
	if (a->line)
		status = host_run_line(h, a->line, argc, argv);
	else if (is_file)
		status = host_run_file(h, argv[0], argc, argv);
	else
		status = host_run_bundled(h, argv[0], argc, argv);
	host_free(h);
	return status;
}

/* what a command printed must have arrived */
static int check_output(int status)
{
	struct error err = ERROR_INIT;
	int sys = file_flush(stdout);

	if (!sys)
		return status;
	if (sys == EPIPE)
		return 128 + SIGPIPE;
	error_sys(&err, "E-FILE", sys, "write to standard output");
	return command_error(&err);
}

/* a closed 0, 1 or 2 must not become a file of ours; using it fails as before */
static void fill_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
		if (fd == STDIN_FILENO) {
			close(fd);
			fd = open("/dev/null", O_WRONLY);
		}
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static bool wants_help(const struct command *cmd, int argc, char **argv)
{
	return !cmd->helps && argc == 2 &&
		(strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
}

static int print_command(const struct command *cmd)
{
	printf("usage: moontrace %s%s%s\n\n%s; see moontrace(1)\n", cmd->name,
		*cmd->arguments ? " " : "", cmd->arguments, cmd->summary);
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	static char name[] = "-e";
	static struct arguments a;
	const struct command *cmd;
	int first, status;

	fill_standard_files();
	limit_raise_files();
	status = bundle_main(argc, argv);
	if (status >= 0)
		return check_output(status);
	read_environment(&a);
	first = parse_options(&a, argc, argv);

	if (first < 0)
		return -(first + 1);
	if (a.help) {
		print_usage(stdout);
		return check_output(STATUS_OK);
	}
	if (a.version) {
		printf("moontrace " VERSION "\n");
		return check_output(STATUS_OK);
	}
	if (a.line) {
		argv[first - 1] = name;
		return run_script(&a, argc - first + 1, argv + first - 1);
	}
	if (first >= argc)
		return run_nothing(&a);
	if (strcmp(argv[first], "-") == 0)
		return run_stdin(&a, argc - first, argv + first);
	cmd = command_find(argv[first]);
	if (cmd) {
		signal(SIGPIPE, SIG_IGN);
		status = wants_help(cmd, argc - first, argv + first) ? print_command(cmd) :
			cmd->run(&a.host, argc - first, argv + first);
		return check_output(status);
	}
	return run_script(&a, argc - first, argv + first);
}
