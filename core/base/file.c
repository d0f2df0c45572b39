/* SPDX-License-Identifier: Apache-2.0 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"
#include "hold.h"
#include "mem.h"
#include "str.h"

/* waits for content of what may have none yet; poll, unlike open and read, is never restarted */
static int wait_for_content(int fd, const char *path, struct error *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, -1) < 0)
		return error_sys(err, "E-FILE", errno, "read '%s'", path);
	return 0;
}

/* a FIFO is opened without waiting for its writer; *ret_waits: it is something that may wait */
static int open_read(const char *path, bool *ret_waits, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return error_sys(err, "E-FILE", errno, "open '%s'", path);
	*ret_waits = fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
	/* some files of /proc and tracefs answer otherwise without waiting */
	if (!*ret_waits)
		fcntl(fd, F_SETFL, 0);
	return fd;
}

/* bytes to ask for: as many as there are already, one more than allowed at most */
static size_t next_chunk(size_t have, size_t limit)
{
	size_t want = have < 4096 ? 4096 : have > (1 << 20) ? 1 << 20 : have;

	return limit - have < want ? limit - have + 1 : want;
}

static int read_to_end(int fd, const char *name, size_t limit, bool waits, struct buf *out,
	struct error *err)
{
	size_t start = out->len, chunk;
	ssize_t n;

	for (;;) {
		if (waits && wait_for_content(fd, name, err))
			break;
		chunk = next_chunk(out->len - start, limit);
		n = read(fd, buf_reserve(out, chunk), chunk);
		if (n == 0)
			return 0;
		if (n < 0 && (errno == EINTR || (waits && errno == EAGAIN)))
			continue;
		if (n < 0) {
			error_sys(err, "E-FILE", errno, "read '%s'", name);
			break;
		}
		if ((size_t)n > limit - (out->len - start)) {
			error_set(err, "E-FILE", "read '%s': it has more than %zu bytes", name,
				limit);
			break;
		}
		out->len += n;
		out->data[out->len] = '\0';
	}
	buf_reserve(out, 1);
	out->len = start;
	out->data[start] = '\0';
	return -1;
}

int file_read_fd(int fd, const char *name, size_t limit, struct buf *out, struct error *err)
{
	return read_to_end(fd, name, limit, false, out, err);
}

int file_read(const char *path, size_t limit, struct buf *out, struct error *err)
{
	bool waits;
	int fd = open_read(path, &waits, err), ret;

	if (fd < 0)
		return -1;
	ret = read_to_end(fd, path, limit, waits, out, err);
	close(fd);
	return ret;
}

bool file_owner_trusted(uid_t uid)
{
	const char *sudo = geteuid() == 0 ? getenv("SUDO_UID") : NULL;
	uint64_t caller;

	return uid == 0 || uid == geteuid() ||
		(sudo && str_to_u64(sudo, 0, UINT32_MAX, &caller) && caller == uid);
}

/* a group of the owner's own, as RHEL's umask of 002 supposes it */
static bool private_group(const struct stat *st)
{
	return st->st_gid == st->st_uid;
}

static int check_safe(const struct stat *st, const char *path, struct error *err)
{
	if (!S_ISREG(st->st_mode))
		return error_set(err, "E-FILE", "'%s' is not a regular file", path);
	if (!file_owner_trusted(st->st_uid)) {
		error_set(err, "E-FILE", "'%s' belongs to user %u", path, (unsigned)st->st_uid);
		return error_hint(err, "only files of root and of the user who runs moontrace are "
				       "trusted: chown '%s'", path);
	}
	if (st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && !private_group(st))) {
		error_set(err, "E-FILE", "'%s' can be written by others (mode %04o)", path,
			(unsigned)st->st_mode & 07777);
		return error_hint(err, "chmod go-w '%s'", path);
	}
	return 0;
}

bool file_is_safe(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		error_sys(err, "E-FILE", errno, "open '%s'", path);
		return false;
	}
	return check_safe(&st, path, err) == 0;
}

int file_read_safe(const char *path, size_t limit, struct buf *out, struct error *err)
{
	struct stat st;
	int fd, ret;

	/* a FIFO must not make the open wait */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return error_sys(err, "E-FILE", errno, "open '%s'", path);
	if (fstat(fd, &st) != 0)
		ret = error_sys(err, "E-FILE", errno, "open '%s'", path);
	else
		ret = check_safe(&st, path, err);
	if (ret == 0)
		ret = file_read_fd(fd, path, limit, out, err);
	close(fd);
	return ret;
}

/* a file that is being written: its directory, and its name there now and later */
struct draft {
	int dir;
	const char *name;
	char temporary[sizeof(FILE_TEMPORARY) + 32];
};

static int draft_open_dir(struct draft *d, int dirfd, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? mem_string_n(path, slash - path + 1) : mem_string(".");

	d->name = slash ? slash + 1 : path;
	d->dir = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir < 0)
		error_sys(err, "E-FILE", errno, "open the directory of '%s'", path);
	free(dir);
	return d->dir < 0 ? -1 : 0;
}

/* nobody else can guess it: the kernel gives each process 16 random bytes */
static void draft_new_name(struct draft *d)
{
	static unsigned long count;
	const void *random = (const void *)getauxval(AT_RANDOM);
	char hex[DIGEST_HEX];
	struct digest digest;
	struct timespec now;
	pid_t pid = getpid();

	clock_gettime(CLOCK_MONOTONIC, &now);
	count++;
	digest_init(&digest);
	if (random)
		digest_update(&digest, random, 16);
	digest_update(&digest, &pid, sizeof(pid));
	digest_update(&digest, &count, sizeof(count));
	digest_update(&digest, &now, sizeof(now));
	digest_final_hex(&digest, hex);
	snprintf(d->temporary, sizeof(d->temporary), "%s%.16s.tmp", FILE_TEMPORARY, hex);
}

static int draft_create(struct draft *d)
{
	int fd, tries = 0;

	do {
		draft_new_name(d);
		fd = openat(d->dir, d->temporary,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EEXIST && ++tries < 100);
	return fd < 0 ? -errno : fd;
}

int file_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;
	ssize_t n;

	while (size) {
		n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		p += n;
		size -= n;
	}
	return 0;
}

/* takes fd */
static int draft_fill(int fd, const void *data, size_t size, mode_t mode)
{
	int ret = -file_write_all(fd, data, size);

	if (ret == 0 && fchmod(fd, mode) != 0)
		ret = -errno;
	if (ret == 0 && fsync(fd) != 0)
		ret = -errno;
	if (close(fd) != 0 && ret == 0)
		ret = -errno;
	return ret;
}

static int draft_publish(struct draft *d)
{
	if (renameat(d->dir, d->temporary, d->dir, d->name) != 0)
		return -errno;
	/* some file systems cannot sync a directory, and need not */
	if (fsync(d->dir) != 0 && errno != EINVAL && errno != EROFS)
		return -errno;
	return 0;
}

int file_write_atomic(int dirfd, const char *name, const void *data, size_t size, mode_t mode,
	struct error *err)
{
	struct draft d;
	struct hold hold;
	int fd, ret;

	if (draft_open_dir(&d, dirfd, name, err))
		return -1;
	hold_all(&hold, SIGXFSZ);
	fd = ret = draft_create(&d);
	if (fd >= 0) {
		ret = draft_fill(fd, data, size, mode);
		if (ret == 0)
			ret = draft_publish(&d);
		if (ret < 0)
			unlinkat(d.dir, d.temporary, 0);
	}
	hold_end(&hold);
	close(d.dir);
	return ret < 0 ? error_sys(err, "E-FILE", -ret, "write '%s'", name) : 0;
}

static int make_dir(const char *path, mode_t mode)
{
	struct stat st;
	int sys;

	if (mkdir(path, mode) == 0)
		return 0;
	/* EEXIST, but also EROFS or EACCES for one that is there */
	sys = errno;
	if (stat(path, &st) != 0)
		return -sys;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int file_make_dirs(const char *path, mode_t mode, struct error *err)
{
	char *copy = mem_string(path), *p = copy;
	int ret = 0;

	do {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		if (*p == '/') {
			*p = '\0';
			ret = make_dir(copy, mode);
			*p = '/';
		} else {
			ret = make_dir(copy, mode);
		}
	} while (ret == 0 && *p);
	free(copy);
	return ret < 0 ? error_sys(err, "E-FILE", -ret, "make directory '%s'", path) : 0;
}

/* ---- streams ---- */

static bool reader_is_gone(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return fd >= 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

static bool is_of_write(int sys)
{
	return sys == ENOSPC || sys == EDQUOT || sys == EFBIG || sys == EBADF || sys == EAGAIN;
}

int file_flush(FILE *f)
{
	int before = errno;

	if (fflush(f) != 0)
		return errno ? errno : EIO;
	if (!ferror(f))
		return 0;
	if (reader_is_gone(fileno(f)))
		return EPIPE;
	return is_of_write(before) ? before : EIO;
}
