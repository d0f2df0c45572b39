/* SPDX-License-Identifier: Apache-2.0 */
#include "detach.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hold.h"
#include "mem.h"

#ifndef SYS_close_range
#define SYS_close_range 436		/* Linux 5.9 */
#endif

enum { LAST_FD = 65535 };

struct detached {
	const char *name;
	const int *keep;
	size_t n;
	void (*fn)(void *arg, int parent);
	void *arg;
};

static int compare(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static void close_from_to(int first, int last)
{
	struct rlimit limit;

	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return;
	if (last > LAST_FD)
		last = LAST_FD;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)last > limit.rlim_cur)
		last = limit.rlim_cur;
	for (; first <= last; first++)
		close(first);
}

/* standard output goes, too: its reader waits for the end of it */
static void keep_only(const struct detached *d, int parent)
{
	int *kept = mem_array(d->n + 1, sizeof(*kept)), next = 0;
	size_t i;

	if (d->n)
		memcpy(kept, d->keep, d->n * sizeof(*kept));
	kept[d->n] = parent;
	qsort(kept, d->n + 1, sizeof(*kept), compare);
	for (i = 0; i <= d->n; i++) {
		close_from_to(next, kept[i] - 1);
		next = kept[i] + 1;
	}
	close_from_to(next, INT32_MAX);
	free(kept);
}

/* the place of our command line: fields 48 and 49, behind a name that may have blanks */
static bool arguments(char **ret_begin, char **ret_end)
{
	enum { BEHIND_NAME = 45 };
	unsigned long own = (uintptr_t)program_invocation_name, begin = 0, end = 0;
	char line[1024], *at;
	FILE *f = fopen("/proc/self/stat", "re");
	int i;

	at = f && fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	if (f)
		fclose(f);
	for (i = 0; at && i <= BEHIND_NAME; i++)
		at = strchr(at + 1, ' ');
	/* below an emulator it is the emulator's */
	if (!at || sscanf(at, "%lu %lu", &begin, &end) != 2 || begin > own || own >= end)
		return false;
	*ret_begin = (char *)begin;
	*ret_end = (char *)end;
	return true;
}

/* the name that ps, and pkill with or without -f, know us by */
static void rename_self(const char *name)
{
	char *begin, *end;

	prctl(PR_SET_NAME, name);
	if (!arguments(&begin, &end))
		return;
	memset(begin, 0, end - begin);
	if (strlen(name) < (size_t)(end - begin))
		memcpy(begin, name, strlen(name));
}

/* Forks again, so that init is the parent; all signals stay blocked */
static void run_between(const struct detached *d, int parent)
{
	pid_t pid;

	rename_self(d->name);
	setsid();
	if (chdir("/") < 0)
		_exit(1);
	keep_only(d, parent);
	pid = fork();
	if (pid == 0) {
		d->fn(d->arg, parent);
		_exit(0);
	}
	_exit(pid < 0);
}

/* 0, or an errno */
static int start(const struct detached *d, int parent)
{
	struct hold hold;
	int status = 0, err;
	pid_t pid, got;

	hold_all(&hold, 0);
	pid = fork();
	err = pid < 0 ? errno : 0;
	if (pid == 0)
		run_between(d, parent);
	do {
		got = pid < 0 ? 0 : waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	hold_end(&hold);
	/* no status is kept where SIGCHLD is ignored */
	return got == pid && status != 0 ? EAGAIN : err;
}

int detach_start(const char *name, const int *keep, size_t n,
	void (*fn)(void *arg, int parent), void *arg)
{
	struct detached d = { name, keep, n, fn, arg };
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	err = start(&d, ends[1]);
	close(ends[1]);
	if (!err)
		return ends[0];
	close(ends[0]);
	errno = err;
	return -1;
}
