/* SPDX-License-Identifier: Apache-2.0 */
/* core/loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "fds.h"
#include "loop/loop.h"
#include "loop/source.h"

#define MS UINT64_C(1000000)

static struct loop *loop;
static struct error err;
static sigset_t mask_before;

static int setup(void **state)
{
	sigprocmask(SIG_SETMASK, NULL, &mask_before);
	if (fds_setup(state))
		return -1;
	loop = loop_new(&err);
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	sigset_t mask;
	int i;

	loop_free(loop);
	error_clear(&err);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (i = 1; i < NSIG; i++) {
		if (sigismember(&mask, i) != sigismember(&mask_before, i)) {
			fprintf(stderr, "signal %d: the mask was not restored\n", i);
			return -1;
		}
	}
	return fds_teardown(state);
}

/* what a callback does, and how often it came */
struct probe {
	struct source *source, *other;
	int fd, calls, depth, stop_at;
	uint32_t events;
	uint64_t missed;
	bool remove_self, remove_other, nest;
	int pid, status;
};

static void act(struct probe *p)
{
	assert_int_equal(p->depth, 0);	/* never entered twice */
	p->depth++;
	p->calls++;
	if (p->remove_other) {
		source_remove(p->other);
		p->other = NULL;
	}
	if (p->remove_self)
		source_remove(p->source);
	if (p->nest)
		assert_int_equal(loop_run(loop, &err), 0);
	if (p->calls == p->stop_at)
		loop_stop(loop);
	p->depth--;
}

static void on_fd(void *arg, uint32_t events)
{
	struct probe *p = arg;

	p->events = events;
	act(p);
}

static void on_timer(void *arg, uint64_t missed)
{
	struct probe *p = arg;

	p->missed += missed;
	act(p);
}

static void on_signal(void *arg, int signo)
{
	struct probe *p = arg;

	p->status = signo;
	act(p);
}

static void on_child(void *arg, pid_t pid, int status)
{
	struct probe *p = arg;

	p->pid = pid;
	p->status = status;
	act(p);
}

static void on_turn(void *arg)
{
	act(arg);
}

static int step(int timeout_ms)
{
	int n = loop_step(loop, timeout_ms, &err);

	if (n < 0)
		fail_msg("%s", err.text);
	return n;
}

/* two pipes that are readable, each with a probe */
struct pair {
	int fds[2][2];
	struct probe probes[2];
};

static void pair_open(struct pair *p)
{
	int i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < 2; i++) {
		assert_int_equal(pipe2(p->fds[i], O_CLOEXEC), 0);
		assert_int_equal(write(p->fds[i][1], "x", 1), 1);
		p->probes[i].source =
			loop_add_fd(loop, p->fds[i][0], EPOLLIN, on_fd, &p->probes[i], &err);
		assert_non_null(p->probes[i].source);
	}
	p->probes[0].other = p->probes[1].source;
	p->probes[1].other = p->probes[0].source;
}

static void pair_close(struct pair *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		close(p->fds[i][0]);
		close(p->fds[i][1]);
	}
}

static void test_fd(void **state)
{
	struct pair p;

	assert_false(loop_has_work(loop));
	assert_int_equal(step(0), 0);
	pair_open(&p);
	assert_true(loop_has_work(loop));
	assert_int_equal(step(0), 2);
	assert_int_equal(p.probes[0].events, EPOLLIN);
	close(p.fds[0][1]);
	p.fds[0][1] = -1;
	assert_int_equal(step(0), 2);
	assert_int_equal(p.probes[0].events, EPOLLIN | EPOLLHUP);
	assert_null(loop_add_fd(loop, p.fds[1][0], EPOLLIN, on_fd, &p, &err));
	assert_string_equal(err.tag, "E-LIMIT");
	assert_int_equal(err.sys, EEXIST);
	assert_null(loop_add_fd(loop, -1, EPOLLIN, on_fd, &p, &err));
	assert_int_equal(err.sys, EBADF);
	source_remove(p.probes[0].source);
	source_remove(p.probes[1].source);
	source_remove(NULL);
	assert_false(loop_has_work(loop));
	assert_int_equal(step(0), 0);
	pair_close(&p);
}

static void test_remove_self(void **state)
{
	struct pair p;

	pair_open(&p);
	p.probes[0].remove_self = p.probes[1].remove_self = true;
	assert_int_equal(step(0), 2);
	assert_int_equal(step(0), 0);
	assert_false(loop_has_work(loop));
	/* the descriptor is still ours, and can be added again */
	p.probes[0].source = loop_add_fd(loop, p.fds[0][0], EPOLLIN, on_fd, &p.probes[0], &err);
	assert_non_null(p.probes[0].source);
	assert_int_equal(step(0), 1);
	assert_int_equal(step(0), 0);
	pair_close(&p);
}

/* whichever comes first: the other one must not be called */
static void test_remove_other(void **state)
{
	struct pair p;

	pair_open(&p);
	p.probes[0].remove_other = p.probes[1].remove_other = true;
	assert_int_equal(step(0), 1);
	assert_int_equal(p.probes[0].calls + p.probes[1].calls, 1);
	assert_int_equal(step(0), 1);
	assert_true(p.probes[0].calls == 2 || p.probes[1].calls == 2);
	pair_close(&p);
}

static void test_remove_both(void **state)
{
	struct pair p;
	int i;

	pair_open(&p);
	for (i = 0; i < 2; i++)
		p.probes[i].remove_other = p.probes[i].remove_self = true;
	assert_int_equal(step(0), 1);
	assert_int_equal(step(0), 0);
	pair_close(&p);
}

/*
 * The first of two ready descriptors runs a nested loop, in which the second
 * is served once and stops it; the outer turn must not serve it again.
 */
static void on_fd_read(void *arg, uint32_t events)
{
	struct probe *p = arg;
	char c;

	assert_int_equal(read(p->fd, &c, 1), 1);	/* would block for ever */
	act(p);
}

static void test_nested(void **state)
{
	struct probe a = { .nest = true }, b = { .stop_at = 1 };
	int fa[2], fb[2];

	assert_int_equal(pipe2(fa, O_CLOEXEC) | pipe2(fb, O_CLOEXEC), 0);
	/* a is not read: it stays readable while its callback runs */
	a.source = loop_add_fd(loop, fa[0], EPOLLIN, on_fd, &a, &err);
	b.fd = fb[0];
	b.source = loop_add_fd(loop, fb[0], EPOLLIN, on_fd_read, &b, &err);
	assert_int_equal(write(fa[1], "x", 1), 1);
	assert_int_equal(write(fb[1], "x", 1), 1);
	assert_int_equal(step(0), 1);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 1);
	a.nest = false;
	assert_int_equal(step(0), 1);		/* a is watched again */
	assert_int_equal(a.calls, 2);
	assert_int_equal(b.calls, 1);
	close(fa[0]);
	close(fa[1]);
	close(fb[0]);
	close(fb[1]);
}

/* stop ends the innermost run, and hangs no busy turns on a parked fd */
static void test_nested_stop(void **state)
{
	struct probe outer = { .nest = true, .stop_at = 1 };
	struct probe inner = { .stop_at = 3 }, turns = { 0 };
	struct pair p;

	pair_open(&p);
	source_remove(p.probes[0].source);
	source_remove(p.probes[1].source);
	outer.source = loop_add_fd(loop, p.fds[0][0], EPOLLIN, on_fd, &outer, &err);
	inner.source = loop_add_timer(loop, 10 * MS, 10 * MS, on_timer, &inner, &err);
	loop_add_turn(loop, on_turn, &turns);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(outer.calls, 1);
	assert_int_equal(inner.calls, 3);
	assert_true(turns.calls >= 4 && turns.calls <= 6);
	/* without a run there is nothing to stop */
	loop_stop(loop);
	inner.calls = inner.stop_at = 0;
	outer.nest = false;
	outer.calls = 0;
	outer.stop_at = 5;
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(outer.calls, 5);
	pair_close(&p);
}

/* standard input may be a file: epoll says EPERM */
static void test_regular_file(void **state)
{
	struct probe p = { .nest = true }, timer = { .stop_at = 1 }, turns = { 0 };
	char path[] = "/tmp/test_loop.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, "abc", 3), 3);
	lseek(fd, 0, SEEK_SET);
	p.fd = fd;
	p.source = loop_add_fd(loop, fd, EPOLLIN, on_fd_read, &p, &err);
	assert_non_null(p.source);
	assert_true(loop_has_work(loop));
	/* is not read in the nested run, which waits without spinning */
	timer.source = loop_add_timer(loop, 20 * MS, 0, on_timer, &timer, &err);
	loop_add_turn(loop, on_turn, &turns);
	assert_int_equal(step(-1), 1);
	assert_int_equal(timer.calls, 1);
	assert_true(turns.calls <= 3);
	p.nest = false;
	assert_int_equal(step(-1), 1);
	p.remove_self = true;
	assert_int_equal(step(-1), 1);
	assert_int_equal(p.calls, 3);
	assert_int_equal(step(0), 0);
	assert_false(loop_has_work(loop));
	close(fd);
}

static void test_once(void **state)
{
	struct probe p = { 0 }, zero = { .remove_self = true };
	uint64_t start = loop_now();

	p.source = loop_add_timer(loop, 30 * MS, 0, on_timer, &p, &err);
	assert_int_equal(step(5), 0);
	assert_int_equal(step(-1), 1);
	assert_true(loop_now() - start >= 30 * MS);
	assert_int_equal(p.missed, 0);
	assert_false(loop_has_work(loop));
	/* removing it in its callback is fine, and 0 is at once, not never */
	zero.source = loop_add_timer(loop, 0, 0, on_timer, &zero, &err);
	assert_int_equal(step(1000), 1);
	assert_int_equal(step(0), 0);
	/* far away, but a timer */
	p.source = loop_add_timer(loop, UINT64_MAX, UINT64_MAX, on_timer, &p, &err);
	assert_non_null(p.source);
	assert_int_equal(step(1), 0);
	assert_true(loop_has_work(loop));
}

/* a repeating timer, and between which times it was started */
struct grid {
	struct probe p;
	uint64_t first, interval, start_min, start_max;
};

static void grid_start(struct grid *g, uint64_t first, uint64_t interval)
{
	memset(g, 0, sizeof(*g));
	g->first = first;
	g->interval = interval;
	g->start_min = loop_now() + first;
	g->p.source = loop_add_timer(loop, first, interval, on_timer, &g->p, &err);
	g->start_max = loop_now() + first;
	assert_non_null(g->p.source);
}

/* one turn; ticks + missed ones are what the clock says, however late we are */
static int grid_step(struct grid *g)
{
	uint64_t before = loop_now(), after, ticks;
	int calls = step(-1);

	after = loop_now();
	ticks = g->p.calls + g->p.missed;
	if (before >= g->start_max)
		assert_true(ticks >= (before - g->start_max) / g->interval + 1);
	if (ticks)
		assert_true(ticks <= (after - g->start_min) / g->interval + 1);
	return calls;
}

static void test_grid(void **state)
{
	struct grid g;
	int i;

	grid_start(&g, 5 * MS, 10 * MS);
	for (i = 0; i < 20; i++) {
		if (i % 5 == 4)
			usleep(37000);
		assert_int_equal(grid_step(&g), 1);
		assert_int_equal(g.p.calls, i + 1);
	}
	/* each of the four sleeps passes by two ticks besides the one reported */
	assert_true(g.p.missed >= 8);
}

static void test_many_ticks(void **state)
{
	struct probe turns = { 0 };
	struct grid g;
	int calls = 0;

	grid_start(&g, 0, 20000);
	loop_add_turn(loop, on_turn, &turns);
	while (g.p.calls + g.p.missed < 10000)
		calls += grid_step(&g);
	assert_int_equal(calls, g.p.calls);
	assert_true(turns.calls >= g.p.calls);
	usleep(10000);
	grid_step(&g);
	assert_true(g.p.missed >= 499);
}

static void on_turn_remove(void *arg)
{
	struct probe *p = arg;

	p->calls++;
	source_remove(p->source);
	source_remove(p->other);
}

static void test_turn_hooks(void **state)
{
	struct probe a = { 0 }, b = { 0 }, nest = { .nest = true }, timer = { .stop_at = 1 };

	a.source = loop_add_turn(loop, on_turn_remove, &a);
	a.other = b.source = loop_add_turn(loop, on_turn, &b);
	assert_false(loop_has_work(loop));
	assert_int_equal(step(0), 0);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);		/* removed before its turn */
	step(0);
	assert_int_equal(a.calls, 1);
	/* a hook may run nested turns, and is not run in them */
	nest.source = loop_add_turn(loop, on_turn, &nest);
	timer.source = loop_add_timer(loop, 20 * MS, 0, on_timer, &timer, &err);
	step(0);
	assert_int_equal(nest.calls, 1);
	assert_int_equal(timer.calls, 1);
}

/* sources that come and go within one long nested run do not pile up */
struct churn {
	int left;
	size_t most;
};

static size_t listed(enum source_kind kind)
{
	const struct source *s;
	size_t n = 0;

	for (s = loop->first[kind]; s; s = s->next)
		n++;
	return n;
}

static void on_churn(void *arg, uint64_t missed)
{
	struct churn *c = arg;

	if (listed(SOURCE_TIMER) > c->most)
		c->most = listed(SOURCE_TIMER);
	if (--c->left)
		assert_non_null(loop_add_timer(loop, 0, 0, on_churn, c, &err));
	else
		loop_stop(loop);
}

static void test_churn(void **state)
{
	struct probe outer = { .nest = true, .stop_at = 1 };
	struct churn c = { 1000, 0 };

	outer.source = loop_add_timer(loop, 0, 0, on_timer, &outer, &err);
	loop_add_timer(loop, MS, 0, on_churn, &c, &err);
	assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(c.left, 0);
	assert_true(c.most <= 3);
}

static void test_signals(void **state)
{
	struct probe a = { 0 }, b = { 0 }, other = { 0 };

	a.source = loop_add_signal(loop, SIGUSR1, on_signal, &a, &err);
	b.source = loop_add_signal(loop, SIGUSR1, on_signal, &b, &err);
	other.source = loop_add_signal(loop, SIGUSR2, on_signal, &other, &err);
	assert_true(a.source && b.source && other.source);
	assert_false(loop_has_work(loop));
	kill(getpid(), SIGUSR1);
	assert_int_equal(step(1000), 2);
	assert_int_equal(a.calls + b.calls, 2);
	assert_int_equal(a.status, SIGUSR1);
	assert_int_equal(other.calls, 0);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	while (other.calls == 0 || b.calls < 2)
		assert_true(step(1000) > 0);
	assert_int_equal(other.status, SIGUSR2);
	/* removed while it is delivered */
	a.remove_other = true;
	a.other = b.source;
	kill(getpid(), SIGUSR1);
	assert_int_equal(step(1000), 1);
	assert_int_equal(b.calls, 2);
	/* nobody watches: still blocked, does not kill us */
	source_remove(a.source);
	kill(getpid(), SIGUSR1);
	assert_int_equal(step(1000), 0);
	assert_null(loop_add_signal(loop, SIGKILL, on_signal, &a, &err));
	assert_int_equal(err.sys, EINVAL);
	assert_null(loop_add_signal(loop, 1000, on_signal, &a, &err));
}

/* a signal that was blocked before is so behind the loop, too */
static void test_mask(void **state)
{
	struct probe p = { 0 };
	sigset_t set, now;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p.source = loop_add_signal(loop, SIGUSR1, on_signal, &p, &err);
	loop_add_signal(loop, SIGUSR2, on_signal, &p, &err);
	sigprocmask(SIG_SETMASK, NULL, &now);
	assert_true(sigismember(&now, SIGUSR1) && sigismember(&now, SIGUSR2));
	loop_free(loop);
	loop = NULL;
	sigprocmask(SIG_SETMASK, NULL, &now);
	assert_true(sigismember(&now, SIGUSR1));
	assert_false(sigismember(&now, SIGUSR2));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* Ctrl-C twice: the second comes while the callback of the first waits */
static void on_signal_nest(void *arg, int signo)
{
	struct probe *p = arg;

	if (++p->calls == 1) {
		kill(getpid(), SIGUSR1);
		assert_int_equal(loop_run(loop, &err), 0);
		assert_int_equal(p->calls, 1);
	}
}

static void test_signal_nested(void **state)
{
	struct probe p = { 0 }, timer = { .stop_at = 1 };

	p.source = loop_add_signal(loop, SIGUSR1, on_signal_nest, &p, &err);
	timer.source = loop_add_timer(loop, 20 * MS, 0, on_timer, &timer, &err);
	kill(getpid(), SIGUSR1);
	while (timer.calls == 0)
		step(1000);
	assert_int_equal(p.calls, 2);
}

static pid_t spawn(int ms, int status, int signo)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	usleep(ms * 1000);
	if (signo) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		kill(getpid(), signo);
	}
	_exit(status);
}

static void watch(struct probe *p, pid_t pid)
{
	p->source = loop_add_child(loop, pid, on_child, p, &err);
	if (!p->source)
		fail_msg("%s", err.text);
}

static void run_children(void)
{
	struct probe a = { 0 }, b = { 0 }, c = { 0 }, sig = { 0 };
	int other_status;
	pid_t pids[3], other;
	siginfo_t info;

	/* has ended before it is watched */
	pids[0] = spawn(0, 7, 0);
	assert_int_equal(waitid(P_PID, pids[0], &info, WEXITED | WNOWAIT), 0);
	watch(&a, pids[0]);
	assert_true(loop_has_work(loop));
	assert_int_equal(step(1000), 1);
	assert_int_equal(a.pid, pids[0]);
	assert_true(WIFEXITED(a.status) && WEXITSTATUS(a.status) == 7);
	assert_false(loop_has_work(loop));
	assert_int_equal(waitpid(pids[0], NULL, 0), -1);

	/* several at once; one that is not ours to reap; SIGCHLD for others */
	sig.source = loop_add_signal(loop, SIGCHLD, on_signal, &sig, &err);
	pids[1] = spawn(30, 0, SIGTERM);
	pids[2] = spawn(30, 255, 0);
	other = spawn(0, 3, 0);
	a.calls = 0;
	watch(&b, pids[1]);
	watch(&c, pids[2]);
	while (b.calls + c.calls < 2)
		step(1000);
	assert_true(WIFSIGNALED(b.status) && WTERMSIG(b.status) == SIGTERM);
	assert_true(WIFEXITED(c.status) && WEXITSTATUS(c.status) == 255);
	assert_true(sig.calls >= 1);
	source_remove(sig.source);
	assert_int_equal(a.calls, 0);
	assert_int_equal(waitpid(other, &other_status, 0), other);
	assert_int_equal(WEXITSTATUS(other_status), 3);
	assert_false(loop_has_work(loop));
}

/* one child's callback waits in a nested run for the end of another */
/* ends the second child once the first one's callback has begun */
struct ending {
	const struct probe *first;
	pid_t second;
};

static void end_second(void *arg, uint64_t missed)
{
	struct ending *e = arg;

	if (e->first->pid)
		kill(e->second, SIGTERM);
}

static void run_children_nested(void)
{
	struct probe a = { .nest = true }, b = { .stop_at = 1 }, gone = { 0 }, lost = { 0 };
	struct ending ending = { &a, spawn(60 * 1000, 2, 0) };
	struct source *timer;
	pid_t pid;

	watch(&a, spawn(0, 1, 0));
	watch(&b, ending.second);
	timer = loop_add_timer(loop, 10 * 1000 * 1000, 10 * 1000 * 1000, end_second, &ending, &err);
	while (a.calls == 0)
		step(1000);
	source_remove(timer);
	assert_int_equal(WEXITSTATUS(a.status), 1);
	assert_int_equal(b.calls, 1);
	assert_int_equal(WTERMSIG(b.status), SIGTERM);
	/* removed before its end: not reaped by the loop */
	pid = spawn(20, 4, 0);
	watch(&gone, pid);
	source_remove(gone.source);
	usleep(40000);
	step(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(gone.calls, 0);
	/* reaped by somebody else */
	pid = spawn(20, 4, 0);
	watch(&lost, pid);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	while (lost.calls == 0)
		step(1000);
	assert_int_equal(lost.status, -1);
	assert_null(loop_add_child(loop, pid, on_child, &lost, &err));
	assert_int_equal(err.sys, ECHILD);
}

static void test_children(void **state)
{
	if (child_watch_pick() != &child_watch_pidfd) {
		fprintf(stderr, "skip: this kernel has no pidfd_open\n");
		skip();
	}
	loop->child_watch = &child_watch_pidfd;
	run_children();
	run_children_nested();
	assert_null(loop->sigchld);
}

static void test_children_sigchld(void **state)
{
	loop->child_watch = &child_watch_sigchld;
	run_children();
	run_children_nested();
	assert_non_null(loop->sigchld);
}

/* without descriptors left each function fails whole */
static void test_limit(void **state)
{
	struct rlimit old, none;
	struct probe p = { 0 };
	int fd = dup(0);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_null(loop_add_timer(loop, 0, 0, on_timer, &p, &err));
	assert_int_equal(err.sys, EMFILE);
	assert_string_equal(err.tag, "E-LIMIT");
	assert_null(loop_add_signal(loop, SIGUSR1, on_signal, &p, &err));
	assert_int_equal(err.sys, EMFILE);
	assert_null(loop_new(&err));
	assert_int_equal(err.sys, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_non_null(loop_add_signal(loop, SIGUSR1, on_signal, &p, &err));
	kill(getpid(), SIGUSR1);
	assert_int_equal(step(1000), 1);
	loop_free(NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fd), T(test_remove_self), T(test_remove_other), T(test_remove_both),
		T(test_nested), T(test_nested_stop), T(test_regular_file), T(test_once),
		T(test_grid), T(test_many_ticks), T(test_turn_hooks), T(test_churn),
		T(test_signals), T(test_mask), T(test_signal_nested), T(test_children),
		T(test_children_sigchld), T(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
