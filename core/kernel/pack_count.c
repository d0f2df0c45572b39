/* SPDX-License-Identifier: Apache-2.0 */
/* What a pack, a tree or the running kernel has, in numbers. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/pack.h"

enum { DEPTH_MAX = 64 };

struct tally {
	const char *suffix;
	uint64_t files, bytes;
};

static void count_below(const char *path, struct tally *t, unsigned depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	struct dirent *d;
	struct stat st;

	while (dir && (d = readdir(dir)) != NULL) {
		char *child = mem_format("%s/%s", path, d->d_name);

		if (d->d_name[0] == '.' || lstat(child, &st) != 0)
			;
		else if (S_ISDIR(st.st_mode))
			count_below(child, t, depth + 1);
		else if (S_ISREG(st.st_mode) && str_ends(d->d_name, t->suffix)) {
			t->files++;
			t->bytes += st.st_size;
		}
		free(child);
	}
	if (dir)
		closedir(dir);
}

static struct tally count_in(const char *dir, const char *name, const char *suffix)
{
	struct tally t = { .suffix = suffix };
	char *path = mem_format("%s/%s", dir, name);

	count_below(path, &t, 0);
	free(path);
	return t;
}

/* what a pack of it has, or would have */
static void count_header(void *arg, const char *name, const char *path)
{
	struct pack_counts *counts = arg;
	struct stat st;

	(void)name;
	counts->headers++;
	if (stat(path, &st) == 0)
		counts->header_bytes += st.st_size;
}

static bool count_function(void *arg, const char *name, const char *module)
{
	(void)name;
	(void)module;
	++*(uint64_t *)arg;
	return true;
}

static void count_pack(const char *dir, struct pack_counts *ret)
{
	struct error err = ERROR_INIT;
	char *config = mem_format("%s/config", dir);

	pack_functions(dir, count_function, &ret->functions, &err);
	error_clear(&err);
	ret->formats = count_in(dir, "formats", "format").files;
	ret->config = access(config, R_OK) == 0;
	free(config);
}

/* modules' BTF lies beside that of the kernel itself */
static void count_btf(const char *path, struct pack_counts *ret)
{
	char *dir = mem_string(path), *slash = strrchr(dir, '/');
	struct tally t;

	if (slash) {
		*slash = '\0';
		t = count_in(dir, "", "");
		ret->btf_bytes = t.bytes;
		ret->btf_modules = t.files ? t.files - 1 : 0;
	}
	free(dir);
}

void pack_count(const struct kernel_headers *h, struct pack_counts *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (*h->build)
		pack_headers(h, count_header, ret);
	if (*h->pack)
		count_pack(h->pack, ret);
	if (*h->btf)
		count_btf(h->btf, ret);
}
