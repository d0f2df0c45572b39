/* SPDX-License-Identifier: Apache-2.0 */
#include "cachedir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "mem.h"

/* caller owns; NULL: no home */
static char *default_dir(void)
{
	const char *dir = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (geteuid() == 0)
		return mem_string("/var/cache/moontrace");
	/* the XDG specification ignores relative paths */
	if (dir && dir[0] == '/')
		return mem_format("%s/moontrace", dir);
	if (home && home[0] == '/')
		return mem_format("%s/.cache/moontrace", home);
	return NULL;
}

char *cachedir_choose(const char *told, struct error *err)
{
	char *path = told ? mem_string(told) : default_dir();
	size_t len;

	if (!path) {
		error_set(err, "E-CACHE", "no place for a cache: HOME is not set");
		return NULL;
	}
	/* a slash at the end would follow a link */
	for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	return path;
}

static int check_dir(int fd, const char *dir, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_sys(err, "E-CACHE", errno, "open cache '%s'", dir);
	if (st.st_uid != geteuid()) {
		error_set(err, "E-CACHE", "cache '%s' belongs to user %u", dir,
			(unsigned)st.st_uid);
		return error_hint(err, "name a directory of user %u", (unsigned)geteuid());
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		error_set(err, "E-CACHE", "cache '%s' can be written by others (mode %04o)", dir,
			(unsigned)st.st_mode & 07777);
		return error_hint(err, "chmod 700 '%s', after a look at what is in it", dir);
	}
	return 0;
}

/* ---- the way to it ---- */

enum { LINKS_MAX = 40 };

struct walk {
	const char *dir;		/* as told, for messages */
	char *rest;			/* to go from fd, relative */
	int fd;				/* O_PATH; where we are */
	int links;
	struct buf done;		/* the path of fd, for messages */
	uid_t host;			/* owner of "/" */
	struct error *err;
};

static bool trusted(const struct walk *w, uid_t uid)
{
	return uid == w->host || file_owner_trusted(uid);
}

/* who else could change what is in the directory that we stand in */
static int check_place(struct walk *w, const struct stat *st)
{
	bool group = st->st_mode & S_IWGRP && st->st_gid != st->st_uid;

	if (!trusted(w, st->st_uid))
		return error_set(w->err, "E-CACHE", "cache '%s': '%s' on the way to it belongs to "
			"user %u", w->dir, w->done.data, (unsigned)st->st_uid);
	if ((group || st->st_mode & S_IWOTH) && !(st->st_mode & S_ISVTX))
		return error_set(w->err, "E-CACHE", "cache '%s': '%s' on the way to it can be "
			"written by others (mode %04o)", w->dir, w->done.data,
			(unsigned)st->st_mode & 07777);
	return 0;
}

/* moves to fd, which may be -1 */
static int walk_to(struct walk *w, int fd)
{
	struct stat st;

	if (w->fd >= 0)
		close(w->fd);
	w->fd = fd;
	if (fd < 0 || fstat(fd, &st) != 0)
		return error_sys(w->err, "E-CACHE", errno, "cache '%s': open '%s'", w->dir,
			w->done.data);
	return check_place(w, &st);
}

static int walk_start(struct walk *w)
{
	buf_clear(&w->done);
	buf_adds(&w->done, *w->rest == '/' ? "/" : ".");
	return walk_to(w, open(w->done.data, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* goes on with what the link says */
static int follow(struct walk *w, const char *name, const char *rest, const struct stat *st)
{
	char target[PATH_MAX], *next;
	ssize_t n = readlinkat(w->fd, name, target, sizeof(target) - 1);

	if (n < 0)
		return error_sys(w->err, "E-CACHE", errno, "cache '%s': read link '%s'", w->dir,
			name);
	if (!trusted(w, st->st_uid))
		return error_set(w->err, "E-CACHE", "cache '%s': the link '%s/%s' on the way to it "
			"belongs to user %u", w->dir, w->done.data, name, (unsigned)st->st_uid);
	if (++w->links > LINKS_MAX)
		return error_sys(w->err, "E-CACHE", ELOOP, "cache '%s'", w->dir);
	target[n] = '\0';
	next = mem_format("%s/%s", target, rest);
	free(w->rest);
	w->rest = next;
	return *target == '/' ? walk_start(w) : 0;
}

/* 1: there is more to go, 0: no more, or it is not there yet */
static int walk_step(struct walk *w)
{
	char *name, *rest;
	struct stat st;
	int ret;

	name = mem_string(w->rest + strspn(w->rest, "/"));
	rest = strchr(name, '/');
	if (rest)
		*rest++ = '\0';
	if (!rest || !rest[strspn(rest, "/")] || fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		ret = 0;		/* the last one is checked when it is open */
	} else if (S_ISLNK(st.st_mode)) {
		ret = follow(w, name, rest, &st) ? -1 : 1;
	} else {
		buf_addf(&w->done, "%s%s", w->done.data[w->done.len - 1] == '/' ? "" : "/", name);
		ret = walk_to(w, openat(w->fd, name,
			O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) ? -1 : 1;
		memmove(w->rest, w->rest + (rest - name) + strspn(w->rest, "/"),
			strlen(w->rest + (rest - name) + strspn(w->rest, "/")) + 1);
	}
	free(name);
	return ret;
}

/* all that is there of the way to dir, links followed */
static int check_way(const char *dir, struct error *err)
{
	struct walk w = { .dir = dir, .fd = -1, .done = BUF_INIT, .err = err };
	struct stat st;
	int ret;

	w.rest = mem_string(dir);
	w.host = stat("/", &st) == 0 ? st.st_uid : 0;
	ret = walk_start(&w) ? -1 : 1;
	while (ret > 0)
		ret = walk_step(&w);
	if (w.fd >= 0)
		close(w.fd);
	buf_release(&w.done);
	free(w.rest);
	return ret;
}

static int make_dirs(const char *dir, struct error *err)
{
	struct error inner = ERROR_INIT;

	if (file_make_dirs(dir, 0700, &inner) == 0)
		return 0;
	error_set(err, "E-CACHE", "%s", inner.text);
	err->sys = inner.sys;
	error_take_hint(err, mem_string(inner.hint));
	error_clear(&inner);
	return -1;
}

int cachedir_open(const char *dir, struct error *err)
{
	int fd;

	if (check_way(dir, err) || make_dirs(dir, err))
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, "E-CACHE", errno, "open cache '%s'", dir);
	if (check_dir(fd, dir, err)) {
		close(fd);
		return -1;
	}
	return fd;
}
