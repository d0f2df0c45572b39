/* SPDX-License-Identifier: Apache-2.0 */
/* The ladder: what --headers names, the usual places, kheaders, BTF, nothing. */
#include "kernel/headers.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/headers_internal.h"
#include "kernel/kernel.h"
#include "kernel/pack.h"

struct search {
	const struct headers_places *places;
	const struct headers_options *opts;
	struct kernel_headers *ret;
	struct buf tried, why;
};

/* ---- what --headers names ---- */

static void set_string(char **s, const char *value)
{
	free(*s);
	*s = mem_string(value);
}

/* of a directory that was not unpacked here: what it is and when it was made */
static char *identify_pack(const char *dir)
{
	static const char *const files[] = { "pack", "config", "functions", "btf/vmlinux",
		"build/include/generated/autoconf.h" };
	struct buf id = BUF_INIT;
	size_t i;

	buf_addf(&id, "pack %s", dir);
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		char *path = mem_format("%s/%s", dir, files[i]);
		struct stat st;

		if (stat(path, &st) == 0)
			buf_addf(&id, " %lld.%09ld %lld", (long long)st.st_mtim.tv_sec,
				st.st_mtim.tv_nsec, (long long)st.st_size);
		free(path);
	}
	return buf_take(&id, NULL);
}

/* the headers, BTF and facts of the pack in dir */
static int take_pack(const char *dir, struct kernel_headers *ret, struct error *err)
{
	char *build = mem_format("%s/build", dir);
	struct pack_info info;
	struct stat st;
	int status = 0;

	if (pack_read_info(dir, &info, err)) {
		free(build);
		return -1;
	}
	if (stat(build, &st) == 0 && !headers_try_tree(build, ret))
		status = headers_explain_tree(build, err);
	if (status == 0) {
		ret->kind = HEADERS_PACK;
		set_string(&ret->pack, dir);
		set_string(&ret->release, info.release);
		set_string(&ret->machine, info.machine);
		if (info.has_btf)
			ret->btf = mem_format("%s/btf/vmlinux", dir);
	}
	pack_info_release(&info);
	free(build);
	return status;
}

static int try_directory(const char *dir, struct kernel_headers *ret, struct error *err)
{
	char real[PATH_MAX];

	if (pack_is(dir) && realpath(dir, real)) {
		if (take_pack(real, ret, err))
			return -1;
		free(ret->id);
		ret->id = identify_pack(real);
		return 0;
	}
	ret->kind = HEADERS_TREE;
	return headers_try_tree(dir, ret) ? 0 : headers_explain_tree(dir, err);
}

static int check_packages(const char *dir, struct error *err)
{
	struct kernel_headers h;
	int ret;

	memset(&h, 0, sizeof(h));
	ret = headers_try_packages(dir, &h, err);
	kernel_headers_release(&h);
	return ret;
}

static int check_pack(const char *dir, struct error *err)
{
	struct kernel_headers h;
	int ret;

	memset(&h, 0, sizeof(h));
	ret = pack_check_files(dir, err) || take_pack(dir, &h, err) ? -1 : 0;
	kernel_headers_release(&h);
	return ret;
}

static int check_kheaders(const char *dir, struct error *err)
{
	char *build = mem_format("%s/build", dir);
	int ret = headers_is_build(build) && headers_is_source(build) ? 0 :
		error_set(err, "E-HEADERS", "there are no kernel headers in it");

	free(build);
	return ret;
}

static int try_packages(const char *const *paths, size_t n, enum archive_form form,
	const char *cache, struct kernel_headers *ret, struct error *err)
{
	struct store_request req = { .paths = paths, .n = n, .form = form, .cache_dir = cache,
		.rules = &rules_of_packages, .check = check_packages };
	char *dir, *id;
	int status;

	if (headers_store(&req, &dir, &id, err))
		return -1;
	status = headers_try_packages(dir, ret, err);
	ret->kind = HEADERS_PACKAGE;
	free(ret->id);
	ret->id = id;
	free(dir);
	return status;
}

static int try_pack_file(const char *path, const char *cache, struct kernel_headers *ret,
	struct error *err)
{
	struct store_request req = { .paths = &path, .n = 1, .form = FORM_OTHER,
		.cache_dir = cache, .rules = &rules_of_packs, .check = check_pack };
	char *dir, *id;
	int status;

	if (headers_store(&req, &dir, &id, err))
		return -1;
	status = take_pack(dir, ret, err);
	free(ret->id);
	ret->id = id;
	free(dir);
	return status;
}

static int try_kheaders_file(const char *path, const char *stamp, const char *cache,
	struct kernel_headers *ret, struct error *err)
{
	struct store_request req = { .paths = &path, .n = 1, .form = FORM_OTHER, .stamp = stamp,
		.cache_dir = cache, .rules = &rules_of_kheaders, .check = check_kheaders };
	char *dir, *id, *build;
	int status;

	if (headers_store(&req, &dir, &id, err))
		return -1;
	build = mem_format("%s/build", dir);
	status = headers_try_tree(build, ret) ? 0 : headers_explain_tree(build, err);
	ret->kind = HEADERS_KHEADERS;
	free(ret->id);
	ret->id = id;
	free(build);
	free(dir);
	return status;
}

static int no_headers_file(const char *path, struct error *err)
{
	error_set(err, "E-HEADERS", "'%s' is no header pack, no kernel-devel .rpm and no "
		"linux-headers .deb", path);
	return error_hint(err, "a pack is made on the target with 'moontrace headers pack'");
}

/* a pack, or a copy of kheaders.tar.xz; what is no archive at all is not "damaged" */
static int try_tar(const char *path, const char *cache, struct kernel_headers *ret,
	struct error *err)
{
	struct buf head = BUF_INIT;
	char *name = NULL;
	int status;

	if (unpack_first(path, &name, &head, 64, err)) {
		status = unpack_is_compressed(path) ? -1 : no_headers_file(path, err);
	} else if (strcmp(name, "pack") == 0 && str_starts(head.data, PACK_MAGIC)) {
		status = try_pack_file(path, cache, ret, err);
	} else if (str_starts(name, "./") || str_starts(name, "include/") ||
		str_starts(name, "arch/")) {
		status = try_kheaders_file(path, NULL, cache, ret, err);
	} else {
		status = no_headers_file(path, err);
	}
	buf_release(&head);
	free(name);
	return status;
}

static int try_file(const char *path, const char *cache, struct kernel_headers *ret,
	struct error *err)
{
	enum archive_form form;

	if (unpack_form(path, &form, err))
		return -1;
	if (form == FORM_OTHER)
		return try_tar(path, cache, ret, err);
	return try_packages(&path, 1, form, cache, ret, err);
}

/* all of one form: the halves of a split tree */
static int try_several(char **paths, size_t n, const char *cache, struct kernel_headers *ret,
	struct error *err)
{
	enum archive_form first = FORM_OTHER, form;
	size_t i;

	for (i = 0; i < n; i++) {
		if (unpack_form(paths[i], &form, err))
			return -1;
		if (form == FORM_OTHER || (i && form != first)) {
			error_set(err, "E-HEADERS", "'%s' is no package%s", paths[i],
				form == FORM_OTHER ? "" : " like the others");
			return error_hint(err, "several files are the .deb or .rpm packages of one "
				"split header tree");
		}
		first = form;
	}
	return try_packages((const char *const *)paths, n, first, cache, ret, err);
}

static int try_list(const char *list, const char *cache, struct kernel_headers *ret,
	struct error *err)
{
	char *copy = mem_string(list), *rest = copy, *path, **paths = NULL;
	size_t n = 0;
	int status;

	while ((path = strsep(&rest, ":")) != NULL) {
		if (*path)
			*MEM_GROW(paths, n) = path;
	}
	status = n == 1 ? try_file(paths[0], cache, ret, err) :
		try_several(paths, n, cache, ret, err);
	free(paths);
	free(copy);
	return status;
}

static int try_told(struct search *s, struct error *err)
{
	const char *path = s->opts->path;
	struct stat st;
	int sys;

	s->ret->path = mem_string(path);
	buf_adds(&s->tried, path);
	buf_addf(&s->why, "told by %s", s->opts->told ? s->opts->told : "--headers");
	if (stat(path, &st) == 0)
		return S_ISDIR(st.st_mode) ? try_directory(path, s->ret, err) :
			try_file(path, s->opts->cache_dir, s->ret, err);
	sys = errno;
	if (strchr(path, ':'))
		return try_list(path, s->opts->cache_dir, s->ret, err);
	return error_sys(err, "E-HEADERS", sys, "kernel headers '%s'", path);
}

/* ---- the running kernel ---- */

static void add_item(struct buf *list, const char *separator, const char *text)
{
	buf_addf(list, "%s%s", list->len ? separator : "", text);
}

/* false: not a tree; why says so if it is half of one */
static bool try_place(struct search *s, const char *dir)
{
	add_item(&s->tried, ", ", dir);
	if (headers_try_tree(dir, s->ret)) {
		s->ret->path = mem_string(dir);
		return true;
	}
	buf_addf(&s->why, "%s%s%s", s->why.len ? ", " : "no ", dir,
		headers_is_build(dir) ? " (its source half is missing)" : "");
	return false;
}

static bool try_usual(struct search *s)
{
	const char *root = s->places->root, *release = kernel_release();
	char *dirs[] = {
		mem_format("%s/lib/modules/%s/build", root, release),
		mem_format("%s/usr/src/kernels/%s", root, release),
		mem_format("%s/usr/src/linux-headers-%s", root, release),
	};
	bool done = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		done = done || try_place(s, dirs[i]);
		free(dirs[i]);
	}
	if (done) {
		s->ret->kind = HEADERS_INSTALLED;
		add_item(&s->why, "; ", "installed");
	}
	return done;
}

/* sysfs makes up the times of its files: the kernel's own build stands for them */
static bool try_kheaders(struct search *s)
{
	const char *path = s->places->kheaders;
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	struct utsname uts;
	char *stamp;

	add_item(&s->tried, ", ", path);
	if (access(path, R_OK) != 0) {
		add_item(&s->why, "; ", errno == EACCES ? "kheaders cannot be read" :
			"no kheaders (CONFIG_IKHEADERS)");
		return false;
	}
	uname(&uts);
	stamp = mem_format("%s %s", uts.release, uts.version);
	memset(&h, 0, sizeof(h));
	if (try_kheaders_file(path, stamp, s->opts->cache_dir, &h, &err)) {
		buf_addf(&s->why, "%skheaders cannot be used: %s", s->why.len ? "; " : "",
			err.text);
		kernel_headers_release(&h);
	} else {
		*s->ret = h;
		s->ret->path = mem_string(path);
		add_item(&s->why, "; ", "the kernel has kheaders");
	}
	error_clear(&err);
	free(stamp);
	return s->ret->kind == HEADERS_KHEADERS;
}

/* it is the kernel's own, so what names its build names it */
static char *identify_btf(const char *path)
{
	struct utsname uts;
	struct stat st;

	if (stat(path, &st) != 0)
		st.st_size = 0;
	uname(&uts);
	return mem_format("BTF %s %s %lld", uts.release, uts.version, (long long)st.st_size);
}

static bool try_btf(struct search *s)
{
	const char *path = s->places->btf;

	add_item(&s->tried, ", ", path);
	if (access(path, R_OK) != 0) {
		add_item(&s->why, "; ", errno == EACCES ? "BTF cannot be read" :
			"no BTF (CONFIG_DEBUG_INFO_BTF)");
		return false;
	}
	s->ret->kind = HEADERS_BTF;
	s->ret->path = mem_string(path);
	s->ret->id = identify_btf(path);
	add_item(&s->why, "; ", "the kernel has BTF");
	return true;
}

static void describe_running(struct search *s)
{
	struct kernel_headers *h = s->ret;

	if (h->kind == HEADERS_STUB)
		return;
	if (!h->release || !*h->release)
		set_string(&h->release, kernel_release());
	if (!h->machine || !*h->machine)
		set_string(&h->machine, kernel_machine());
	if (access(s->places->btf, R_OK) == 0)
		set_string(&h->btf, s->places->btf);
}

static void find_running(struct search *s)
{
	if (!try_usual(s) && !try_kheaders(s))
		try_btf(s);
	describe_running(s);
}

/* ---- all of it ---- */

static void fill_strings(struct kernel_headers *h)
{
	char **const strings[] = { &h->path, &h->build, &h->source, &h->pack, &h->btf,
		&h->release, &h->machine, &h->id, &h->tried, &h->why };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(strings); i++) {
		if (!*strings[i])
			*strings[i] = mem_string("");
	}
}

int headers_find_at(const struct headers_places *places, const struct headers_options *opts,
	struct kernel_headers *ret, struct error *err)
{
	struct search s = { .places = places, .opts = opts, .ret = ret,
		.tried = BUF_INIT, .why = BUF_INIT };
	int status = 0;

	memset(ret, 0, sizeof(*ret));
	if (opts->path)
		status = try_told(&s, err);
	else
		find_running(&s);
	ret->tried = buf_take(&s.tried, NULL);
	ret->why = buf_take(&s.why, NULL);
	if (status)
		kernel_headers_release(ret);
	else
		fill_strings(ret);
	return status;
}

int kernel_headers_find(const struct headers_options *opts, struct kernel_headers *ret,
	struct error *err)
{
	static const struct headers_places places = {
		.root = "",
		.kheaders = "/sys/kernel/kheaders.tar.xz",
		.btf = "/sys/kernel/btf/vmlinux",
	};

	return headers_find_at(&places, opts, ret, err);
}

void kernel_headers_release(struct kernel_headers *h)
{
	free(h->path);
	free(h->build);
	free(h->source);
	free(h->pack);
	free(h->btf);
	free(h->release);
	free(h->machine);
	free(h->id);
	free(h->tried);
	free(h->why);
	memset(h, 0, sizeof(*h));
}

const char *headers_kind_name(enum headers_kind kind)
{
	static const char *const names[] = {
		[HEADERS_STUB] = "none",
		[HEADERS_BTF] = "BTF",
		[HEADERS_KHEADERS] = "kheaders",
		[HEADERS_INSTALLED] = "installed",
		[HEADERS_TREE] = "tree",
		[HEADERS_PACK] = "pack",
		[HEADERS_PACKAGE] = "package",
	};

	return names[kind];
}
