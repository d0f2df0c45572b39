/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle runs: the script behind our own executable, and --inspect. */
#include "app/bundle.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
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

/* of objects; a name in a record is one line already */
static void print_text(const char *format, const char *text)
{
	char *copy = mem_string(text);

	str_clean(copy);
	printf(format, copy);
	free(copy);
}

/* what is a define of the build and no parameter */
static void print_fixed(const struct bundle_object *o)
{
	size_t i;

	for (i = 0; i < o->object->n_facts; i++) {
		const struct object_fact *f = &o->object->facts[i];

		if (strcmp(f->key, "fixed") == 0)
			print_text("         %s\n", f->value);
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
	print_text("         of %s, ", o->object->source_name ? o->object->source_name : "?");
	printf("%zu bytes\n", bytes.len);
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

int bundle_inspect(const char *path)
{
	struct error err = ERROR_INIT;
	struct bundle *b = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), found, status;

	if (fd < 0) {
		error_sys(&err, "E-FILE", errno, "open '%s'", path);
		return command_error(&err);
	}
	found = bundle_open(fd, path, &b, &err);
	close(fd);
	if (found == 0) {
		error_set(&err, "E-BUNDLE", "'%s' is no bundle", path);
		error_hint(&err, "a bundle is a file that 'moontrace build' made");
	}
	status = found > 0 ? inspect(b) : command_error(&err);
	bundle_free(b);
	return status;
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

/* begin of our executable, as it lies in memory: the linker's name for it */
extern const Elf64_Ehdr __ehdr_start __attribute__((weak, visibility("hidden")));

/* who may execute it and not read it: is there something behind the executable? */
static bool hides_payload(void)
{
	const char *name = (const char *)getauxval(AT_EXECFN);
	const Elf64_Ehdr *eh = &__ehdr_start;
	struct stat st;

	if (!eh || (stat("/proc/self/exe", &st) != 0 && (!name || stat(name, &st) != 0)))
		return false;
	return (uint64_t)st.st_size > eh->e_shoff + (uint64_t)eh->e_shnum * eh->e_shentsize;
}

static int unreadable(const char *name, int sys)
{
	struct error err = ERROR_INIT;

	error_sys(&err, "E-FILE", sys, "read the bundle '%s'", name);
	error_hint(&err, "who runs a bundle must be able to read it, too: chmod a+r");
	return command_error(&err);
}

int bundle_main(int argc, char **argv)
{
	const char *name = argc ? argv[0] : "moontrace";
	struct error err = ERROR_INIT;
	struct bundle *b = NULL;
	int fd = open_self(), sys = errno, found, status;

	if (fd < 0)
		return sys == EACCES && hides_payload() ? unreadable(name, sys) : -1;
	found = bundle_open(fd, name, &b, &err);
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
