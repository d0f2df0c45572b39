/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Semaphores of USDT probes: a counter of 16 bits in the program, which
 * prepares the probe's arguments only while it is not 0.  Kernels since 4.20
 * count for us, in each process that has the file.  Here is what to do
 * before that, for one process.
 *
 * The descriptor of its memory is kept: it belongs to what the process runs
 * now, so that after its end or its next execve() nothing is written, and
 * never to another process of that number.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/feature.h"
#include "load/internal.h"

struct semaphore {
	int mem;		/* /proc/PID/mem */
	uint64_t address;
};

bool semaphores_by_kernel(void)
{
	return !load_as_old_kernel && feature_have(FEATURE_UPROBE_REF_CTR);
}

/* ---- where it is ---- */

struct wanted {
	const char *path;	/* as the process sees it */
	struct stat st;
	uint64_t offset;
};

/* a line of /proc/PID/maps: the address if the counter is there, else 0 */
static uint64_t address_in(const char *line, const struct wanted *w)
{
	uint64_t start, end, offset, inode;
	unsigned major, minor;
	char perms[5];
	int path = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &start,
		&end, perms, &offset, &major, &minor, &inode, &path) < 7 || perms[1] != 'w')
		return 0;
	if (w->offset < offset || w->offset - offset >= end - start)
		return 0;
	/* some file systems have other numbers here than in stat() */
	if ((inode != w->st.st_ino || makedev(major, minor) != w->st.st_dev) &&
		!(path && strcmp(line + path, w->path) == 0))
		return 0;
	return start + (w->offset - offset);
}

static uint64_t find_address(int pid, const struct wanted *w)
{
	char path[64], *line = NULL;
	uint64_t address = 0;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	while (f && !address && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		address = address_in(line, w);
	}
	if (f)
		fclose(f);
	free(line);
	return address;
}

/* ---- counting ---- */

/* 0 or an errno; one that is gone counts no more */
static int add(const struct semaphore *s, int by)
{
	uint16_t v;
	ssize_t n = pread(s->mem, &v, sizeof(v), s->address);

	if (n == sizeof(v)) {
		v += by;
		n = pwrite(s->mem, &v, sizeof(v), s->address);
	}
	return n == sizeof(v) ? 0 : n < 0 ? errno : ESRCH;
}

static bool is_raised(const struct link *l, uint64_t address)
{
	size_t i;

	for (i = 0; i < l->n_semaphores; i++) {
		if (l->semaphores[i].address == address)
			return true;
	}
	return false;
}

static int failed(int pid, int sys, struct error *err)
{
	char *what;

	if (sys == ENOENT || sys == ESRCH)
		return error_set(err, "E-ATTACH", "no process %d", pid);
	what = mem_format("raise the probe's semaphore in process %d", pid);
	attach_failed(err, sys, what);
	free(what);
	return -1;
}

int semaphore_raise(struct link *l, const char *path, uint64_t offset, int pid,
	struct error *err)
{
	struct wanted w = { .path = path, .offset = offset };
	struct semaphore s;
	char name[64];
	int sys;

	if (stat(path, &w.st) < 0)
		return error_sys(err, "E-FILE", errno, "look at '%s'", path);
	snprintf(name, sizeof(name), "/proc/%d/root", pid);
	if (str_starts(path, name))
		w.path += strlen(name);
	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	s.mem = open(name, O_RDWR | O_CLOEXEC);
	if (s.mem < 0)
		return failed(pid, errno, err);
	s.address = find_address(pid, &w);
	if (!s.address || is_raised(l, s.address)) {
		close(s.mem);
		return s.address ? 0 : error_set(err, "E-ATTACH", "process %d does not run '%s', "
			"in which the probe has a semaphore", pid, path);
	}
	sys = add(&s, 1);
	if (sys) {
		close(s.mem);
		return failed(pid, sys, err);
	}
	*MEM_GROW(l->semaphores, l->n_semaphores) = s;
	return 0;
}

void semaphores_lower(struct link *l)
{
	while (l->n_semaphores > 0) {
		const struct semaphore *s = &l->semaphores[--l->n_semaphores];

		add(s, -1);
		close(s->mem);
	}
	free(l->semaphores);
	l->semaphores = NULL;
}
