/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children: a pidfd each where the kernel has it, else SIGCHLD and a look
 * at each child that is watched.  Never at others: they have their waiters.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/source.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static int child_ready(struct source *s, uint32_t unused)
{
	int status;
	pid_t pid;

	if (s->busy)
		return 0;	/* reaped already; the pid may be another's now */
	pid = waitpid(s->pid, &status, WNOHANG);
	if (pid == 0)
		return 0;
	return source_call(s, (uint32_t)(pid < 0 ? -1 : status));
}

static void child_call(struct source *s, uint64_t status)
{
	s->fn.child(s->arg, s->pid, (int)status);
}

static int pidfd_start(struct source *s, struct error *err)
{
	int ret;

	s->events = EPOLLIN;
	s->fd = syscall(SYS_pidfd_open, s->pid, 0);
	ret = s->fd < 0 ? -errno : source_poll(s);
	return ret < 0 ? error_sys(err, "E-LIMIT", -ret, "watch child %d", (int)s->pid) : 0;
}

/* not more than a mark: children are looked after in loop_step, so that a
 * callback of theirs may run nested turns that notice further ones */
static void on_sigchld(void *arg, int signo)
{
	struct loop *l = arg;

	l->sweep = true;
}

static int sigchld_start(struct source *s, struct error *err)
{
	struct loop *l = s->loop;

	if (!l->sigchld)
		l->sigchld = loop_add_signal(l, SIGCHLD, on_sigchld, l, err);
	if (!l->sigchld)
		return -1;
	/* it may have ended before SIGCHLD was blocked */
	l->sweep = true;
	return 0;
}

const struct child_watch child_watch_pidfd = { "pidfd", pidfd_start };
const struct child_watch child_watch_sigchld = { "sigchld", sigchld_start };

const struct child_watch *child_watch_pick(void)
{
	int fd = syscall(SYS_pidfd_open, getpid(), 0);

	if (fd < 0)
		return &child_watch_sigchld;
	close(fd);
	return &child_watch_pidfd;
}

struct source *loop_add_child(struct loop *l, pid_t pid, child_fn fn, void *arg,
	struct error *err)
{
	static const struct source_ops ops = { SOURCE_CHILD, true, child_ready, child_call };
	struct source *s;
	siginfo_t info;

	if (waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
		error_sys(err, "E-LIMIT", errno, "watch child %d", (int)pid);
		return NULL;
	}
	s = source_new(l, &ops, arg);
	s->pid = pid;
	s->once = true;
	s->fn.child = fn;
	if (l->child_watch->start(s, err)) {
		source_remove(s);
		return NULL;
	}
	source_link(s);
	return s;
}
