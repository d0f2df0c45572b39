/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles one case and prints what came of it.
 *	golden MOONTRACE-CC CASE.c FORMATS
 * or, with "-" for the compiler, prints the request.
 *
 * A case begins with directives; the text is what follows them.
 *	//! file NAME		the user's file (a.lua)
 *	//! line N		on which line of it the text begins (1)
 *	//! perf		events go through perf buffers
 *	//! define NAME=VALUE, cflag FLAG, include DIRECTORY, arg FUNCTION NAME POSITION TYPE
 *	//! version MAJOR.MINOR.PATCH	of the kernel (6.1.0); the release is like it
 *	//! machine NAME, headers DIRECTORY
 *	//! format CATEGORY:EVENT	from the file FORMATS/CATEGORY_EVENT
 *	//! zero_stack		the verifier refuses bytes that were not written
 *	//! btf			types from $GOLDEN_BTF, else this kernel's; run skips it without
 *	//! types FILE		types from a file as types_header() makes it
 *	//! code		print instructions, else only the lines that have some
 *	//! cut N		only the first N bytes of the request are sent
 *	//! append TEXT		behind the request
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/child.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/types_header.h"
#include "object/object.h"
#include "object/request.h"

struct golden {
	struct request req;
	const char *formats;
	bool code, btf;
	size_t cut;
	char *append;
};

static void die(const char *what, struct error *err)
{
	char *text = error_format(err);

	fprintf(stderr, "golden: %s: %s\n", what, text);
	free(text);
	exit(3);
}

static void set(char **field, char *value)
{
	free(*field);
	*field = value;
}

static void set_version(struct request *req, const char *value)
{
	unsigned major, minor, patch;

	if (sscanf(value, "%u.%u.%u", &major, &minor, &patch) != 3) {
		fprintf(stderr, "golden: '%s' is no version\n", value);
		exit(3);
	}
	req->version_code = major << 16 | minor << 8 | (patch > 255 ? 255 : patch);
	set(&req->release, mem_format("%s-golden", value));
}

static void add_format(struct golden *g, char *name)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	char *event = strchr(name, ':'), *path;

	*event++ = 0;
	path = mem_format("%s/%s_%s", g->formats, name, event);
	if (file_read(path, 1 << 20, &text, &err))
		die(path, &err);
	request_add_format(&g->req, name, event, text.data);
	buf_release(&text);
	free(path);
}

static void read_types(struct request *req, const char *path)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;

	if (file_read(path, 1 << 20, &b, &err))
		die(path, &err);
	set(&req->types, buf_take(&b, NULL));
	set(&req->headers_id, mem_string("golden"));
}

static void make_types(struct request *req)
{
	struct types_wanted wanted = { .text = req->text };
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	const char *btf = getenv("GOLDEN_BTF");

	if (types_header(btf ? btf : "/sys/kernel/btf/vmlinux", &wanted, &b, &err))
		die("types", &err);
	set(&req->types, buf_take(&b, NULL));
	set(&req->headers_id, mem_string("golden"));
}

static bool flag(struct golden *g, const char *line)
{
	if (strcmp(line, "perf") == 0)
		g->req.ringbuf = 0;
	else if (strcmp(line, "zero_stack") == 0)
		g->req.zero_stack = 1;
	else if (strcmp(line, "btf") == 0)
		g->btf = true;
	else if (strcmp(line, "code") == 0)
		g->code = true;
	else
		return false;
	return true;
}

static void directive(struct golden *g, char *line)
{
	struct request *req = &g->req;
	char *value = strchr(line, ' ');

	if (flag(g, line))
		return;
	if (!value) {
		fprintf(stderr, "golden: directive '%s'\n", line);
		exit(3);
	}
	*value++ = 0;
	if (strcmp(line, "file") == 0)
		set(&req->file, mem_string(value));
	else if (strcmp(line, "line") == 0)
		req->line = atoi(value);
	else if (strcmp(line, "define") == 0)
		*MEM_GROW(req->defines, req->n_defines) = mem_string(value);
	else if (strcmp(line, "param") == 0)
		*MEM_GROW(req->params, req->n_params) = mem_string(value);
	else if (strcmp(line, "arg") == 0)
		*MEM_GROW(req->args, req->n_args) = mem_string(value);
	else if (strcmp(line, "cflag") == 0)
		*MEM_GROW(req->cflags, req->n_cflags) = mem_string(value);
	else if (strcmp(line, "include") == 0)
		*MEM_GROW(req->includes, req->n_includes) = mem_string(value);
	else if (strcmp(line, "version") == 0)
		set_version(req, value);
	else if (strcmp(line, "machine") == 0)
		set(&req->machine, mem_string(value));
	else if (strcmp(line, "headers") == 0)
		set(&req->headers, mem_string(value));
	else if (strcmp(line, "types") == 0)
		read_types(req, value);
	else if (strcmp(line, "format") == 0)
		add_format(g, value);
	else if (strcmp(line, "cut") == 0)
		g->cut = atoi(value);
	else if (strcmp(line, "append") == 0)
		g->append = mem_string(value);
	else {
		fprintf(stderr, "golden: directive '%s'\n", line);
		exit(3);
	}
}

static void read_case(struct golden *g, const char *path)
{
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char *text, *line;

	if (file_read(path, 1 << 20, &b, &err))
		die(path, &err);
	text = b.data;
	request_init(&g->req);
	set(&g->req.file, mem_string("a.lua"));
	set(&g->req.machine, mem_string("x86_64"));
	g->req.ringbuf = 1;
	set_version(&g->req, "6.1.0");
	while (str_starts(text, "//")) {
		line = strsep(&text, "\n");
		if (str_starts(line, "//! "))
			directive(g, line + 4);
	}
	set(&g->req.text, mem_string(text));
	if (g->btf)
		make_types(&g->req);
	buf_release(&b);
}

/* what depends on the compiler only as far as asked for */
static void print_object(const struct golden *g, const struct object *obj)
{
	struct buf b = BUF_INIT;
	char *end;
	size_t i, j;

	object_dump(obj, &b);
	end = g->code ? NULL : strstr(b.data, "\nprogram ");
	if (end)
		*end = 0;
	fputs(b.data, stdout);
	for (i = 0; end && i < obj->n_programs; i++) {
		const struct object_program *prog = &obj->programs[i];
		uint32_t most = 0, next;

		printf("\nprogram %s: %s\n\tlines", prog->name,
			prog->probe ? prog->probe : "by hand");
		do {
			next = UINT32_MAX;
			for (j = 0; j < prog->n_lines; j++) {
				if (prog->lines[j].line > most && prog->lines[j].line < next)
					next = prog->lines[j].line;
			}
			most = next;
			if (next != UINT32_MAX)
				printf(" %u", next);
		} while (next != UINT32_MAX);
		putchar('\n');
	}
	buf_release(&b);
}

static void print_result(const struct golden *g, const struct child_result *r)
{
	struct error err = ERROR_INIT;
	struct object *obj;

	printf("status %d\n", WIFEXITED(r->status) ? WEXITSTATUS(r->status) : -1);
	if (r->err.len)
		printf("stderr:\n%s", r->err.data);
	if (!r->out.len)
		return;
	printf("stdout:\n");
	if (r->status) {
		fputs(r->out.data, stdout);
		return;
	}
	obj = object_read(r->out.data, r->out.len, &err);
	if (!obj)
		die("the object", &err);
	print_object(g, obj);
	object_free(obj);
}

int main(int argc, char **argv)
{
	struct golden g = { 0 };
	struct buf request = BUF_INIT;
	struct child_result result;
	struct child_options options = { 0 };
	struct error err = ERROR_INIT;
	char *cc[] = { argv[1], NULL };

	if (argc != 4) {
		fprintf(stderr, "usage: golden MOONTRACE-CC CASE.c FORMATS\n");
		return 2;
	}
	g.formats = argv[3];
	read_case(&g, argv[2]);
	request_write(&g.req, &request);
	if (g.append)
		buf_adds(&request, g.append);
	if (strcmp(argv[1], "-") == 0) {
		fputs(request.data, stdout);
		return fflush(stdout) ? 3 : 0;
	}
	options.input = request.data;
	options.input_size = g.cut ? g.cut : request.len;
	options.timeout_ms = 60000;
	if (child_run(cc, &options, &result, &err))
		die(argv[1], &err);
	print_result(&g, &result);
	child_result_release(&result);
	buf_release(&request);
	request_release(&g.req);
	free(g.append);
	return 0;
}
