/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cachedir.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	KEY_LEN = DIGEST_HEX - 1,
	ENTRY_MODE = 0600,
	DRAFT_AGE = 3600,		/* s: older ones were left by a crash */
	NOTE_LIMIT = 64 << 10,
};

struct cache {
	char *dir;
	int fd;
	uint64_t limit;
};

/* name of an entry's file, or of a note's */
struct entry_name {
	char s[KEY_LEN + sizeof(CACHE_NOTE)];
};

/* ---- the directory ---- */

/* the failure of a function of core/base, as ours */
static int cache_error(struct error *err, struct error *inner)
{
	error_set(err, "E-CACHE", "%s", inner->text);
	err->sys = inner->sys;
	error_take_hint(err, mem_string(inner->hint));
	error_clear(inner);
	return -1;
}

struct cache *cache_open(const char *dir, struct error *err)
{
	char *path = cachedir_choose(dir, err);
	int fd = path ? cachedir_open(path, err) : -1;
	struct cache *c;

	if (fd < 0) {
		free(path);
		return NULL;
	}
	c = mem_alloc(sizeof(*c));
	c->dir = path;
	c->fd = fd;
	c->limit = CACHE_LIMIT;
	return c;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c->dir);
	free(c);
}

const char *cache_dir(const struct cache *c)
{
	return c->dir;
}

void cache_set_limit(struct cache *c, uint64_t bytes)
{
	c->limit = bytes;
}

/* ---- one entry ---- */

static bool is_key(const char *key, size_t len)
{
	return len == KEY_LEN && strspn(key, "0123456789abcdef") >= KEY_LEN;
}

static bool name_of(const char *key, const char *suffix, struct entry_name *ret)
{
	if (!is_key(key, strlen(key)))
		return false;
	snprintf(ret->s, sizeof(ret->s), "%s%s", key, suffix);
	return true;
}

static int check_entry(int fd, const char *name, uint64_t limit, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_sys(err, "E-CACHE", errno, "'%s'", name);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return error_set(err, "E-CACHE", "'%s' is not a private file of ours", name);
	if ((uint64_t)st.st_size > limit)
		return error_set(err, "E-CACHE", "'%s' has %lld bytes, more than %llu", name,
			(long long)st.st_size, (unsigned long long)limit);
	return 0;
}

static struct object *parse_entry(const struct buf *data, const char *key, struct error *err)
{
	struct object *obj = object_read(data->data, data->len, err);
	const char *own;

	if (!obj)
		return NULL;
	own = object_fact(obj, CACHE_FACT);
	if (own && strcmp(own, key) == 0)
		return obj;
	/* what is no key may be anything, and goes to a terminal */
	if (own && is_key(own, strlen(own)))
		error_set(err, "E-CACHE", "the object is that of key '%s'", own);
	else
		error_set(err, "E-CACHE", "the object says no key");
	object_free(obj);
	return NULL;
}

static struct object *read_entry(int fd, const char *name, const char *key, struct error *err)
{
	struct buf data = BUF_INIT;
	struct object *obj = NULL;

	if (check_entry(fd, name, CACHE_LIMIT, err) == 0 &&
		file_read_fd(fd, name, CACHE_LIMIT, &data, err) == 0)
		obj = parse_entry(&data, key, err);
	buf_release(&data);
	return obj;
}

/* the entry cannot be used: away with it */
static void discard(struct cache *c, const char *name, const char *why, struct buf *warnings)
{
	bool gone = unlinkat(c->fd, name, 0) == 0 || errno == ENOENT ||
		(errno == EISDIR && unlinkat(c->fd, name, AT_REMOVEDIR) == 0);

	buf_addf(warnings, "cache entry '%s/%s' is damaged and %s: %s\n", c->dir, name,
		gone ? "was removed" : "cannot be removed", why);
}

static int open_entry(struct cache *c, const char *name, struct buf *warnings)
{
	/* a FIFO must not make the open wait */
	int fd = openat(c->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd >= 0 || errno == ENOENT)
		return fd;
	if (errno == ELOOP || errno == ENXIO)
		discard(c, name, "not a regular file", warnings);
	else
		buf_addf(warnings, "open cache entry '%s/%s': %s\n", c->dir, name,
			strerror(errno));
	return -1;
}

int cache_get(struct cache *c, const char *key, struct object **ret, struct buf *warnings)
{
	struct error err = ERROR_INIT;
	struct entry_name name;
	struct object *obj;
	int fd;

	if (!name_of(key, CACHE_OBJECT, &name))
		return 0;
	fd = open_entry(c, name.s, warnings);
	if (fd < 0)
		return 0;
	obj = read_entry(fd, name.s, key, &err);
	if (obj) {
		futimens(fd, NULL);	/* as good as it gets on a read-only disk */
		*ret = obj;
	} else {
		discard(c, name.s, err.text, warnings);
	}
	close(fd);
	error_clear(&err);
	return obj != NULL;
}

/* ---- notes ---- */

int cache_get_note(struct cache *c, const char *key, struct buf *ret, struct buf *warnings)
{
	struct error err = ERROR_INIT;
	struct entry_name name;
	bool good;
	int fd;

	if (!name_of(key, CACHE_NOTE, &name))
		return 0;
	fd = open_entry(c, name.s, warnings);
	if (fd < 0)
		return 0;
	good = check_entry(fd, name.s, NOTE_LIMIT, &err) == 0 &&
		file_read_fd(fd, name.s, NOTE_LIMIT, ret, &err) == 0;
	if (!good)
		discard(c, name.s, err.text, warnings);
	close(fd);
	error_clear(&err);
	return good;
}

int cache_put_note(struct cache *c, const char *key, const struct buf *text, struct error *err)
{
	struct error inner = ERROR_INIT;
	struct entry_name name;

	if (!name_of(key, CACHE_NOTE, &name))
		return error_set(err, "E-CACHE", "'%s' is not a cache key", key);
	if (file_write_atomic(c->fd, name.s, text->data, text->len, ENTRY_MODE, &inner))
		return cache_error(err, &inner);
	return 0;
}

void cache_drop_note(struct cache *c, const char *key, const char *why, struct buf *warnings)
{
	struct entry_name name;

	if (name_of(key, CACHE_NOTE, &name))
		discard(c, name.s, why, warnings);
}

enum claim_result cache_claim(struct cache *c, struct claim *claim, const char *key,
	const char *suffix, int timeout_ms)
{
	struct entry_name name;

	if (!name_of(key, suffix, &name))
		return CLAIM_NONE;
	return claim_take(claim, c->fd, key, name.s, timeout_ms);
}

/* ---- all entries ---- */

/* what is left of a process that was killed while it wrote */
static void sweep_draft(struct cache *c, const char *name)
{
	struct stat st;

	if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_mtime + DRAFT_AGE < time(NULL))
		unlinkat(c->fd, name, 0);
}

/* false: not an entry */
static bool describe_entry(struct cache *c, const char *name, struct cache_entry *ret)
{
	size_t len = strlen(name);
	struct stat st;

	if (!str_ends(name, ".o") || !is_key(name, len - 2))
		return false;
	if (fstatat(c->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return false;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->key, name, KEY_LEN);
	ret->size = st.st_size;
	ret->used = st.st_mtim;
	return true;
}

static int by_use(const void *pa, const void *pb)
{
	const struct cache_entry *a = pa, *b = pb;

	if (a->used.tv_sec != b->used.tv_sec)
		return a->used.tv_sec > b->used.tv_sec ? -1 : 1;
	if (a->used.tv_nsec != b->used.tv_nsec)
		return a->used.tv_nsec > b->used.tv_nsec ? -1 : 1;
	return strcmp(a->key, b->key);
}

/* its own descriptor: the place in the directory is not shared with others */
static DIR *open_list(struct cache *c)
{
	int fd = openat(c->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), sys;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir && fd >= 0) {
		sys = errno;
		close(fd);
		errno = sys;
	}
	return dir;
}

int cache_list(struct cache *c, struct cache_entry **ret, size_t *ret_n, struct error *err)
{
	struct cache_entry *list = NULL, entry;
	DIR *dir = open_list(c);
	struct dirent *d;
	size_t n = 0;

	if (!dir)
		return error_sys(err, "E-CACHE", errno, "read cache '%s'", c->dir);
	while ((d = readdir(dir)) != NULL) {
		if (str_starts(d->d_name, FILE_TEMPORARY))
			sweep_draft(c, d->d_name);
		else if (describe_entry(c, d->d_name, &entry))
			*MEM_GROW(list, n) = entry;
	}
	closedir(dir);
	if (n)
		qsort(list, n, sizeof(*list), by_use);
	*ret = list;
	*ret_n = n;
	return 0;
}

/* an entry that another process removed first is as good */
static int remove_entry(struct cache *c, const char *key, struct error *err)
{
	struct entry_name name;

	if (!name_of(key, CACHE_OBJECT, &name) || unlinkat(c->fd, name.s, 0) == 0 ||
		errno == ENOENT)
		return 0;
	return error_sys(err, "E-CACHE", errno, "remove '%s/%s'", c->dir, name.s);
}

/* one that stays is asked for by nobody, or found damaged */
static void clear_notes(struct cache *c)
{
	DIR *dir = open_list(c);
	struct dirent *d;

	while (dir && (d = readdir(dir)) != NULL) {
		size_t len = strlen(d->d_name);

		if (str_ends(d->d_name, CACHE_NOTE) &&
			is_key(d->d_name, len - strlen(CACHE_NOTE)))
			unlinkat(c->fd, d->d_name, 0);
	}
	if (dir)
		closedir(dir);
}

int cache_clear(struct cache *c, size_t *ret_n, struct error *err)
{
	struct cache_entry *list;
	size_t i, n;
	int ret = 0;

	if (cache_list(c, &list, &n, err))
		return -1;
	clear_notes(c);
	for (i = 0; i < n && ret == 0; i++)
		ret = remove_entry(c, list[i].key, err);
	free(list);
	if (ret == 0)
		*ret_n = n;
	return ret;
}

/* keeps the last used ones up to the limit, and `key` before all */
static int evict(struct cache *c, const char *key, uint64_t size, struct error *err)
{
	struct cache_entry *list;
	uint64_t total = size;
	size_t i, n;
	int ret = 0;

	if (cache_list(c, &list, &n, err))
		return -1;
	for (i = 0; i < n && ret == 0; i++) {
		if (strcmp(list[i].key, key) == 0)
			continue;
		total += list[i].size;
		if (total > c->limit)
			ret = remove_entry(c, list[i].key, err);
	}
	free(list);
	return ret;
}

/* the object's bytes, with the key in them */
static int serialize(struct object *obj, const char *key, struct buf *out, struct error *err)
{
	const char *own = object_fact(obj, CACHE_FACT);
	struct error inner = ERROR_INIT;

	if (own && strcmp(own, key) != 0)
		return error_set(err, "E-CACHE", "the object is that of key '%s'", own);
	if (!own)
		object_add_fact(obj, CACHE_FACT, key);
	return object_write(obj, out, &inner) ? cache_error(err, &inner) : 0;
}

static int publish(struct cache *c, const char *key, const struct buf *data, struct error *err)
{
	struct error inner = ERROR_INIT;
	struct entry_name name;

	if (!name_of(key, CACHE_OBJECT, &name))
		return error_set(err, "E-CACHE", "'%s' is not a cache key", key);
	if (data->len > c->limit || data->len > CACHE_LIMIT)
		return error_set(err, "E-CACHE", "the object has %zu bytes, more than a cache of "
			"%llu bytes takes", data->len, (unsigned long long)c->limit);
	/* room first: a full disk may be full of ours */
	if (evict(c, key, data->len, err))
		return -1;
	if (file_write_atomic(c->fd, name.s, data->data, data->len, ENTRY_MODE, &inner))
		return cache_error(err, &inner);
	return 0;
}

int cache_put(struct cache *c, const char *key, struct object *obj, struct error *err)
{
	struct buf data = BUF_INIT;
	int ret = serialize(obj, key, &data, err);

	if (ret == 0)
		ret = publish(c, key, &data, err);
	buf_release(&data);
	return ret ? error_wrap(err, "store in cache '%s'", c->dir) : 0;
}
