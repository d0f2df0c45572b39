/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files are written as they come; links are made last, when nothing is
 * written through them any more, below directories that are none themselves.
 * A link's target is "../" some times and then names: so it cannot leave.
 */
#include "kernel/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/open.h"
#include "base/str.h"

enum { BLOCK = 65536 };

const struct unpack_limits unpack_limits = {
	.entries = 200000,
	.bytes = UINT64_C(2) << 30,
	.file = UINT64_C(128) << 20,
};

/* ---- bytes for libarchive ---- */

struct source {
	int fd;
	struct archive *outer;	/* instead of fd: the data of its current entry */
	struct digest digest;
	char block[BLOCK];
};

static struct source *source_open(const char *path, struct error *err)
{
	int fd = open_regular(path, 0);
	struct source *s;

	if (fd < 0 && errno == EINVAL) {
		error_set(err, "E-HEADERS", "'%s' is no regular file", path);
		return NULL;
	}
	if (fd < 0) {
		error_sys(err, "E-HEADERS", errno, "open '%s'", path);
		return NULL;
	}
	s = mem_alloc(sizeof(*s));
	s->fd = fd;
	digest_init(&s->digest);
	return s;
}

static void source_free(struct source *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

static la_ssize_t source_read(struct archive *a, void *arg, const void **ret)
{
	struct source *s = arg;
	ssize_t n;

	*ret = s->block;
	if (s->outer) {
		n = archive_read_data(s->outer, s->block, sizeof(s->block));
		if (n < 0)
			archive_set_error(a, archive_errno(s->outer), "%s",
				archive_error_string(s->outer));
		return n;
	}
	do {
		n = read(s->fd, s->block, sizeof(s->block));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		archive_set_error(a, errno, "%s", strerror(errno));
	else
		digest_update(&s->digest, s->block, n);
	return n;
}

/* what libarchive had no need to read belongs to the digest too */
static void source_drain(struct source *s)
{
	ssize_t n;

	while ((n = read(s->fd, s->block, sizeof(s->block))) > 0)
		digest_update(&s->digest, s->block, n);
}

/* where libarchive lacks a library it would run a program: then not at all */
static void add_filter(struct archive *a, int (*support)(struct archive *))
{
	struct archive *scratch = archive_read_new();
	bool built_in = support(scratch) == ARCHIVE_OK;

	archive_read_free(scratch);
	if (built_in)
		support(a);
}

static void add_filters(struct archive *a)
{
	add_filter(a, archive_read_support_filter_gzip);
	add_filter(a, archive_read_support_filter_bzip2);
	add_filter(a, archive_read_support_filter_xz);
	add_filter(a, archive_read_support_filter_lzma);
	add_filter(a, archive_read_support_filter_zstd);
	add_filter(a, archive_read_support_filter_rpm);
}

static struct archive *new_reader(struct source *s, int (*format)(struct archive *),
	bool compressed)
{
	struct archive *a = archive_read_new();

	if (compressed)
		add_filters(a);
	format(a);
	/* a failure shows again at the first header */
	archive_read_open(a, s, NULL, source_read, NULL);
	return a;
}

static int damaged(struct archive *a, const char *path, struct error *err)
{
	const char *why = archive_error_string(a);

	return error_set(err, "E-HEADERS", "'%s' is damaged: %s", path,
		why ? why : "not the archive it looks like");
}

/* 1: there is one, 0: the end */
static int next_entry(struct archive *a, const char *path, struct archive_entry **ret,
	struct error *err)
{
	int got = archive_read_next_header(a, ret);

	if (got == ARCHIVE_EOF)
		return 0;
	return got == ARCHIVE_OK || got == ARCHIVE_WARN ? 1 : damaged(a, path, err);
}

int unpack_form(const char *path, enum archive_form *ret, struct error *err)
{
	struct source *s = source_open(path, err);
	const void *head;
	ssize_t n;

	if (!s)
		return -1;
	n = read(s->fd, s->block, sizeof(s->block));
	if (n < 0)
		error_sys(err, "E-HEADERS", errno, "read '%s'", path);
	head = s->block;
	*ret = n >= 4 && memcmp(head, "\xed\xab\xee\xdb", 4) == 0 ? FORM_RPM :
		n >= 8 && memcmp(head, "!<arch>\n", 8) == 0 ? FORM_DEB : FORM_OTHER;
	source_free(s);
	return n < 0 ? -1 : 0;
}

bool unpack_is_compressed(const char *path)
{
	static const struct { const char *bytes; size_t n; } rows[] = {
		{ "\xfd" "7zXZ", 5 }, { "\x28\xb5\x2f\xfd", 4 }, { "\x1f\x8b", 2 },
		{ "BZh", 3 },
	};
	int fd = open_regular(path, 0);
	char head[8];
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
	bool found = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		found = found || (n >= (ssize_t)rows[i].n &&
			memcmp(head, rows[i].bytes, rows[i].n) == 0);
	if (fd >= 0)
		close(fd);
	return found;
}

/* ---- writing below a directory ---- */

struct link {
	char *place, *target;
	bool hard;		/* target is a place */
};

struct unpacking {
	const char *path;	/* for messages */
	const struct unpack_rules *rules;
	struct unpack_result *result;
	int root;
	int dir;		/* the directory used last, or -1 */
	char *dir_name;
	uint64_t entries, bytes;
	struct link *links;
	size_t n_links;
};

static int cannot_write(int sys, struct error *err)
{
	/* one name for a file and a directory, or a name beyond all measure */
	if (sys == ENOTDIR || sys == EISDIR || sys == ENAMETOOLONG || sys == ELOOP)
		return error_sys(err, "E-HEADERS", sys, "the archive's names contradict");
	error_sys(err, "E-CACHE", sys, "unpack kernel headers");
	if (sys == ENOSPC || sys == EDQUOT)
		error_hint(err, "another place is named with --cache DIR");
	return -1;
}

/* opens, and makes if missing, the directory `name` below parent */
static int enter(int parent, const char *name)
{
	bool made = mkdirat(parent, name, 0755) == 0;
	int fd;

	if (!made && errno != EEXIST)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (made)
		fchmod(fd, 0755);	/* whatever the umask */
	return fd;
}

static int enter_all(int root, const char *dir)
{
	char *copy = mem_string(dir), *rest = copy, *name;
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;

	if (fd < 0)
		fd = -errno;
	while (fd >= 0 && (name = strsep(&rest, "/")) != NULL) {
		if (!*name)
			continue;
		next = enter(fd, name);
		close(fd);
		fd = next;
	}
	free(copy);
	return fd;
}

/* the directory of place, kept open for the next one; its last name */
static int parent_of(struct unpacking *u, const char *place, const char **ret_name)
{
	const char *slash = strrchr(place, '/');
	size_t len = slash ? slash - place : 0;

	*ret_name = slash ? slash + 1 : place;
	if (u->dir >= 0 && strlen(u->dir_name) == len && strncmp(u->dir_name, place, len) == 0)
		return u->dir;
	if (u->dir >= 0)
		close(u->dir);
	free(u->dir_name);
	u->dir_name = mem_string_n(place, len);
	u->dir = enter_all(u->root, u->dir_name);
	return u->dir;
}

static int copy_data(struct unpacking *u, struct archive *a, int fd, struct error *err)
{
	char block[BLOCK];
	uint64_t size = 0;
	ssize_t n;
	int sys;

	while ((n = archive_read_data(a, block, sizeof(block))) > 0) {
		size += n;
		if (size > u->rules->limits->file)
			return error_set(err, "E-HEADERS", "'%s' has a file of more than %llu "
				"bytes", u->path, (unsigned long long)u->rules->limits->file);
		sys = file_write_all(fd, block, n);
		if (sys)
			return cannot_write(sys, err);
	}
	u->result->bytes += size;
	return n < 0 ? damaged(a, u->path, err) : 0;
}

static int write_file(struct unpacking *u, struct archive *a, const char *place,
	struct error *err)
{
	const char *name;
	int dir = parent_of(u, place, &name), fd, ret;

	if (dir < 0)
		return cannot_write(-dir, err);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return cannot_write(errno, err);
	ret = copy_data(u, a, fd, err);
	if (fchmod(fd, 0644) != 0 && ret == 0)
		ret = cannot_write(errno, err);
	if (close(fd) != 0 && ret == 0)
		ret = cannot_write(errno, err);
	u->result->files++;
	return ret;
}

/* "../" at most as often as there are directories above, then names only */
static bool stays_inside(const char *place, const char *target)
{
	unsigned depth = 0;
	const char *p;

	for (p = place; (p = strchr(p, '/')) != NULL; p++)
		depth++;
	while (str_starts(target, "../")) {
		if (depth-- == 0)
			return false;
		target += 3;
	}
	if (*target == '/' || !*target || strcmp(target, "..") == 0)
		return false;
	return !str_starts(target, "../") && !strstr(target, "/../") && !str_ends(target, "/..");
}

/* a link that cannot be made is only missing */
static void make_link(struct unpacking *u, const struct link *l)
{
	const char *name, *from;
	int dir, source;

	if (l->hard) {
		char *copy = mem_string(l->target), *slash = strrchr(copy, '/');

		if (slash)
			*slash = '\0';
		source = enter_all(u->root, slash ? copy : "");
		from = slash ? slash + 1 : copy;
		dir = parent_of(u, l->place, &name);
		if (source >= 0 && dir >= 0 && linkat(source, from, dir, name, 0) == 0)
			u->result->files++;
		if (source >= 0)
			close(source);
		free(copy);
	} else if (stays_inside(l->place, l->target)) {
		dir = parent_of(u, l->place, &name);
		if (dir >= 0)
			(void)!symlinkat(l->target, dir, name);
	}
}

/* ---- entries ---- */

/* without "./" and doubled slashes; false: absolute, or with ".." */
static bool clean_name(const char *raw, char *ret, size_t size)
{
	size_t len = 0, n;

	if (*raw == '/')
		return false;
	for (; *raw; raw += n) {
		n = strcspn(raw, "/");
		if (n == 2 && raw[0] == '.' && raw[1] == '.')
			return false;
		if (n && !(n == 1 && raw[0] == '.')) {
			if (len + n + 2 > size)
				return false;
			if (len)
				ret[len++] = '/';
			memcpy(ret + len, raw, n);
			len += n;
		}
		n += raw[n] == '/';
	}
	ret[len] = '\0';
	return true;
}

static int charge(struct unpacking *u, struct archive_entry *e, struct error *err)
{
	const struct unpack_limits *l = u->rules->limits;
	int64_t size = archive_entry_size_is_set(e) ? archive_entry_size(e) : 0;

	if (++u->entries > l->entries)
		return error_set(err, "E-HEADERS", "'%s' has more than %llu entries", u->path,
			(unsigned long long)l->entries);
	if (size < 0 || (uint64_t)size > l->bytes - u->bytes)
		return error_set(err, "E-HEADERS", "'%s' unpacks to more than %llu bytes", u->path,
			(unsigned long long)l->bytes);
	u->bytes += size;
	return 0;
}

static void note_link(struct unpacking *u, const char *place, const char *target, bool hard)
{
	struct link *l = MEM_GROW(u->links, u->n_links);

	l->place = mem_string(place);
	l->target = mem_string(target);
	l->hard = hard;
}

static int hostile_name(struct unpacking *u, const char *raw, struct error *err)
{
	struct buf shown = BUF_INIT;

	buf_add_json(&shown, raw, strlen(raw));
	error_set(err, "E-HEADERS", "'%s' has an entry that would lie outside: %s", u->path,
		shown.data);
	buf_release(&shown);
	return -1;
}

/* of cpio the last of several links has the data */
static int take_hard_link(struct unpacking *u, struct archive *a, struct archive_entry *e,
	const char *place, struct error *err)
{
	char name[PATH_MAX], target[PATH_MAX];

	if (!clean_name(archive_entry_hardlink(e), name, sizeof(name)))
		return hostile_name(u, archive_entry_hardlink(e), err);
	if (!u->rules->place(name, false, target, sizeof(target)))
		return write_file(u, a, place, err);
	if (strcmp(place, target) != 0)
		note_link(u, place, target, true);
	if (archive_entry_size_is_set(e) && archive_entry_size(e) > 0)
		return write_file(u, a, target, err);
	return 0;
}

static int take_entry(struct unpacking *u, struct archive *a, struct archive_entry *e,
	struct error *err)
{
	const char *raw = archive_entry_pathname(e);
	char name[PATH_MAX], place[PATH_MAX];
	mode_t type = archive_entry_filetype(e);
	bool is_link = archive_entry_symlink(e) != NULL;

	if (charge(u, e, err))
		return -1;
	if (!raw)
		return 0;	/* a name that is no text is no header's */
	if (!clean_name(raw, name, sizeof(name)))
		return hostile_name(u, raw, err);
	if (type == AE_IFDIR || !u->rules->place(name, is_link, place, sizeof(place)))
		return 0;
	if (archive_entry_hardlink(e))
		return take_hard_link(u, a, e, place, err);
	if (is_link)
		note_link(u, place, archive_entry_symlink(e), false);
	return type == AE_IFREG ? write_file(u, a, place, err) : 0;
}

static int take_all(struct unpacking *u, struct archive *a, struct error *err)
{
	struct archive_entry *e;
	int more;

	while ((more = next_entry(a, u->path, &e, err)) > 0) {
		if (take_entry(u, a, e, err))
			return -1;
	}
	return more;
}

/* what is left of the data, for the checksum at its end */
static int drain(struct unpacking *u, struct archive *raw, struct source *s, struct error *err)
{
	uint64_t left = u->rules->limits->bytes;
	ssize_t n;

	while ((n = archive_read_data(raw, s->block, sizeof(s->block))) > 0) {
		if ((uint64_t)n > left)
			return error_set(err, "E-HEADERS", "'%s' goes on behind its end", u->path);
		left -= n;
	}
	return n < 0 ? damaged(raw, u->path, err) : 0;
}

/* two readers: one alone stops at the end of the tar file, before the checksum */
static int take_compressed(struct unpacking *u, struct source *s,
	int (*format)(struct archive *), struct error *err)
{
	struct archive *raw = new_reader(s, archive_read_support_format_raw, true), *a;
	struct source *inner = mem_alloc(sizeof(*inner));
	struct archive_entry *e;
	int ret = next_entry(raw, u->path, &e, err);

	if (ret == 0)
		ret = error_set(err, "E-HEADERS", "'%s' is damaged: nothing is in it", u->path);
	if (ret > 0) {
		inner->fd = -1;
		inner->outer = raw;
		a = new_reader(inner, format, false);
		ret = take_all(u, a, err);
		archive_read_free(a);
	}
	if (ret == 0)
		ret = drain(u, raw, inner, err);
	archive_read_free(raw);
	free(inner);
	return ret;
}

/* data.tar, compressed in some way, within an ar archive */
static int take_deb(struct unpacking *u, struct source *file, struct error *err)
{
	struct archive *ar = new_reader(file, archive_read_support_format_ar, false);
	struct source *s = mem_alloc(sizeof(*s));
	struct archive_entry *e;
	bool found = false;
	int ret;

	while (!found && (ret = next_entry(ar, u->path, &e, err)) > 0) {
		const char *name = archive_entry_pathname(e);

		found = name && str_starts(name, "data.tar");
	}
	s->fd = -1;
	s->outer = ar;
	if (found)
		ret = take_compressed(u, s, archive_read_support_format_tar, err);
	else if (ret == 0)
		ret = error_set(err, "E-HEADERS", "'%s' is damaged: no data.tar in it", u->path);
	archive_read_free(ar);
	free(s);
	return ret;
}

static void finish(struct unpacking *u, struct source *s, bool ok)
{
	char hex[DIGEST_HEX];
	size_t i;

	for (i = 0; i < u->n_links; i++) {
		if (ok)
			make_link(u, &u->links[i]);
		free(u->links[i].place);
		free(u->links[i].target);
	}
	free(u->links);
	if (u->dir >= 0)
		close(u->dir);
	free(u->dir_name);
	source_drain(s);
	digest_final_hex(&s->digest, hex);
	if (!u->result->archives++) {
		digest_init(&u->result->digest);
		memcpy(u->result->first, hex, sizeof(hex));
	}
	digest_update(&u->result->digest, hex, sizeof(hex));
}

int unpack_file(const char *path, enum archive_form form, int dirfd,
	const struct unpack_rules *rules, struct unpack_result *result, struct error *err)
{
	struct unpacking u = { .path = path, .rules = rules, .result = result,
		.root = dirfd, .dir = -1 };
	struct source *s = source_open(path, err);
	int ret;

	if (!s)
		return -1;
	if (form == FORM_DEB)
		ret = take_deb(&u, s, err);
	else
		ret = take_compressed(&u, s, form == FORM_RPM ? archive_read_support_format_cpio :
			archive_read_support_format_tar, err);
	finish(&u, s, ret == 0);
	source_free(s);
	return ret;
}

/* ---- pieces ---- */

static int read_some(struct archive *a, const char *path, size_t size, struct buf *out,
	struct error *err)
{
	size_t start = out->len;
	ssize_t n = 1;

	while (n > 0 && out->len - start < size) {
		size_t want = size - (out->len - start);

		want = want < BLOCK ? want : BLOCK;
		n = archive_read_data(a, buf_reserve(out, want), want);
		if (n > 0)
			out->len += n;
	}
	buf_reserve(out, 1)[0] = '\0';
	return n < 0 ? damaged(a, path, err) : 0;
}

int unpack_first(const char *path, char **ret_name, struct buf *head, size_t size,
	struct error *err)
{
	struct source *s = source_open(path, err);
	struct archive_entry *e;
	struct archive *a;
	const char *name;
	int more;

	if (!s)
		return -1;
	a = new_reader(s, archive_read_support_format_tar, true);
	more = next_entry(a, path, &e, err);
	if (more == 0)
		more = error_set(err, "E-HEADERS", "'%s' is empty", path);
	if (more > 0 && read_some(a, path, size, head, err) == 0) {
		name = archive_entry_pathname(e);
		*ret_name = mem_string(name ? name : "");
	} else {
		more = -1;
	}
	archive_read_free(a);
	source_free(s);
	return more < 0 ? -1 : 0;
}

int unpack_compressed(const char *path, size_t limit, struct buf *out, struct error *err)
{
	struct source *s = source_open(path, err);
	struct archive_entry *e;
	struct archive *a;
	int ret;

	if (!s)
		return -1;
	a = new_reader(s, archive_read_support_format_raw, true);
	ret = next_entry(a, path, &e, err) > 0 ? read_some(a, path, limit, out, err) : -1;
	archive_read_free(a);
	source_free(s);
	return ret;
}

void unpack_remove(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (unlinkat(fd, d->d_name, 0) != 0 && (errno == EISDIR || errno == EPERM))
			unpack_remove(fd, d->d_name);
	}
	if (dir)
		closedir(dir);
	unlinkat(dirfd, name, AT_REMOVEDIR);
}

/* ---- writing ---- */

struct archive_writer {
	struct archive *a;
	struct buf *out;
};

static la_ssize_t append(struct archive *a, void *arg, const void *data, size_t size)
{
	struct archive_writer *w = arg;

	(void)a;
	buf_add(w->out, data, size);
	return size;
}

/* xz packs headers 4 % smaller than zstd -19 in the same time, and all libarchives have it */
static int add_compression(struct archive *a)
{
	struct archive *scratch = archive_write_new();
	bool xz = archive_write_add_filter_xz(scratch) == ARCHIVE_OK;

	archive_write_free(scratch);
	if (xz)
		return archive_write_add_filter_xz(a) ||
			archive_write_set_filter_option(a, "xz", "compression-level", "6");
	/* no time and no name in its head */
	return archive_write_add_filter_gzip(a) ||
		archive_write_set_filter_option(a, "gzip", "timestamp", NULL) ||
		archive_write_set_filter_option(a, "gzip", "compression-level", "9");
}

static int writer_error(struct archive_writer *w, struct error *err)
{
	const char *why = archive_error_string(w->a);

	return error_set(err, "E-FILE", "write a pack: %s", why ? why : "libarchive failed");
}

struct archive_writer *writer_new(struct buf *out, struct error *err)
{
	struct archive_writer *w = mem_alloc(sizeof(*w));

	w->a = archive_write_new();
	w->out = out;
	if (add_compression(w->a) || archive_write_set_format_pax_restricted(w->a) ||
		archive_write_set_bytes_in_last_block(w->a, 1) ||
		archive_write_open(w->a, w, NULL, append, NULL)) {
		writer_error(w, err);
		writer_free(w);
		return NULL;
	}
	return w;
}

int writer_add(struct archive_writer *w, const char *name, const void *data, size_t size,
	struct error *err)
{
	struct archive_entry *e = archive_entry_new();
	int ret = 0;

	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, size);
	archive_entry_set_mtime(e, 0, 0);
	if (archive_write_header(w->a, e) != ARCHIVE_OK ||
		(size && archive_write_data(w->a, data, size) != (la_ssize_t)size))
		ret = writer_error(w, err);
	archive_entry_free(e);
	return ret;
}

int writer_finish(struct archive_writer *w, struct error *err)
{
	return archive_write_close(w->a) == ARCHIVE_OK ? 0 : writer_error(w, err);
}

void writer_free(struct archive_writer *w)
{
	if (!w)
		return;
	archive_write_free(w->a);
	free(w);
}
