/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle runs: the script behind our own executable, and --inspect. */
#include "app/bundle.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "app/command.h"
#include "base/mem.h"
#include "base/str.h"
#include "cache/bundle.h"
#include "kernel/kernel.h"

/* ---- --inspect ---- */

static size_t lines_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void print_files(const char *what, const struct bundle_file *files, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		printf("%-8s %s, %zu lines\n", what, files[i].name, lines_of(files[i].text));
}

static void print_params(const struct object *obj)
{
	size_t i;

	for (i = 0; i < obj->n_params; i++)
		printf("%s%s%s", i ? ", " : "         may vary: ", obj->params[i].name,
			obj->params[i].optional ? " (or be absent)" : "");
	if (obj->n_params)
		putchar('\n');
}

/* what is a define of the build and no parameter */
static void print_fixed(const struct bundle_object *o)
{
	size_t i;

	for (i = 0; i < o->object->n_facts; i++) {
		const struct object_fact *f = &o->object->facts[i];

		if (strcmp(f->key, "fixed") == 0)
			printf("         %s\n", f->value);
	}
}

static void print_object(const struct bundle_object *o, size_t index)
{
	struct buf what = BUF_INIT, bytes = BUF_INIT;
	struct error err = ERROR_INIT;
	size_t i;

	bundle_describe(o, &what);
	if (object_write(o->object, &bytes, &err))
		error_clear(&err);
	printf("object   %zu: %s\n", index, what.data);
	printf("         of %s, %zu bytes\n", o->object->source_name ?
		o->object->source_name : "?", bytes.len);
	for (i = 0; i < o->object->n_programs; i++) {
		const struct object_program *p = &o->object->programs[i];

		printf("         %s: %s, %zu instructions\n", p->name,
			p->probe ? p->probe : "attached by hand", p->n_insns);
	}
	print_params(o->object);
	print_fixed(o);
	buf_release(&what);
	buf_release(&bytes);
}

static int inspect(const struct bundle *b)
{
	size_t i;

	printf("bundle   of moontrace %s, for %s\n", b->version, b->machine);
	print_files("script", &b->script, 1);
	print_files("module", b->modules, b->n_modules);
	print_files("file", b->files, b->n_files);
	if (b->strict)
		printf("option   --strict\n");
	if (b->destructive)
		printf("option   --destructive\n");
	for (i = 0; i < b->n_objects; i++)
		print_object(&b->objects[i], i);
	return STATUS_OK;
}

/* ---- running ---- */

static int check_machine(const struct bundle *b, struct error *err)
{
	if (strcmp(b->machine, kernel_machine()) == 0)
		return 0;
	return error_set(err, "E-BUNDLE", "this bundle is for kernels of %s, and this one is of %s",
		b->machine, kernel_machine());
}

static int run(const struct bundle *b, int argc, char **argv)
{
	struct host_options opts = {
		.bundle = b, .strict = b->strict, .destructive = b->destructive, .no_cache = true,
	};
	struct error err = ERROR_INIT;
	struct host *h;
	int status;

	if (check_machine(b, &err))
		return command_error(&err);
	h = host_new(&opts, &err);
	if (!h)
		return command_error(&err);
	status = host_run_text(h, b->script.text, b->script.name, argc, argv);
	host_free(h);
	return status;
}

/* our executable; without /proc as the kernel was told its name */
static int open_self(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const char *name = (const char *)getauxval(AT_EXECFN);

	return fd < 0 && name ? open(name, O_RDONLY | O_CLOEXEC) : fd;
}

int bundle_main(int argc, char **argv)
{
	const char *name = argc ? argv[0] : "moontrace";
	struct error err = ERROR_INIT;
	struct bundle *b = NULL;
	int fd = open_self(), found = fd < 0 ? 0 : bundle_open(fd, name, &b, &err), status;

	if (fd >= 0)
		close(fd);
	if (found == 0)
		return -1;
	if (found < 0)
		return command_error(&err);
	if (argc == 2 && strcmp(argv[1], "--inspect") == 0) {
		signal(SIGPIPE, SIG_IGN);
		status = inspect(b);
	} else {
		status = run(b, argc, argv);
	}
	bundle_free(b);
	return status;
}
