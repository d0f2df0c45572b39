/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals: one signalfd for the loop, since one per source would leave each
 * signal to whoever reads first.
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "loop/source.h"

/* one at a time: a callback may run nested turns, which want the others */
static int signalfd_ready(struct source *s, uint32_t events)
{
	struct signalfd_siginfo info;

	if (read(s->fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return source_each(s->loop, SOURCE_SIGNAL, info.ssi_signo);
}

static int signalfd_open(struct loop *l)
{
	static const struct source_ops ops = { SOURCE_SIGNALFD, true, signalfd_ready, NULL };
	struct source *s = source_new(l, &ops, NULL);
	int ret;

	s->events = EPOLLIN;
	s->fd = signalfd(-1, &l->watched, SFD_CLOEXEC | SFD_NONBLOCK);
	ret = s->fd < 0 ? -errno : source_poll(s);
	if (ret < 0) {
		source_remove(s);
		return ret;
	}
	source_link(s);
	l->signalfd = s;
	return 0;
}

static int signalfd_update(struct loop *l)
{
	if (!l->signalfd)
		return signalfd_open(l);
	return signalfd(l->signalfd->fd, &l->watched, 0) < 0 ? -errno : 0;
}

/* 0 or -errno */
static int watch(struct loop *l, int signo)
{
	sigset_t one, old;
	int ret;

	sigemptyset(&one);
	if (signo == SIGKILL || signo == SIGSTOP || sigaddset(&one, signo) != 0)
		return -EINVAL;
	if (sigismember(&l->watched, signo))
		return 0;
	sigaddset(&l->watched, signo);
	ret = signalfd_update(l);
	if (ret < 0) {
		sigdelset(&l->watched, signo);
		return ret;
	}
	sigprocmask(SIG_BLOCK, &one, &old);
	if (!sigismember(&old, signo))
		sigaddset(&l->blocked, signo);
	return 0;
}

void signals_restore(struct loop *l)
{
	sigprocmask(SIG_UNBLOCK, &l->blocked, NULL);
}

static int signal_ready(struct source *s, uint32_t signo)
{
	if (s->signo != (int)signo)
		return 0;
	s->again = s->busy;
	return source_call(s, signo);
}

static void signal_call(struct source *s, uint64_t signo)
{
	do {
		s->again = false;
		s->fn.signal(s->arg, signo);
	} while (s->again && !s->dead);
}

struct source *loop_add_signal(struct loop *l, int signo, signal_fn fn, void *arg,
	struct error *err)
{
	static const struct source_ops ops = { SOURCE_SIGNAL, false, signal_ready, signal_call };
	struct source *s;
	int ret = watch(l, signo);

	if (ret < 0) {
		error_sys(err, "E-LIMIT", -ret, "watch signal %d", signo);
		return NULL;
	}
	s = source_new(l, &ops, arg);
	s->signo = signo;
	s->fn.signal = fn;
	source_link(s);
	return s;
}
