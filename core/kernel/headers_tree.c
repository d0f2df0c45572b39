/* SPDX-License-Identifier: Apache-2.0 */
/* What a header tree is, where its other half is, and what it says of itself. */
#include "kernel/headers_internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/machine.h"
#include "base/mem.h"
#include "base/str.h"

bool headers_has(const char *dir, const char *file)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	return access(path, R_OK) == 0;
}

bool headers_is_build(const char *dir)
{
	return headers_has(dir, "include/generated/autoconf.h");
}

bool headers_is_source(const char *dir)
{
	return headers_has(dir, "include/linux/kconfig.h");
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

	if (path && headers_is_source(path) && realpath(path, real)) {
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

/* what follows "#define NAME " in a file of the tree, without quotes; NULL: nothing does */
static char *read_define(const char *build, const char *file, const char *name)
{
	char path[PATH_MAX + 64], line[256], *at, *value = NULL;
	size_t len = strlen(name);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", build, file);
	f = fopen(path, "re");
	while (f && !value && fgets(line, sizeof(line), f)) {
		at = line + strlen("#define ");
		if (!str_starts(line, "#define ") || strncmp(at, name, len) != 0 || at[len] != ' ')
			continue;
		at += len + 1;
		at += *at == '"';
		value = mem_string_n(at, strcspn(at, "\"\n"));
	}
	if (f)
		fclose(f);
	return value;
}

/* UTS_RELEASE of the tree, "" if it does not say */
static char *read_release(const char *build)
{
	char *value = read_define(build, "include/generated/utsrelease.h", "UTS_RELEASE");

	return value ? value : mem_string("");
}

static char *read_machine(const char *build)
{
	char *value;
	size_t i;

	for (i = 0; machines[i]; i++) {
		value = read_define(build, "include/generated/autoconf.h", machines[i]->config);
		free(value);
		if (value)
			return mem_string(machines[i]->name);
	}
	return mem_string("");
}

uint32_t headers_tree_version(const char *build)
{
	char *value = read_define(build, "include/generated/uapi/linux/version.h",
		"LINUX_VERSION_CODE");
	uint64_t code = 0;

	if (value && !str_to_u64(value, 0, UINT32_MAX, &code))
		code = 0;
	free(value);
	return code;
}

static char *identify(const char *build, const char *source, const char *release)
{
	char path[PATH_MAX + 64];
	struct stat st;

	snprintf(path, sizeof(path), "%s/include/generated/autoconf.h", build);
	if (stat(path, &st) < 0)
		memset(&st, 0, sizeof(st));
	return mem_format("%s %s %s %lld.%09ld %lld %llu", build, source, release,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_size,
		(unsigned long long)st.st_ino);
}

static void take_tree(const char *build, char *source, struct kernel_headers *ret)
{
	ret->build = mem_string(build);
	ret->source = source ? source : mem_string("");
	ret->release = read_release(build);
	ret->machine = read_machine(build);
	ret->id = identify(ret->build, ret->source, ret->release);
}

bool headers_try_tree(const char *dir, struct kernel_headers *ret)
{
	char real[PATH_MAX], *source = NULL;

	if (!realpath(dir, real) || !headers_is_build(real))
		return false;
	/* dir first: /lib/modules/R/build has its source beside the link */
	if (!headers_is_source(real) && !find_source(dir, &source) && !find_source(real, &source))
		return false;
	take_tree(real, source, ret);
	return true;
}

int headers_explain_tree(const char *dir, struct error *err)
{
	error_set(err, "E-HEADERS", "'%s' is no kernel header tree: %s", dir,
		!headers_is_build(dir) ? "no include/generated/autoconf.h in it" :
		"no include/linux/kconfig.h in it, and its source half was not found");
	return error_hint(err, "a tree as in /lib/modules/RELEASE/build, from the package "
		"kernel-devel or linux-headers");
}

/* ---- packages, unpacked beside each other ---- */

static int skip_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static char *last_name(char *path)
{
	char *slash = path ? strrchr(path, '/') : NULL, *name;

	name = path ? mem_string(slash ? slash + 1 : path) : NULL;
	free(path);
	return name;
}

/* the half that Ubuntu's include/linux -> ../../linux-headers-X/include/linux names */
static char *linked_half(const char *build)
{
	char *path = mem_format("%s/include/linux", build), target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	char *at = target;

	free(path);
	if (n <= 0)
		return NULL;
	target[n] = '\0';
	while (str_starts(at, "../"))
		at += 3;
	return mem_string_n(at, strcspn(at, "/"));
}

/* the package with the source half, as far as its other half tells */
static char *missing_source(const char *build)
{
	char *name = last_name(makefile_source(build));

	return name ? name : linked_half(build);
}

static int explain_half(const char *name, const char *missing, struct error *err)
{
	error_set(err, "E-HEADERS", "'%s' is half a header tree: its other half, of the package "
		"'%s', is missing", name, missing);
	return error_hint(err, "name both packages, as in --headers A.deb:B.deb");
}

static int explain_source_only(const char *name, struct error *err)
{
	char *arch = str_ends(name, "-common") ?
		mem_string_n(name, strlen(name) - strlen("common")) : mem_format("%s-", name);

	error_set(err, "E-HEADERS", "'%s' is half a header tree: it has no "
		"include/generated/autoconf.h", name);
	error_hint(err, "that is in the package '%s...' of the architecture; name both, as in "
		"--headers A.deb:B.deb", arch);
	free(arch);
	return -1;
}

/* takes a build half whose source is beside it, or inside */
static int take_half(const char *dir, const char *name, struct kernel_headers *ret,
	struct error *err)
{
	char *build = mem_format("%s/%s", dir, name), *source = NULL, *missing;
	int status = 0;

	missing = missing_source(build);
	if (headers_is_source(build) ||
		(missing && accept_source(mem_format("%s/%s", dir, missing), &source)) ||
		find_sibling(build, &source))
		take_tree(build, source, ret);
	else
		status = explain_half(name, missing ? missing : "with include/linux", err);
	free(missing);
	free(build);
	return status;
}

int headers_try_packages(const char *dir, struct kernel_headers *ret, struct error *err)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, skip_dots, alphasort), i, status = 1;
	const char *source = NULL;

	for (i = 0; i < n && status > 0; i++) {
		char *path = mem_format("%s/%s", dir, list[i]->d_name);

		if (headers_is_build(path))
			status = take_half(dir, list[i]->d_name, ret, err);
		else if (headers_is_source(path))
			source = list[i]->d_name;
		free(path);
	}
	if (status > 0)
		status = source ? explain_source_only(source, err) : error_set(err, "E-HEADERS",
			"there are no kernel headers in it");
	for (i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return status;
}
