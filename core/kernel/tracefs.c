/* SPDX-License-Identifier: Apache-2.0 */
/* tracefs: where it is, and what events it lists. */
#include "kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/mount.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static char found[PATH_MAX];

/*
 * 0, or the errno that says why this is no tracefs that we may use.  access()
 * would answer for the real user without capabilities; the dot is found only
 * if the directory may be searched, too.
 */
static int try_path(const char *prefix, const char *suffix)
{
	char path[PATH_MAX + 32];
	int fd, err;

	snprintf(path, sizeof(path), "%s%s/events/.", prefix, suffix);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		return err;
	}
	close(fd);
	snprintf(found, sizeof(found), "%s%s", prefix, suffix);
	return 0;
}

static int try_mounts(void)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	int err = ENOENT;

	if (!f)
		return ENOENT;
	while (err && (m = getmntent(f)) != NULL) {
		if (strcmp(m->mnt_type, "tracefs") == 0)
			err = try_path(m->mnt_dir, "");
		else if (strcmp(m->mnt_type, "debugfs") == 0)
			err = try_path(m->mnt_dir, "/tracing");
	}
	endmntent(f);
	return err;
}

static int try_usual(void)
{
	int err = try_path("/sys/kernel/tracing", ""), next;

	if (!err)
		return 0;
	next = try_path("/sys/kernel/debug", "/tracing");
	if (next == 0 || try_mounts() == 0)
		return 0;
	return err == EACCES || next == EACCES ? EACCES : ENOENT;
}

/*
 * A mount that is attached nowhere (5.2): it lives as long as its
 * descriptor, which stays open on purpose, and nobody else sees it.
 */
static int try_private_mount(void)
{
#if defined(SYS_fsopen) && defined(FSOPEN_CLOEXEC)	/* the commands are an enum */
	char prefix[64];
	int fs, mount = -1;

	fs = syscall(SYS_fsopen, "tracefs", FSOPEN_CLOEXEC);
	if (fs < 0)
		return ENOENT;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	close(fs);
	if (mount < 0)
		return ENOENT;
	snprintf(prefix, sizeof(prefix), "/proc/self/fd/%d", mount);
	if (try_path(prefix, "") == 0)
		return 0;
	close(mount);
#endif
	return ENOENT;
}

const char *tracefs_mounted(void)
{
	if (!found[0])
		try_usual();
	return found[0] ? found : NULL;
}

const char *tracefs_path(struct error *err)
{
	int why;

	if (found[0])
		return found;
	why = try_usual();
	if (!why || try_private_mount() == 0)
		return found;
	if (why == EACCES) {
		error_sys(err, "E-TRACEFS", why, "tracefs is not readable for this user");
		error_hint(err, "run as root, or with cap_dac_read_search");
	} else {
		error_set(err, "E-TRACEFS", "tracefs is not mounted");
		error_hint(err, "mount -t tracefs tracefs /sys/kernel/tracing   (before Linux 4.1: "
			"mount -t debugfs debugfs /sys/kernel/debug)");
	}
	return NULL;
}

/* the whole file; 0 or an errno */
static int read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	ssize_t n;

	if (fd < 0) {
		err = errno;
		return err;
	}
	do {
		n = read(fd, buf_reserve(out, 65536), 65536);
		err = n < 0 ? errno : 0;
		if (n > 0)
			out->len += n;
	} while (n > 0 || err == EINTR);
	out->data[out->len] = '\0';
	close(fd);
	return err;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* the lines of available_events, "category:event", sorted; they point into text */
static int read_events(struct buf *text, char ***ret_lines, size_t *ret_n, struct error *err)
{
	const char *root = tracefs_path(err);
	char path[PATH_MAX + 32], *line, *rest;
	char **lines = NULL;
	size_t n = 0;
	int sys;

	if (!root)
		return -1;
	snprintf(path, sizeof(path), "%s/available_events", root);
	sys = read_file(path, text);
	if (sys)
		return error_sys(err, "E-TRACEFS", sys, "read '%s'", path);
	rest = text->len ? text->data : NULL;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strchr(line, ':'))
			*MEM_GROW(lines, n) = line;
	}
	if (n)
		qsort(lines, n, sizeof(*lines), by_name);
	*ret_lines = lines;
	*ret_n = n;
	return 0;
}

int tracefs_events(const char *glob, bool (*fn)(void *arg, const char *category,
	const char *event), void *arg, struct error *err)
{
	struct buf text = BUF_INIT;
	char **lines = NULL;
	size_t n = 0, i;
	int ret;

	ret = read_events(&text, &lines, &n, err);
	for (i = 0; i < n; i++) {
		char *colon = strchr(lines[i], ':');

		if (fnmatch(glob, lines[i], 0) != 0)
			continue;
		*colon = '\0';
		if (!fn(arg, lines[i], colon + 1))
			break;
	}
	free(lines);
	buf_release(&text);
	return ret;
}

/* names near "category:event"; else where an event of just this name is */
static char *near_events(const char *category, const char *event)
{
	char *want = mem_format("%s:%s", category, event), *hint;
	struct error ignored = ERROR_INIT;
	struct buf text = BUF_INIT;
	char **lines = NULL;
	struct nearest near;
	size_t n = 0, i;

	nearest_init(&near, want);
	read_events(&text, &lines, &n, &ignored);
	for (i = 0; i < n; i++)
		nearest_offer(&near, lines[i]);
	hint = nearest_hint(&near);
	for (i = 0; i < n && !hint; i++) {
		if (strcmp(strchr(lines[i], ':') + 1, event) == 0)
			hint = mem_format("did you mean '%s'?", lines[i]);
	}
	free(lines);
	free(want);
	buf_release(&text);
	error_clear(&ignored);
	return hint;
}

static int read_event_file(const char *category, const char *event, const char *file,
	struct buf *out, struct error *err)
{
	const char *root = tracefs_path(err);
	char path[PATH_MAX + 512];
	int sys = ENOENT;

	if (!root)
		return -1;
	/* a name is a name, never a way out of the directory */
	if (*category && *event && !strchr(category, '/') && !strchr(event, '/') &&
		category[0] != '.' && event[0] != '.') {
		snprintf(path, sizeof(path), "%s/events/%s/%s/%s", root, category, event, file);
		sys = read_file(path, out);
	}
	if (!sys)
		return 0;
	if (sys != ENOENT && sys != ENOTDIR)
		return error_sys(err, "E-TRACEFS", sys, "read '%s'", path);
	error_set(err, "E-PROBE", "no tracepoint '%s:%s'", category, event);
	return error_take_hint(err, near_events(category, event));
}

int tracefs_format(const char *category, const char *event, struct buf *out, struct error *err)
{
	return read_event_file(category, event, "format", out, err);
}

int64_t tracefs_event_id(const char *category, const char *event, struct error *err)
{
	struct buf text = BUF_INIT;
	int64_t id = -1;

	if (read_event_file(category, event, "id", &text, err) == 0)
		id = strtoll(text.data, NULL, 10);
	buf_release(&text);
	return id;
}
