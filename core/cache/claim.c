/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	OFFSET_DIGITS = 15,		/* of a key: a positive off_t */
	SHORTEST_MS = 4, LONGEST_MS = 100,	/* between two looks */
};

/* which file has a name, if any */
struct version {
	bool there;
	ino_t ino;
	struct timespec changed;
};

static struct version version_of(int dirfd, const char *name)
{
	struct version v;
	struct stat st;

	memset(&v, 0, sizeof(v));
	v.there = fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (v.there) {
		v.ino = st.st_ino;
		v.changed = st.st_ctim;
	}
	return v;
}

/* one that was used is another, too: it can be read */
static bool has_changed(const struct version *was, const struct version *is)
{
	return is->there && (!was->there || was->ino != is->ino ||
		was->changed.tv_sec != is->changed.tv_sec ||
		was->changed.tv_nsec != is->changed.tv_nsec);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static off_t offset_of(const char *key)
{
	char digits[OFFSET_DIGITS + 1];

	strncpy(digits, key, OFFSET_DIGITS);
	digits[OFFSET_DIGITS] = '\0';
	return strtoll(digits, NULL, 16);
}

/* 1: locked, 0: another has it, -1: it cannot be locked */
static int try_lock(int fd, off_t offset)
{
	struct flock lock;

	memset(&lock, 0, sizeof(lock));
	lock.l_type = F_WRLCK;
	lock.l_whence = SEEK_SET;
	lock.l_start = offset;
	lock.l_len = 1;
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return 1;
	return errno == EAGAIN || errno == EACCES ? 0 : -1;
}

/* false: a signal came */
static bool pause_ms(int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	return nanosleep(&t, NULL) == 0;
}

static enum claim_result wait_turn(int fd, int dirfd, const char *key, const char *name,
	int timeout_ms)
{
	struct version was = version_of(dirfd, name), is;
	int64_t end = now_ms() + timeout_ms;
	int ms = SHORTEST_MS, locked;

	for (;;) {
		locked = try_lock(fd, offset_of(key));
		if (locked)
			return locked > 0 ? CLAIM_MINE : CLAIM_NONE;
		is = version_of(dirfd, name);
		if (has_changed(&was, &is))
			return CLAIM_CHANGED;
		if (now_ms() >= end)
			return CLAIM_NONE;
		if (!pause_ms(ms))
			return CLAIM_INTERRUPTED;
		ms = ms * 2 < LONGEST_MS ? ms * 2 : LONGEST_MS;
	}
}

enum claim_result claim_take(struct claim *claim, int dirfd, const char *key, const char *name,
	int timeout_ms)
{
	enum claim_result ret;

	/* neither a link nor a FIFO in its place does harm */
	claim->fd = openat(dirfd, CLAIM_FILE,
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (claim->fd < 0)
		return CLAIM_NONE;
	ret = wait_turn(claim->fd, dirfd, key, name, timeout_ms);
	if (ret != CLAIM_MINE)
		claim_end(claim);
	return ret;
}

void claim_end(struct claim *claim)
{
	if (claim->fd >= 0)
		close(claim->fd);
	claim->fd = -1;
}
