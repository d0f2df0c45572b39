/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Closing what the kernel takes long to close.
 *
 * The end of a tracepoint or kprobe waits for grace periods of the kernel, 25
 * to 90 ms, most of them one after the other.  A child that holds nothing but
 * these descriptors does the waiting; where no child is to be had, we do.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hold.h"
#include "base/mem.h"
#include "load/internal.h"

#ifndef SYS_close_range
#define SYS_close_range 436		/* Linux 5.9 */
#endif

#define COMM "moontrace-close"

enum { STACK_BYTES = 128 << 10, LAST_FD = 65535 };

/* ---- closing ---- */

static void *close_one(void *arg)
{
	close((int)(intptr_t)arg);
	return NULL;
}

/* those of links: since 6.13 each waits by itself, so the waits overlap */
static void close_together(const int *fds, size_t n)
{
	pthread_t *threads = mem_array(n, sizeof(*threads));
	pthread_attr_t attr;
	size_t started = 0, i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (i = 0; i < n; i++) {
		void *fd = (void *)(intptr_t)fds[i];

		if (i + 1 < n && pthread_create(&threads[started], &attr, close_one, fd) == 0)
			started++;
		else
			close_one(fd);
	}
	while (started > 0)
		pthread_join(threads[--started], NULL);
	pthread_attr_destroy(&attr);
	free(threads);
}

/* events wait while they hold a lock of the kernel: threads would gain nothing */
static void close_here(const struct closing *c)
{
	size_t i;

	close_together(c->fds, c->n_fds);
	for (i = 0; i < c->n_events; i++)
		close(c->events[i]);
	for (i = 0; i < c->n_links; i++)
		dynamic_undo(c->links[i]);
}

/* the copies that a child has, too: nothing waits */
static void let_go(const struct closing *c)
{
	size_t i;

	for (i = 0; i < c->n_fds; i++)
		close(c->fds[i]);
	for (i = 0; i < c->n_events; i++)
		close(c->events[i]);
	for (i = 0; i < c->n_links; i++)
		dynamic_forget(c->links[i]);
}

/* ---- the child ---- */

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

/* standard output, too: its reader waits for the end of it */
static void keep_only(const struct closing *c, int parent)
{
	int *kept = NULL, next = 0;
	size_t n = 0, i;

	for (i = 0; i < c->n_fds; i++)
		*MEM_GROW(kept, n) = c->fds[i];
	for (i = 0; i < c->n_events; i++)
		*MEM_GROW(kept, n) = c->events[i];
	*MEM_GROW(kept, n) = parent;
	qsort(kept, n, sizeof(*kept), compare);
	for (i = 0; i < n; i++) {
		close_from_to(next, kept[i] - 1);
		next = kept[i] + 1;
	}
	close_from_to(next, INT32_MAX);
	free(kept);
}

/* closes once the parent has closed its copies, or is dead */
static void run_closer(const struct closing *c, int parent)
{
	char none;

	while (read(parent, &none, 1) < 0 && errno == EINTR)
		;
	close_here(c);
	_exit(0);
}

/*
 * Forks again, so that init is the closer's parent.  All signals stay
 * blocked in it; it is in no process group or session of ours.
 */
static void run_between(const struct closing *c, int parent)
{
	pid_t pid;

	prctl(PR_SET_NAME, COMM);
	setsid();
	if (chdir("/") < 0)
		_exit(1);
	keep_only(c, parent);
	pid = fork();
	if (pid == 0)
		run_closer(c, parent);
	_exit(pid < 0);
}

/* ---- the parent ---- */

/* 0 or -1. When it returns the child has no other files of ours any more */
static int start_child(const struct closing *c, int ends[2])
{
	struct hold hold;
	int status = 0;
	pid_t pid, got;

	hold_all(&hold, 0);
	pid = fork();
	if (pid == 0)
		run_between(c, ends[1]);
	do {
		got = pid < 0 ? 0 : waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	hold_end(&hold);
	/* no status is kept where SIGCHLD is ignored */
	return pid < 0 || (got == pid && status != 0) ? -1 : 0;
}

/* the end of its first process kills a pid namespace: nobody would delete entries */
static bool outlives_us(const struct closing *c)
{
	return c->n_links == 0 || getpid() != 1;
}

int closing_start(const struct closing *c)
{
	int ends[2];

	if (!outlives_us(c) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		close_here(c);
		return -1;
	}
	if (start_child(c, ends) < 0) {
		close(ends[0]);
		close(ends[1]);
		close_here(c);
		return -1;
	}
	close(ends[1]);
	let_go(c);
	shutdown(ends[0], SHUT_WR);
	return ends[0];
}

void closing_wait(int child)
{
	char none;

	if (child < 0)
		return;
	while (read(child, &none, 1) < 0 && errno == EINTR)
		;
}

/* ---- those that are at work ---- */

static bool has_ended(int child)
{
	char none;

	return recv(child, &none, 1, MSG_DONTWAIT) == 0;
}

static void forget_first(struct session *s)
{
	close(s->closers[0]);
	memmove(s->closers, s->closers + 1, --s->n_closers * sizeof(*s->closers));
}

void closers_add(struct session *s, int child)
{
	if (child < 0)
		return;
	while (s->n_closers > 0 && has_ended(s->closers[0]))
		forget_first(s);
	if (s->n_closers == CLOSERS_MOST) {
		closing_wait(s->closers[0]);
		forget_first(s);
	}
	s->closers[s->n_closers++] = child;
}

void closers_forget(struct session *s)
{
	while (s->n_closers > 0)
		forget_first(s);
}

static bool is_closer(const char *pid)
{
	char path[300], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = *pid >= '1' && *pid <= '9' ? fopen(path, "re") : NULL;
	if (!f)
		return false;
	if (!fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	fclose(f);
	return strcmp(comm, COMM "\n") == 0;
}

bool closers_at_work(void)
{
	DIR *dir = opendir("/proc");
	bool found = false;
	struct dirent *d;

	while (dir && !found && (d = readdir(dir)) != NULL)
		found = is_closer(d->d_name);
	if (dir)
		closedir(dir);
	return found;
}
