/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/source.h"

struct run {
	struct run *outer;
	bool stop;
};

struct loop *loop_new(struct error *err)
{
	struct loop *l;
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0) {
		error_sys(err, "E-LIMIT", errno, "make an event loop");
		return NULL;
	}
	l = mem_alloc(sizeof(*l));
	l->epoll = fd;
	sigemptyset(&l->watched);
	sigemptyset(&l->blocked);
	l->child_watch = child_watch_pick();
	return l;
}

void loop_free(struct loop *l)
{
	int kind;

	if (!l)
		return;
	assert(!l->running);
	for (kind = 0; kind < SOURCE_KINDS; kind++) {
		while (l->first[kind])
			source_remove(l->first[kind]);
	}
	signals_restore(l);
	close(l->epoll);
	free(l);
}

/* ---- sources ---- */

struct source *source_new(struct loop *l, const struct source_ops *ops, void *arg)
{
	struct source *s = mem_alloc(sizeof(*s));

	s->ops = ops;
	s->loop = l;
	s->refs = 1;
	s->fd = -1;
	s->arg = arg;
	return s;
}

int source_poll(struct source *s)
{
	struct epoll_event ev;

	memset(&ev, 0, sizeof(ev));
	ev.events = s->events;
	ev.data.ptr = s;
	if (epoll_ctl(s->loop->epoll, EPOLL_CTL_ADD, s->fd, &ev) != 0)
		return -errno;
	s->polled = true;
	return 0;
}

static void source_unpoll(struct source *s)
{
	struct epoll_event unused;	/* NULL is fine since Linux 2.6.9 */

	memset(&unused, 0, sizeof(unused));
	if (s->polled)
		epoll_ctl(s->loop->epoll, EPOLL_CTL_DEL, s->fd, &unused);
	s->polled = false;
}

void source_link(struct source *s)
{
	struct loop *l = s->loop;
	enum source_kind kind = s->ops->kind;

	s->serial = ++l->serial;
	s->prev = l->last[kind];
	if (s->prev)
		s->prev->next = s;
	else
		l->first[kind] = s;
	l->last[kind] = s;
	l->live[kind]++;
}

static void source_unlink(struct source *s)
{
	struct loop *l = s->loop;
	enum source_kind kind = s->ops->kind;

	if (s->prev)
		s->prev->next = s->next;
	else
		l->first[kind] = s->next;
	if (s->next)
		s->next->prev = s->prev;
	else
		l->last[kind] = s->prev;
}

static void source_unref(struct source *s)
{
	if (--s->refs)
		return;
	if (s->serial)
		source_unlink(s);
	free(s);
}

void source_remove(struct source *s)
{
	if (!s || s->dead)
		return;
	s->dead = true;
	if (s->serial)
		s->loop->live[s->ops->kind]--;
	source_unpoll(s);
	if (s->ops->owns_fd && s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	source_unref(s);
}

/*
 * A nested turn must not see the fd whose callback started it: the callback
 * is not entered twice, so that epoll would report it again and again.
 */
static void park(struct source *s)
{
	if (!s || !s->polled)
		return;
	source_unpoll(s);
	s->parked = true;
}

static void unpark(struct source *s)
{
	int ret;

	if (!s->parked || s->dead)
		return;
	s->parked = false;
	ret = source_poll(s);
	if (ret < 0)
		s->loop->failed = -ret;
}

int source_call(struct source *s, uint64_t value)
{
	struct loop *l = s->loop;
	struct source *outer = l->running;

	if (s->dead || s->busy)
		return 0;
	s->refs++;
	s->busy = true;
	l->running = s;
	s->ops->call(s, value);
	l->running = outer;
	s->busy = false;
	if (s->once)
		source_remove(s);
	unpark(s);
	source_unref(s);
	return 1;
}

int source_each(struct loop *l, enum source_kind kind, uint32_t value)
{
	struct source *s = l->first[kind], *next;
	uint64_t last = l->serial;
	int calls = 0;

	while (s && s->serial <= last) {
		s->refs++;	/* keeps its place in the list, too */
		if (!s->dead)
			calls += s->ops->ready(s, value);
		next = s->next;
		source_unref(s);
		s = next;
	}
	return calls;
}

/* ---- descriptors and turn hooks ---- */

static int fd_ready(struct source *s, uint32_t events)
{
	return source_call(s, events);
}

static int always_ready(struct source *s, uint32_t unused)
{
	return source_call(s, s->events & (EPOLLIN | EPOLLOUT));
}

static void fd_call(struct source *s, uint64_t events)
{
	s->fn.fd(s->arg, events);
}

struct source *loop_add_fd(struct loop *l, int fd, uint32_t events, fd_fn fn, void *arg,
	struct error *err)
{
	static const struct source_ops fd_ops = { SOURCE_FD, false, fd_ready, fd_call };
	static const struct source_ops ready_ops = { SOURCE_READY, false, always_ready, fd_call };
	struct source *s = source_new(l, &fd_ops, arg);
	int ret;

	s->fd = fd;
	s->events = events;
	s->fn.fd = fn;
	ret = source_poll(s);
	if (ret == -EPERM) {
		s->ops = &ready_ops;
	} else if (ret < 0) {
		source_remove(s);
		error_sys(err, "E-LIMIT", -ret, "watch descriptor %d", fd);
		return NULL;
	}
	source_link(s);
	return s;
}

static int turn_ready(struct source *s, uint32_t unused)
{
	return source_call(s, 0);
}

static void turn_call(struct source *s, uint64_t unused)
{
	s->fn.turn(s->arg);
}

struct source *loop_add_turn(struct loop *l, turn_fn fn, void *arg)
{
	static const struct source_ops ops = { SOURCE_TURN, false, turn_ready, turn_call };
	struct source *s = source_new(l, &ops, arg);

	s->fn.turn = fn;
	source_link(s);
	return s;
}

/* ---- turns ---- */

/*
 * What a nested turn left of these events is stale: it has seen them itself.
 * All are level-triggered, so that the next turn reports again what is still
 * true of the rest.
 */
static int dispatch(struct loop *l, struct epoll_event *ev, int n)
{
	uint64_t turn = ++l->turn;
	int i, calls = 0;

	for (i = 0; i < n; i++)
		((struct source *)ev[i].data.ptr)->refs++;
	for (i = 0; i < n && l->turn == turn; i++) {
		struct source *s = ev[i].data.ptr;

		if (!s->dead)
			calls += s->ops->ready(s, ev[i].events);
	}
	for (i = 0; i < n; i++)
		source_unref(ev[i].data.ptr);
	return calls;
}

static bool must_not_wait(const struct loop *l)
{
	const struct source *s;

	for (s = l->first[SOURCE_READY]; s; s = s->next) {
		if (!s->dead && !s->busy)
			return true;
	}
	return l->sweep;
}

int loop_step(struct loop *l, int timeout_ms, struct error *err)
{
	struct epoll_event ev[64];
	int n, calls, sys;

	park(l->running);
	n = epoll_wait(l->epoll, ev, ARRAY_SIZE(ev), must_not_wait(l) ? 0 : timeout_ms);
	if (n < 0 && errno != EINTR)
		return error_sys(err, "E-LIMIT", errno, "wait for events");
	calls = dispatch(l, ev, n);
	calls += source_each(l, SOURCE_READY, 0);
	if (l->sweep) {
		l->sweep = false;
		calls += source_each(l, SOURCE_CHILD, 0);
	}
	source_each(l, SOURCE_TURN, 0);
	sys = l->failed;
	l->failed = 0;
	return sys ? error_sys(err, "E-LIMIT", sys, "wait for a descriptor again") : calls;
}

int loop_run(struct loop *l, struct error *err)
{
	struct run r = { l->run, false };
	int ret = 0;

	l->run = &r;
	while (!r.stop && ret >= 0)
		ret = loop_step(l, -1, err);
	l->run = r.outer;
	return ret < 0 ? -1 : 0;
}

void loop_stop(struct loop *l)
{
	if (l->run)
		l->run->stop = true;
}

bool loop_has_work(const struct loop *l)
{
	return l->live[SOURCE_FD] || l->live[SOURCE_READY] || l->live[SOURCE_TIMER] ||
		l->live[SOURCE_CHILD];
}

uint64_t loop_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}
