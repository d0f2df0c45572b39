/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of core/loop: what the kinds of sources share.  Not for others.
 *
 * A source lives until it is removed and nobody walks over it any more:
 * the loop holds one reference for "not removed", and each turn or walk one
 * for what it is about to touch.
 */
#ifndef LOOP_SOURCE_H
#define LOOP_SOURCE_H

#include <signal.h>

#include "loop.h"

enum source_kind {
	SOURCE_FD,
	SOURCE_READY,		/* an fd that epoll refuses: a regular file */
	SOURCE_TIMER,
	SOURCE_SIGNAL,
	SOURCE_SIGNALFD,	/* the loop's own, feeds SOURCE_SIGNAL */
	SOURCE_CHILD,
	SOURCE_TURN,
	SOURCE_KINDS
};

struct source_ops {
	enum source_kind kind;
	bool owns_fd;
	/* value: epoll events, or what source_each got. Callbacks run: count */
	int (*ready)(struct source *s, uint32_t value);
	void (*call)(struct source *s, uint64_t value);	/* the user's callback */
};

struct source {
	const struct source_ops *ops;
	struct loop *loop;
	struct source *prev, *next;	/* of its kind, in the order of adding */
	uint64_t serial;		/* ascending; 0: not yet in the list */
	unsigned refs;
	bool dead;			/* removed */
	bool busy;			/* in its callback, which is not entered twice */
	bool again;			/* its signal came while it was busy */
	bool once;			/* removed behind its callback */
	bool polled, parked;		/* in the epoll set; taken out while busy */
	int fd;				/* or -1 */
	uint32_t events;
	int signo;
	pid_t pid;
	void *arg;
	union {
		fd_fn fd;
		timer_fn timer;
		signal_fn signal;
		child_fn child;
		turn_fn turn;
	} fn;
};

/* how the end of a child is noticed; chosen once, when a loop is made */
struct child_watch {
	const char *name;
	int (*start)(struct source *s, struct error *err);
};

struct loop {
	int epoll;
	struct source *first[SOURCE_KINDS], *last[SOURCE_KINDS];
	size_t live[SOURCE_KINDS];
	uint64_t serial;
	uint64_t turn;
	struct source *running;		/* the innermost busy source */
	struct run *run;		/* the innermost loop_run */
	int failed;			/* errno of an fd that epoll did not take back */

	struct source *signalfd;
	sigset_t watched;		/* what signalfd reads */
	sigset_t blocked;		/* what we blocked, for loop_free */

	const struct child_watch *child_watch;
	struct source *sigchld;
	bool sweep;			/* a child may have ended */
};

/* a source that is not part of the loop before source_link */
struct source *source_new(struct loop *l, const struct source_ops *ops, void *arg);
/* waits for s->events of s->fd. 0 or -errno */
int source_poll(struct source *s);
void source_link(struct source *s);
/* runs the callback unless it runs already. Callbacks run: 0 or 1 */
int source_call(struct source *s, uint64_t value);
/* ops->ready on each source of a kind, but not on those added meanwhile */
int source_each(struct loop *l, enum source_kind kind, uint32_t value);

void signals_restore(struct loop *l);

extern const struct child_watch child_watch_pidfd;	/* Linux 5.3 */
extern const struct child_watch child_watch_sigchld;
const struct child_watch *child_watch_pick(void);

#endif
