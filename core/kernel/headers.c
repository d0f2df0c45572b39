/* SPDX-License-Identifier: Apache-2.0 */
/* Where the headers of the running kernel are. */
#include "kernel/kernel.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static bool has(const char *dir, const char *file)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return access(path, R_OK) == 0;
}

/* the arch-specific half, or a whole tree: it has been configured */
static bool is_build(const char *dir)
{
	return has(dir, "include/generated/autoconf.h");
}

static bool is_source(const char *dir)
{
	return has(dir, "include/linux/kconfig.h");
}

/* the directory whose Makefile that of a split tree includes, or NULL */
static char *makefile_source(const char *build)
{
	char path[PATH_MAX + 16], line[PATH_MAX], *at, *end;
	char *source = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "%s/Makefile", build);
	f = fopen(path, "re");
	while (f && !source && fgets(line, sizeof(line), f)) {
		at = line + strspn(line, " \t");
		/* "include /usr/src/linux-headers-X-common/Makefile" */
		end = strstr(at, "/Makefile");
		if (!str_starts(at, "include ") || !end)
			continue;
		at += strlen("include ");
		at += strspn(at, " \t");
		*end = '\0';
		if (at < end)
			source = at[0] == '/' ? mem_string(at) : mem_format("%s/%s", build, at);
	}
	if (f)
		fclose(f);
	return source;
}

/* takes path; it is the source if it looks like one */
static bool accept_source(char *path, char **ret)
{
	char real[PATH_MAX];

	if (path && is_source(path) && realpath(path, real)) {
		*ret = mem_string(real);
		free(path);
		return true;
	}
	free(path);
	return false;
}

/* linux-headers-6.1.0-13-cloud-amd64 belongs to linux-headers-6.1.0-13-common */
static bool find_sibling(const char *build, char **ret)
{
	char real[PATH_MAX], *dash;

	if (!realpath(build, real))
		return false;
	while ((dash = strrchr(real, '-')) != NULL && !strchr(dash, '/')) {
		*dash = '\0';
		if (accept_source(mem_format("%s-common", real), ret))
			return true;
	}
	return false;
}

/* for /lib/modules/R/build: /lib/modules/R/source, whatever build links to */
static char *beside_build(const char *build)
{
	size_t n = strlen(build);

	while (n > 1 && build[n - 1] == '/')
		n--;
	if (n < strlen("/build") || strncmp(build + n - 6, "/build", 6) != 0)
		return NULL;
	return mem_format("%.*s/source", (int)n - 6, build);
}

static bool find_source(const char *build, char **ret)
{
	return accept_source(mem_format("%s/source", build), ret) ||
		accept_source(beside_build(build), ret) ||
		accept_source(makefile_source(build), ret) || find_sibling(build, ret);
}

/* UTS_RELEASE of the tree, "" if it does not say */
static void read_release(const char *build, char *release, size_t size)
{
	char path[PATH_MAX + 64], line[256];
	FILE *f;

	release[0] = '\0';
	snprintf(path, sizeof(path), "%s/include/generated/utsrelease.h", build);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *quote = strchr(line, '"');

		if (!quote || !str_starts(line, "#define UTS_RELEASE"))
			continue;
		snprintf(release, size, "%.*s", (int)strcspn(quote + 1, "\""), quote + 1);
	}
	if (f)
		fclose(f);
}

static char *identify(const char *build, const char *source)
{
	char path[PATH_MAX + 64], release[128];
	struct stat st;

	memset(&st, 0, sizeof(st));
	snprintf(path, sizeof(path), "%s/include/generated/autoconf.h", build);
	if (stat(path, &st) < 0)
		memset(&st, 0, sizeof(st));
	read_release(build, release, sizeof(release));
	return mem_format("%s %s %s %lld.%09ld %lld %llu", build, source, release,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_size,
		(unsigned long long)st.st_ino);
}

/* fills ret if dir is a tree, whole or split */
static bool try_tree(const char *dir, struct kernel_headers *ret)
{
	char real[PATH_MAX], *source = NULL;

	if (!realpath(dir, real) || !is_build(real))
		return false;
	/* dir first: /lib/modules/R/build has its source beside the link */
	if (!is_source(real) && !find_source(dir, &source) && !find_source(real, &source))
		return false;
	ret->source = source ? source : mem_string("");
	ret->build = mem_string(real);
	ret->id = identify(ret->build, ret->source);
	return true;
}

static void note_tried(struct buf *tried, const char *dir)
{
	buf_addf(tried, "%s%s", tried->len ? ", " : "", dir);
}

static bool try_usual(struct kernel_headers *ret, struct buf *tried)
{
	static const char *const places[] = {
		"/lib/modules/%s/build", "/usr/src/kernels/%s", "/usr/src/linux-headers-%s",
	};
	char dir[PATH_MAX];
	bool done = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places) && !done; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(dir, sizeof(dir), places[i], kernel_release());
#pragma GCC diagnostic pop
		note_tried(tried, dir);
		done = try_tree(dir, ret);
	}
	return done;
}

static int explain(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		int sys = errno;

		return error_sys(err, "E-HEADERS", sys, "kernel headers '%s'", path);
	}
	error_set(err, "E-HEADERS", "'%s' is no kernel header tree: %s", path,
		!S_ISDIR(st.st_mode) ? "not a directory" :
		!is_build(path) ? "no include/generated/autoconf.h in it" :
		"no include/linux/kconfig.h in it, and its source half was not found");
	return error_hint(err, "a tree as in /lib/modules/RELEASE/build, from the package "
		"kernel-devel or linux-headers");
}

int kernel_headers_find(const char *explicit_path, struct kernel_headers *ret,
	struct error *err)
{
	struct buf tried = BUF_INIT;
	bool done;

	memset(ret, 0, sizeof(*ret));
	if (explicit_path) {
		done = try_tree(explicit_path, ret);
		if (!done)
			return explain(explicit_path, err);
		note_tried(&tried, explicit_path);
	} else {
		done = try_usual(ret, &tried);
	}
	if (!done) {
		ret->build = mem_string("");
		ret->source = mem_string("");
		ret->id = mem_string("");
	}
	ret->tried = buf_take(&tried, NULL);
	return 0;
}

void kernel_headers_release(struct kernel_headers *h)
{
	free(h->build);
	free(h->source);
	free(h->id);
	free(h->tried);
	memset(h, 0, sizeof(*h));
}
