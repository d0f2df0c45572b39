/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a header tree a BPF program may need: all headers of some
 * directories, which programs name in an #include, and those that they
 * include in their turn, wherever these are.
 *
 * Conditions are not looked at: an #include that one kernel configuration
 * passes over is followed too.  A name is looked for in all directories that
 * the compiler is given, and what is found in any of them is taken.
 */
#include "kernel/pack.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"
#include "kernel/kernel.h"

enum {
	HEADER_MAX = 16 << 20,		/* bytes; longer ones are left out */
	DEPTH_MAX = 16,			/* of directories */
};

/* $ is the architecture's name in arch/ */
static const struct { const char *dir; bool deep; } roots[] = {
	{ "include/linux", false },
	{ "include/linux/sched", true },
	{ "include/linux/netfilter", true },
	{ "include/linux/netfilter_ipv4", true },
	{ "include/linux/netfilter_ipv6", true },
	{ "include/linux/netfilter_bridge", true },
	{ "include/net", true },
	{ "include/uapi/linux", true },
	{ "include/asm-generic", true },
	{ "include/generated", true },
	{ "arch/$/include", true },
};

/* where the compiler looks */
static const char *const search[] = {
	"include", "arch/$/include", "arch/$/include/generated", "include/uapi",
	"arch/$/include/uapi", "arch/$/include/generated/uapi", "include/generated/uapi",
};

struct closure {
	const char *trees[2];		/* build, source or NULL */
	const char *arch;
	struct table *files;		/* name in the pack -> path */
	struct table *asked;		/* names in #includes that were looked for */
	char **todo;			/* names in the pack, owned */
	size_t n_todo;
};

static const char *const tree_names[] = { "build", "source" };

/* dir with its $ replaced; caller owns */
static char *for_arch(const char *dir, const char *arch)
{
	const char *at = strchr(dir, '$');

	return at ? mem_format("%.*s%s%s", (int)(at - dir), dir, arch, at + 1) : mem_string(dir);
}

/* "a/b/../c" -> "a/c", in place; false: it leaves the tree */
static bool normalize(char *name)
{
	char *from = name, *to = name;

	while (*from) {
		size_t n = strcspn(from, "/");

		if (n == 2 && from[0] == '.' && from[1] == '.') {
			if (to == name)
				return false;
			while (to > name && *--to != '/')
				;
		} else if (n && !(n == 1 && from[0] == '.')) {
			if (to > name)
				*to++ = '/';
			memmove(to, from, n);
			to += n;
		}
		from += n;
		from += *from == '/';
	}
	*to = '\0';
	return to > name;
}

/* takes name, which is below trees[tree] */
static void add_file(struct closure *c, int tree, char *name)
{
	char *full = NULL, *path = NULL;
	struct stat st;

	if (c->trees[tree] && normalize(name) && str_ends(name, ".h")) {
		full = mem_format("%s/%s", tree_names[tree], name);
		path = mem_format("%s/%s", c->trees[tree], name);
	}
	free(name);
	if (full && !table_get(c->files, full) && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_size <= HEADER_MAX) {
		table_set(c->files, full, path);
		*MEM_GROW(c->todo, c->n_todo) = full;
		return;
	}
	free(full);
	free(path);
}

static void add_dir(struct closure *c, int tree, const char *name, bool deep, unsigned depth)
{
	char *path = mem_format("%s/%s", c->trees[tree], name);
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	struct dirent *d;
	struct stat st;

	while (dir && (d = readdir(dir)) != NULL) {
		char *child = mem_format("%s/%s", path, d->d_name);

		if (d->d_name[0] == '.' || stat(child, &st) != 0)
			;
		else if (!S_ISDIR(st.st_mode))
			add_file(c, tree, mem_format("%s/%s", name, d->d_name));
		else if (deep)
			add_dir(c, tree, child + strlen(c->trees[tree]) + 1, deep, depth + 1);
		free(child);
	}
	if (dir)
		closedir(dir);
	free(path);
}

static void look_for(struct closure *c, const char *name)
{
	static char present;
	size_t i;
	int tree;

	if (table_set(c->asked, name, &present))
		return;
	for (i = 0; i < ARRAY_SIZE(search); i++) {
		char *dir = for_arch(search[i], c->arch);

		for (tree = 0; tree < 2; tree++)
			add_file(c, tree, mem_format("%s/%s", dir, name));
		free(dir);
	}
}

/* `"name"` or `<name>` of an #include on this line; caller owns, or NULL */
static char *parse_include(const char *line, bool *ret_quoted)
{
	line += strspn(line, " \t");
	if (*line++ != '#')
		return NULL;
	line += strspn(line, " \t");
	if (!str_starts(line, "include"))
		return NULL;
	line += strcspn(line, "\"<\n");
	*ret_quoted = *line == '"';
	if (*line != '"' && *line != '<')
		return NULL;
	line++;
	return mem_string_n(line, strcspn(line, "\">\n"));
}

static void follow_line(struct closure *c, const char *file, const char *line)
{
	const char *slash = strrchr(file, '/'), *inside = strchr(file, '/') + 1;
	bool quoted;
	char *name = parse_include(line, &quoted);

	if (!name)
		return;
	if (quoted && slash >= inside)
		add_file(c, str_starts(file, "source/"), mem_format("%.*s/%s",
			(int)(slash - inside), inside, name));
	look_for(c, name);
	free(name);
}

static void follow(struct closure *c, const char *file)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	const char *line;

	if (file_read(table_get(c->files, file), HEADER_MAX, &text, &err) == 0) {
		for (line = text.data; line; line = strchr(line, '\n')) {
			line += *line == '\n';
			follow_line(c, file, line);
		}
	}
	error_clear(&err);
	buf_release(&text);
}

static void add_roots(struct closure *c)
{
	size_t i;
	int tree;

	for (i = 0; i < ARRAY_SIZE(roots); i++) {
		char *dir = for_arch(roots[i].dir, c->arch);

		for (tree = 0; tree < 2; tree++) {
			if (c->trees[tree])
				add_dir(c, tree, dir, roots[i].deep, 0);
		}
		free(dir);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t tell(const struct closure *c,
	void (*fn)(void *arg, const char *name, const char *path), void *arg)
{
	const char **names = mem_array(table_count(c->files), sizeof(*names));
	size_t at = 0, n = 0, i;

	while (table_next(c->files, &at, &names[n], NULL)) {
		if (++n == table_count(c->files))
			break;
	}
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	for (i = 0; i < n; i++)
		fn(arg, names[i], table_get(c->files, names[i]));
	free(names);
	return n;
}

size_t pack_headers(const struct kernel_headers *h,
	void (*fn)(void *arg, const char *name, const char *path), void *arg)
{
	const struct machine *m = machine_find(*h->machine ? h->machine : kernel_machine());
	struct closure c = { .trees = { h->build, *h->source ? h->source : NULL },
		.arch = m ? m->arch : h->machine };
	size_t i, n;

	c.files = table_new();
	c.asked = table_new();
	add_roots(&c);
	for (i = 0; i < c.n_todo; i++)
		follow(&c, c.todo[i]);
	n = tell(&c, fn, arg);
	for (i = 0; i < c.n_todo; i++)
		free(c.todo[i]);
	free(c.todo);
	table_free(c.files, free);
	table_free(c.asked, NULL);
	return n;
}
