/* SPDX-License-Identifier: Apache-2.0 */
#include "cachedir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

	if (make_dirs(dir, err))
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
