/* SPDX-License-Identifier: Apache-2.0 */
/* Completion of probe specs: what may stand behind the text so far. */
#include "load/catalog_internal.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "load/internal.h"

/* a line each; sorted and told at the end */
static void offer(struct buf *out, const char *front, const char *name, const char *behind)
{
	buf_addf(out, "%s%s%s\n", front, name, behind);
}

/* ---- providers, tracepoints, functions ---- */

static bool has_what(struct catalog *c, const struct provider *p)
{
	struct error ignored = ERROR_INIT;
	bool have = catalog_have(c, p, &ignored) == 0;

	error_clear(&ignored);
	return have;
}

static void complete_provider(struct catalog *c, const char *prefix, catalog_fn fn, void *arg)
{
	const struct provider *p;
	bool more = true;
	size_t i;

	for (i = 0; more && (p = catalog_provider(i)) != NULL; i++) {
		char *spec = mem_format("%s:", p->name);

		if (str_starts(p->name, prefix) && has_what(c, p))
			more = fn(arg, spec);
		free(spec);
	}
}

/* names begin with a prefix, whatever is in it */
static char *glob_of(const char *prefix)
{
	struct buf b = BUF_INIT;

	for (; *prefix; prefix++) {
		if (strchr("*?[]\\", *prefix))
			buf_addc(&b, '\\');
		buf_addc(&b, *prefix);
	}
	buf_addc(&b, '*');
	return buf_take(&b, NULL);
}

struct completion {
	const char *front;		/* "kprobe:" */
	catalog_fn fn;
	void *arg;
	struct buf text, last;
};

static bool pass(struct completion *k, const char *name, size_t len, const char *behind)
{
	buf_clear(&k->text);
	buf_addf(&k->text, "%s%.*s%s", k->front, (int)len, name, behind);
	if (k->last.len && strcmp(k->last.data, k->text.data) == 0)
		return true;
	buf_clear(&k->last);
	buf_add(&k->last, k->text.data, k->text.len);
	return k->fn(k->arg, k->text.data);
}

static bool pass_name(void *arg, const char *name)
{
	return pass(arg, name, strlen(name), "");
}

static bool pass_category(void *arg, const char *name)
{
	return pass(arg, name, strcspn(name, ":"), ":");
}

static void complete_name(struct catalog *c, const struct provider *p, const char *prefix,
	struct completion *k)
{
	bool category = p == &provider_tracepoint && !strchr(prefix, ':');
	struct error ignored = ERROR_INIT;
	char *glob = glob_of(prefix), *full = NULL;

	if (category) {
		full = mem_format("%s:*", glob);	/* with a colon: not an event's name */
		catalog_names(c, p, full, pass_category, k, &ignored);
	} else {
		catalog_names(c, p, glob, pass_name, k, &ignored);
	}
	free(full);
	free(glob);
	error_clear(&ignored);
}

/* ---- files ---- */

static bool is_binary(const char *path, const struct stat *st)
{
	const char *slash = strrchr(path, '/');

	return S_ISREG(st->st_mode) && (st->st_mode & 0111 || strstr(slash ? slash : path, ".so"));
}

static void offer_file(struct buf *out, const char *front, const char *shown, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return;
	if (S_ISDIR(st.st_mode))
		offer(out, front, shown, "/");
	else if (is_binary(path, &st))
		offer(out, front, shown, ":");
}

/* entries of a directory that begin with `base`; shown with `dir` in front, or alone */
static void offer_directory(struct buf *out, const char *front, const char *dir,
	const char *base, bool alone)
{
	DIR *d = opendir(*dir ? dir : ".");
	struct dirent *e;

	while (d && (e = readdir(d)) != NULL) {
		char *path;

		if (!str_starts(e->d_name, base) || (e->d_name[0] == '.' && *base != '.') ||
			strchr(e->d_name, ':') || strchr(e->d_name, '\n'))
			continue;
		path = mem_format("%s%s", dir, e->d_name);
		offer_file(out, front, alone ? e->d_name : path, path);
		free(path);
	}
	if (d)
		closedir(d);
}

/* programs, which are found by PATH */
static void offer_programs(struct buf *out, const char *front, const char *base)
{
	char *dirs = mem_string(getenv("PATH")), *rest = dirs, *dir;

	while (*base && (dir = strsep(&rest, ":")) != NULL) {
		char *path = mem_format("%s/", dir);

		if (*dir == '/')
			offer_directory(out, front, path, base, true);
		free(path);
	}
	free(dirs);
}

static void tell_offers(struct buf *text, catalog_fn fn, void *arg)
{
	struct buf lines = BUF_INIT;
	struct name_list *sorted;
	size_t i;

	buf_add(&lines, text->data, text->len);
	sorted = name_list_new(&lines, false);
	for (i = 0; i < name_list_count(sorted); i++) {
		if (!fn(arg, name_list_at(sorted, i)))
			break;
	}
	name_list_free(sorted);
}

static void complete_file(const char *front, const char *prefix, catalog_fn fn, void *arg)
{
	const char *slash = strrchr(prefix, '/');
	char *dir = mem_string_n(prefix, slash ? (size_t)(slash - prefix + 1) : 0);
	struct buf text = BUF_INIT;

	if (slash)
		offer_directory(&text, front, dir, slash + 1, false);
	else if (*prefix)
		offer_programs(&text, front, prefix);
	else
		offer(&text, front, "", "/");
	tell_offers(&text, fn, arg);
	buf_release(&text);
	free(dir);
}

static void complete_symbol(struct catalog *c, const struct provider *p, const char *path,
	const char *prefix, struct completion *k)
{
	struct error ignored = ERROR_INIT;
	char *glob = glob_of(prefix);

	catalog_file_names(c, p, path, glob, pass_name, k, &ignored);
	error_clear(&ignored);
	free(glob);
}

/* ---- all ---- */

static void complete_what(struct catalog *c, const struct provider *p, const char *text,
	struct completion *k)
{
	const char *colon = strchr(text, ':');
	char *path, *front;

	if (!catalog_has_path(p)) {
		complete_name(c, p, text, k);
	} else if (!colon) {
		complete_file(k->front, text, k->fn, k->arg);
	} else {
		path = mem_string_n(text, colon - text);
		front = mem_format("%s%s:", k->front, path);
		k->front = front;
		complete_symbol(c, p, path, colon + 1, k);
		free(front);
		free(path);
	}
}

void catalog_complete(struct catalog *c, const char *prefix, catalog_fn fn, void *arg)
{
	const char *colon = strchr(prefix, ':');
	struct completion k = { NULL, fn, arg, BUF_INIT, BUF_INIT };
	const struct provider *p;
	char *name, *front;

	if (!colon) {
		complete_provider(c, prefix, fn, arg);
		return;
	}
	name = mem_string_n(prefix, colon - prefix);
	front = mem_format("%s:", name);
	k.front = front;
	p = provider_find(name);
	if (p && (p->list || catalog_has_path(p)) && has_what(c, p))
		complete_what(c, p, colon + 1, &k);
	buf_release(&k.text);
	buf_release(&k.last);
	free(front);
	free(name);
}

/* ---- structs ---- */

static const struct name_list *structs_of(struct catalog *c, struct error *err)
{
	struct buf text = BUF_INIT;

	if (!c->structs && members_structs(catalog_btf(c), &text, err) == 0)
		c->structs = name_list_new(&text, false);
	buf_release(&text);
	return c->structs;
}

/* false: fn had enough */
static bool tell_range(const struct name_list *l, const char *prefix, catalog_fn fn, void *arg)
{
	size_t i, end;

	for (i = name_list_range(l, prefix, &end); i < end; i++) {
		if (!fn(arg, name_list_at(l, i)))
			return false;
	}
	return true;
}

int catalog_structs(struct catalog *c, const char *prefix, catalog_fn fn, void *arg,
	struct error *err)
{
	static const char *const words[] = { "struct ", "union " };
	const struct name_list *l = structs_of(c, err);
	bool more = true;
	size_t i;

	if (!l)
		return -1;
	if (str_starts(prefix, words[0]) || str_starts(prefix, words[1])) {
		tell_range(l, prefix, fn, arg);
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(words) && more; i++) {
		char *full = mem_format("%s%s", words[i], prefix);

		more = tell_range(l, full, fn, arg);
		free(full);
	}
	return 0;
}
