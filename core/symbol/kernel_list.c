/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "process.h"

enum {
	RENEW_MS = 1000,
	COST_MAX = 100,		/* at most one part of so many of the time is spent on reading */
	MODULES_MAX = 4 << 20,
};

struct kernel_list {
	char *path;
	struct kallsyms **lists;	/* the last is the newest */
	size_t n_lists;
	char *modules;			/* /proc/modules at that time */
	int64_t looked;			/* when that was */
	struct kallsyms *rest;		/* what is not the kernel's own; NULL: lists[0] has it */
	int64_t rest_due;
};

struct kernel_list *kernel_list_new(const char *path)
{
	struct kernel_list *l = mem_alloc(sizeof(*l));

	l->path = mem_string(path);
	return l;
}

void kernel_list_free(struct kernel_list *l)
{
	size_t i;

	if (!l)
		return;
	for (i = 0; i < l->n_lists; i++)
		kallsyms_free(l->lists[i]);
	kallsyms_free(l->rest);
	free(l->lists);
	free(l->modules);
	free(l->path);
	free(l);
}

/* name and address of "ip_vs 172032 2 ip_vs_rr, Live 0xffffffffc0a01000": what counts its users
 * changes all the time */
static void add_module(struct buf *out, const char *line)
{
	size_t len = strcspn(line, "\n");
	const char *at = memmem(line, len, " 0x", 3);

	buf_add(out, line, strcspn(line, " \n"));
	if (at)
		buf_add(out, at, line + len - at);
	buf_addc(out, '\n');
}

/* "" where there are none, or they are hidden; caller owns */
static char *read_modules(void)
{
	struct buf text = BUF_INIT, b = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *line;
	size_t size;

	if (file_read("/proc/modules", MODULES_MAX, &text, &err) < 0)
		error_clear(&err);
	buf_addc(&text, '\0');
	for (line = text.data; *line; line += line[0] == '\n') {
		add_module(&b, line);
		line += strcspn(line, "\n");
	}
	buf_addc(&b, '\0');
	buf_release(&text);
	return buf_take(&b, &size);
}

static int64_t renewal_after(int64_t begun)
{
	int64_t now = clock_ms(), due = (now - begun) * COST_MAX;

	return now + (due > RENEW_MS ? due : RENEW_MS);
}

static void add_list(struct kernel_list *l, char *modules)
{
	int64_t begun = clock_ms();

	free(l->modules);
	l->modules = modules;
	*MEM_GROW(l->lists, l->n_lists) = kallsyms_load(l->path);
	l->looked = clock_ms();
	if (l->n_lists == 1)
		l->rest_due = renewal_after(begun);
}

struct kallsyms *kernel_list_first(struct kernel_list *l)
{
	if (!l->n_lists)
		add_list(l, read_modules());
	return l->lists[0];
}

struct kallsyms *kernel_list_now(struct kernel_list *l)
{
	char *modules;

	kernel_list_first(l);
	if (clock_ms() - l->looked >= RENEW_MS) {
		modules = read_modules();
		l->looked = clock_ms();
		if (strcmp(modules, l->modules) == 0)
			free(modules);
		else
			add_list(l, modules);
	}
	return l->lists[l->n_lists - 1];
}

static void renew_rest(struct kernel_list *l)
{
	int64_t begun = clock_ms();
	struct kallsyms *rest;

	if (begun < l->rest_due)
		return;
	rest = kallsyms_load_rest(l->path);
	l->rest_due = renewal_after(begun);
	if (!kallsyms_problem(rest)) {
		kallsyms_free(l->rest);
		l->rest = rest;
	} else {
		kallsyms_free(rest);
	}
}

const char *kernel_list_at(struct kernel_list *l, uint64_t addr, const char **ret_module,
	uint64_t *ret_offset)
{
	const char *name = kallsyms_at(kernel_list_first(l), addr, ret_module, ret_offset);

	if (name && strcmp(*ret_module, "vmlinux") == 0)
		return name;
	renew_rest(l);
	if (!l->rest)
		return name;
	*ret_module = NULL;
	*ret_offset = 0;
	return kallsyms_at(l->rest, addr, ret_module, ret_offset);
}
