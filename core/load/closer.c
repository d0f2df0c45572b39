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
#include <sys/socket.h>
#include <unistd.h>

#include "base/detach.h"
#include "base/mem.h"
#include "load/internal.h"

#define COMM "mt-close"

enum { STACK_BYTES = 128 << 10 };

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

/* closes once the parent has closed its copies, or is dead */
static void run_closer(void *arg, int parent)
{
	char none;

	while (read(parent, &none, 1) < 0 && errno == EINTR)
		;
	close_here(arg);
}

static int start_child(const struct closing *c)
{
	int *kept = mem_array(c->n_fds + c->n_events + 1, sizeof(*kept)), child;

	if (c->n_fds)
		memcpy(kept, c->fds, c->n_fds * sizeof(*kept));
	if (c->n_events)
		memcpy(kept + c->n_fds, c->events, c->n_events * sizeof(*kept));
	child = detach_start(COMM, kept, c->n_fds + c->n_events, run_closer, (void *)c);
	free(kept);
	return child;
}

/* ---- the parent ---- */

/* the end of its first process kills a pid namespace: nobody would delete entries */
static bool outlives_us(const struct closing *c)
{
	return c->n_links == 0 || getpid() != 1;
}

int closing_start(const struct closing *c)
{
	int child = outlives_us(c) ? start_child(c) : -1;

	if (child < 0) {
		close_here(c);
		return -1;
	}
	let_go(c);
	shutdown(child, SHUT_WR);
	return child;
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
