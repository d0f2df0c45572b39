/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacked archives: CACHE/headers/NAME, where NAME is a digest of the
 * archives' paths, sizes and times of change.
 *
 * A tree is made under a temporary name and renamed, so that any number of
 * processes may do it at once; the file ".unpacked" in it has the digest of
 * its content and its size.  Those go first that were not used for longest.
 */
#include "kernel/headers_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cachedir.h"
#include "base/file.h"
#include "base/machine.h"
#include "base/mem.h"
#include "base/str.h"

#define RECORD ".unpacked"

enum {
	DRAFT_AGE = 3600,	/* s: older ones were left by a crash */
};

struct store {
	char *path;		/* absolute */
	int fd;
};

/* ---- what is wanted ---- */

static bool is_header(const char *name)
{
	return str_ends(name, ".h");
}

/* of arch/ARCH, which may be NULL */
static bool is_below(const char *name, const char *arch)
{
	const char *rest = name + strlen("arch/");
	size_t n = arch ? strlen(arch) : 0;

	return arch && strncmp(rest, arch, n) == 0 && rest[n] == '/';
}

/* headers of a tree, but those of machines that we do not compile for, and of its tools */
static bool is_wanted_header(const char *name)
{
	size_t i;

	if (!is_header(name) || str_starts(name, "scripts/") || str_starts(name, "tools/") ||
		str_starts(name, "Documentation/") || str_starts(name, "include/config/"))
		return false;
	if (!str_starts(name, "arch/"))
		return true;
	for (i = 0; machines[i]; i++) {
		if (is_below(name, machines[i]->arch) || is_below(name, machines[i]->borrowed))
			return true;
	}
	return false;
}

static bool copy_name(char *ret, size_t size, const char *prefix, const char *name)
{
	return snprintf(ret, size, "%s%s", prefix, name) < (int)size;
}

/* usr/src/linux-headers-R/... of Debian, usr/src/kernels/R/... of RHEL */
static bool place_of_package(const char *name, bool is_link, char *ret, size_t size)
{
	const char *rest;

	if (!str_starts(name, "usr/src/"))
		return false;
	name += strlen("usr/src/");
	if (str_starts(name, "kernels/"))
		name += strlen("kernels/");
	rest = strchr(name, '/');
	if (!rest || name[0] == '.')
		return false;
	rest++;
	if (!is_wanted_header(rest) && strcmp(rest, "Makefile") != 0 &&
		strcmp(rest, ".config") != 0 &&
		!(is_link && (str_starts(rest, "include") || str_starts(rest, "arch"))))
		return false;
	return copy_name(ret, size, "", name);
}

static bool place_of_kheaders(const char *name, bool is_link, char *ret, size_t size)
{
	if (is_link || !is_wanted_header(name) ||
		(!str_starts(name, "include/") && !str_starts(name, "arch/")))
		return false;
	return copy_name(ret, size, "build/", name);
}

/* exactly `depth` slashes, and no hidden names */
static bool has_depth(const char *name, unsigned depth)
{
	unsigned n = 0;

	for (; *name; name++) {
		n += *name == '/';
		if (name[0] == '/' && name[1] == '.')
			return false;
	}
	return n == depth;
}

static bool place_of_pack(const char *name, bool is_link, char *ret, size_t size)
{
	bool wanted = strcmp(name, "pack") == 0 || strcmp(name, "config") == 0 ||
		strcmp(name, "functions") == 0 ||
		(str_starts(name, "btf/") && has_depth(name, 1)) ||
		(str_starts(name, "formats/") && str_ends(name, "/format") && has_depth(name, 3)) ||
		((str_starts(name, "build/") || str_starts(name, "source/")) && is_header(name));

	return wanted && !is_link && copy_name(ret, size, "", name);
}

const struct unpack_rules rules_of_packages = { place_of_package, &unpack_limits };
const struct unpack_rules rules_of_kheaders = { place_of_kheaders, &unpack_limits };
const struct unpack_rules rules_of_packs = { place_of_pack, &unpack_limits };

/* ---- the directory ---- */

static int store_open(const char *cache_dir, struct store *ret, struct error *err)
{
	char *cache = cachedir_choose(cache_dir, err), real[PATH_MAX];
	int top = cache ? cachedir_open(cache, err) : -1;

	ret->fd = -1;
	ret->path = NULL;
	if (top >= 0) {
		mkdirat(top, "headers", 0755);
		ret->fd = openat(top, "headers",
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (ret->fd < 0)
			error_sys(err, "E-CACHE", errno, "make directory '%s/headers'", cache);
		close(top);
	}
	if (ret->fd >= 0 && realpath(cache, real)) {
		fchmod(ret->fd, 0755);
		ret->path = mem_format("%s/headers", real);
	}
	free(cache);
	return ret->path ? 0 : -1;
}

static void store_release(struct store *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->path);
}

/* the record of the tree `name`: its identity (caller owns it) and bytes */
static char *read_record(const struct store *s, const char *name, uint64_t *ret_bytes)
{
	char *path = mem_format("%s/%s/" RECORD, s->path, name), *at;
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	char *id = NULL;

	if (file_read(path, 4096, &text, &err) == 0 && str_starts(text.data, "bytes ")) {
		*ret_bytes = strtoull(text.data + 6, NULL, 10);
		at = strstr(text.data, "\nid ");
		if (at)
			id = mem_string_n(at + 4, strcspn(at + 4, "\n"));
	}
	error_clear(&err);
	buf_release(&text);
	free(path);
	return id;
}

static int write_record(int dir, const struct unpack_result *result, struct error *err)
{
	struct unpack_result copy = *result;
	struct error inner = ERROR_INIT;
	struct buf text = BUF_INIT;
	char hex[DIGEST_HEX];
	int ret = 0;

	digest_final_hex(&copy.digest, hex);
	buf_addf(&text, "bytes %llu\nid sha256:%s\n", (unsigned long long)result->bytes,
		result->archives == 1 ? result->first : hex);
	if (file_write_atomic(dir, RECORD, text.data, text.len, 0644, &inner)) {
		ret = error_set(err, "E-CACHE", "%s", inner.text);
		err->sys = inner.sys;
	}
	error_clear(&inner);
	buf_release(&text);
	return ret;
}

/* ---- making room ---- */

struct tree {
	char name[DIGEST_HEX];
	struct timespec used;
	uint64_t bytes;
};

static int by_use(const void *pa, const void *pb)
{
	const struct tree *a = pa, *b = pb;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec > b->used.tv_sec ? -1 : 1;
	return a->used.tv_nsec > b->used.tv_nsec ? -1 : a->used.tv_nsec < b->used.tv_nsec;
}

/* first away from its name: nobody shall find half of it */
static void remove_tree(const struct store *s, const char *name)
{
	char *aside = mem_format("%s%.20s.old", FILE_TEMPORARY, name);

	if (renameat(s->fd, name, s->fd, aside) == 0)
		unpack_remove(s->fd, aside);
	free(aside);
}

/*
 * One without a record: it was damaged.  Meanwhile another process may have
 * put a whole one in its place, and use it: that goes back.
 */
static void remove_damaged(const struct store *s, const char *name)
{
	char *aside = mem_format("%s%.20s.%ld", FILE_TEMPORARY, name, (long)getpid()), *id;
	uint64_t bytes;

	if (renameat(s->fd, name, s->fd, aside) == 0) {
		id = read_record(s, aside, &bytes);
		if (!id || renameat(s->fd, aside, s->fd, name) != 0)
			unpack_remove(s->fd, aside);
		free(id);
	}
	free(aside);
}

static bool describe(const struct store *s, const char *name, struct tree *ret)
{
	struct stat st;

	if (strlen(name) != DIGEST_HEX - 1 || fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return false;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, name, DIGEST_HEX);
	ret->used = st.st_mtim;
	free(read_record(s, name, &ret->bytes));
	return true;
}

static void sweep_draft(const struct store *s, const char *name)
{
	struct stat st;

	if (fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtime + DRAFT_AGE < time(NULL))
		unpack_remove(s->fd, name);
}

/* the trees; temporaries of processes that were killed go away */
static struct tree *list_trees(const struct store *s, size_t *ret_n)
{
	DIR *dir = opendir(s->path);
	struct tree *list = NULL, tree;
	struct dirent *d;

	*ret_n = 0;
	while (dir && (d = readdir(dir)) != NULL) {
		if (str_starts(d->d_name, FILE_TEMPORARY))
			sweep_draft(s, d->d_name);
		else if (describe(s, d->d_name, &tree))
			*MEM_GROW(list, *ret_n) = tree;
	}
	if (dir)
		closedir(dir);
	if (*ret_n)
		qsort(list, *ret_n, sizeof(*list), by_use);
	return list;
}

static void evict(const struct store *s, const char *keep)
{
	uint64_t bytes = 0;
	size_t n, i, kept = 1;
	struct tree *list = list_trees(s, &n);

	for (i = 0; i < n; i++) {
		if (strcmp(list[i].name, keep) == 0)
			bytes += list[i].bytes;
	}
	for (i = 0; i < n; i++) {
		if (strcmp(list[i].name, keep) == 0)
			continue;
		bytes += list[i].bytes;
		if (++kept > STORE_TREES || bytes > STORE_BYTES)
			remove_tree(s, list[i].name);
	}
	free(list);
}

/* ---- unpacking ---- */

static int name_tree(const struct store_request *req, char ret[DIGEST_HEX], struct error *err)
{
	struct digest d;
	size_t i;

	digest_init(&d);
	for (i = 0; i < req->n; i++) {
		char real[PATH_MAX], *text;
		struct stat st;

		if (!realpath(req->paths[i], real) || stat(real, &st) != 0)
			return error_sys(err, "E-HEADERS", errno, "open '%s'", req->paths[i]);
		text = mem_format("1 %s %lld %lld.%09ld %s\n", real, (long long)st.st_size,
			req->stamp ? 0 : (long long)st.st_mtim.tv_sec,
			req->stamp ? 0 : st.st_mtim.tv_nsec, req->stamp ? req->stamp : "");
		digest_update(&d, text, strlen(text));
		free(text);
	}
	digest_final_hex(&d, ret);
	return 0;
}

static int fill(const struct store_request *req, const char *path, int dir, struct error *err)
{
	struct unpack_result result;
	size_t i;

	memset(&result, 0, sizeof(result));
	for (i = 0; i < req->n; i++) {
		if (unpack_file(req->paths[i], req->form, dir, req->rules, &result, err))
			return -1;
	}
	if (req->check && req->check(path, err))
		return error_wrap(err, "'%s'", req->paths[0]);
	if (write_record(dir, &result, err))
		return -1;
	syncfs(dir);	/* names must not come to the disk before what they name */
	return 0;
}

/* another process may have been faster: then its tree is as good */
static int publish(const struct store *s, const char *draft, const char *name,
	struct error *err)
{
	const char *base = strrchr(draft, '/') + 1;
	int tries = 0, sys;
	uint64_t bytes;
	char *id;

	while (renameat(s->fd, base, s->fd, name) != 0) {
		sys = errno;
		if ((sys != EEXIST && sys != ENOTEMPTY) || ++tries > 3)
			return error_sys(err, "E-CACHE", sys, "unpack kernel headers");
		id = read_record(s, name, &bytes);
		if (id) {
			free(id);
			unpack_remove(s->fd, base);
			return 0;
		}
		remove_damaged(s, name);
	}
	return 0;
}

static int make_tree(const struct store_request *req, const struct store *s, const char *name,
	struct error *err)
{
	char *draft = mem_format("%s/%sXXXXXX", s->path, FILE_TEMPORARY);
	int dir = mkdtemp(draft) ? open(draft, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int ret;

	if (dir < 0) {
		error_sys(err, "E-CACHE", errno, "unpack kernel headers below '%s'", s->path);
		free(draft);
		return -1;
	}
	fchmod(dir, 0755);
	ret = fill(req, draft, dir, err);
	if (ret == 0)
		ret = publish(s, draft, name, err);
	if (ret)
		unpack_remove(s->fd, strrchr(draft, '/') + 1);
	close(dir);
	free(draft);
	return ret;
}

/* the tree, if it is there; its use is noted */
static char *use_tree(const struct store *s, const char *name)
{
	uint64_t bytes;
	char *id = read_record(s, name, &bytes);

	if (id)
		utimensat(s->fd, name, NULL, AT_SYMLINK_NOFOLLOW);
	return id;
}

int headers_store(const struct store_request *req, char **ret_dir, char **ret_id,
	struct error *err)
{
	char name[DIGEST_HEX], *id = NULL;
	struct store s = { NULL, -1 };

	if (name_tree(req, name, err) || store_open(req->cache_dir, &s, err)) {
		store_release(&s);
		return -1;
	}
	id = use_tree(&s, name);
	if (!id && make_tree(req, &s, name, err) == 0) {
		evict(&s, name);
		id = use_tree(&s, name);
		if (!id)
			error_set(err, "E-CACHE", "'%s/%s' is not what was unpacked", s.path,
				name);
	}
	if (id) {
		*ret_dir = mem_format("%s/%s", s.path, name);
		*ret_id = id;
	}
	store_release(&s);
	return id ? 0 : -1;
}
