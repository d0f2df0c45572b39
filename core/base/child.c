/* SPDX-License-Identifier: Apache-2.0 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hold.h"
#include "limit.h"

#ifndef SYS_close_range
#define SYS_close_range 436		/* Linux 5.9 */
#endif

enum { CHUNK = 65536 };

/* the ends of the pipes; the child's are used as its 0, 1, 2 and for `failure` */
enum end { IN_READ, IN_WRITE, OUT_READ, OUT_WRITE, ERR_READ, ERR_WRITE, FAIL_READ, FAIL_WRITE,
	ENDS };

enum step { STEP_SETUP, STEP_IDS, STEP_CWD, STEP_EXEC };

/* what the child says instead of executing */
struct failure {
	enum step step;
	int sys;
};

static void close_end(int ends[], enum end e)
{
	if (ends[e] >= 0)
		close(ends[e]);
	ends[e] = -1;
}

static void close_ends(int ends[])
{
	int e;

	for (e = 0; e < ENDS; e++)
		close_end(ends, e);
}

/* above 0, 1 and 2, so that the child can dup2 without losing one */
static int move_up(int *fd)
{
	int moved;

	if (*fd > STDERR_FILENO)
		return 0;
	moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		return -1;
	close(*fd);
	*fd = moved;
	return 0;
}

static int open_ends(int ends[], struct error *err)
{
	int e, sys = 0;

	memset(ends, -1, ENDS * sizeof(ends[0]));
	for (e = 0; e < ENDS && !sys; e += 2) {
		if (pipe2(ends + e, O_CLOEXEC) || move_up(ends + e) || move_up(ends + e + 1))
			sys = errno;
	}
	if (!sys && (fcntl(ends[IN_WRITE], F_SETFL, O_NONBLOCK) ||
			    fcntl(ends[OUT_READ], F_SETFL, O_NONBLOCK) ||
			    fcntl(ends[ERR_READ], F_SETFL, O_NONBLOCK)))
		sys = errno;
	if (sys) {
		close_ends(ends);
		return error_sys(err, "E-LIMIT", sys, "make pipes");
	}
	return 0;
}

/* ---- in the child, between fork and exec ---- */

static void reset_signals(void)
{
	struct sigaction action;
	sigset_t none;
	int signo;

	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	for (signo = 1; signo < NSIG; signo++)
		sigaction(signo, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from(int first)
{
	struct rlimit limit;
	int fd, last = 65536;

	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)last)
		last = limit.rlim_cur;
	for (fd = first; fd < last; fd++)
		close(fd);
}

static int set_up_fds(const struct child_options *o, int ends[])
{
	enum { FAIL = STDERR_FILENO + 1 };

	if (dup2(ends[IN_READ], STDIN_FILENO) < 0 || dup2(ends[OUT_WRITE], STDOUT_FILENO) < 0 ||
		dup2(ends[ERR_WRITE], STDERR_FILENO) < 0)
		return -1;
	if (!o->close_fds)
		return 0;
	if (ends[FAIL_WRITE] != FAIL && dup3(ends[FAIL_WRITE], FAIL, O_CLOEXEC) < 0)
		return -1;
	ends[FAIL_WRITE] = FAIL;
	close_from(FAIL + 1);
	return 0;
}

static int drop_ids(const struct child_options *o)
{
	if (!o->drop)
		return 0;
	return setgroups(0, NULL) || setresgid(o->gid, o->gid, o->gid) ||
		setresuid(o->uid, o->uid, o->uid);
}

/* returns only if it failed, with the step and errno */
static enum step become(char *const *argv, const struct child_options *o, int ends[], pid_t parent)
{
	if (set_up_fds(o, ends))
		return STEP_SETUP;
	if (drop_ids(o))
		return STEP_IDS;
	/* the kernel forgets this when the ids change */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return STEP_SETUP;
	if (getppid() != parent)
		_exit(127);
	if (o->cwd && chdir(o->cwd))
		return STEP_CWD;
	reset_signals();
	limit_restore_files();
	execve(argv[0], argv, o->env ? o->env : environ);
	return STEP_EXEC;
}

static void run_child(char *const *argv, const struct child_options *o, int ends[], pid_t parent)
{
	struct failure f;
	ssize_t n;

	memset(&f, 0, sizeof(f));
	f.step = become(argv, o, ends, parent);
	f.sys = errno;
	n = write(ends[FAIL_WRITE], &f, sizeof(f));
	(void)n;
	_exit(127);
}

/* ---- in the parent ---- */

static int describe_failure(const struct failure *f, const char *path,
	const struct child_options *o, struct error *err)
{
	switch (f->step) {
	case STEP_IDS:
		return error_sys(err, "E-FILE", f->sys, "run '%s': become user %u, group %u", path,
			(unsigned)o->uid, (unsigned)o->gid);
	case STEP_CWD:
		return error_sys(err, "E-FILE", f->sys, "run '%s': enter '%s'", path, o->cwd);
	case STEP_SETUP:
		return error_sys(err, "E-LIMIT", f->sys, "run '%s': set up the process", path);
	case STEP_EXEC:
		break;
	}
	return error_sys(err, "E-FILE", f->sys, "run '%s'", path);
}

static pid_t wait_for(pid_t pid, int *status, int flags)
{
	pid_t got;

	do {
		got = waitpid(pid, status, flags);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* the pid, or -1; the child executes when this returns */
static pid_t start(char *const *argv, const struct child_options *o, int ends[], struct error *err)
{
	struct failure f;
	struct hold hold;
	pid_t parent = getpid(), pid;
	ssize_t n;

	/* no handler of ours may run in the child */
	hold_all(&hold, 0);
	pid = fork();
	if (pid == 0)
		run_child(argv, o, ends, parent);
	hold_end(&hold);
	if (pid < 0)
		return error_sys(err, "E-LIMIT", errno, "run '%s': fork", argv[0]);
	close_end(ends, IN_READ);
	close_end(ends, OUT_WRITE);
	close_end(ends, ERR_WRITE);
	close_end(ends, FAIL_WRITE);
	do {
		n = read(ends[FAIL_READ], &f, sizeof(f));
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(f))
		return pid;
	wait_for(pid, NULL, 0);
	return describe_failure(&f, argv[0], o, err);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* for poll: -1 for ever, 0 when the deadline is over */
static int ms_left(int64_t deadline)
{
	int64_t left;

	if (deadline < 0)
		return -1;
	left = deadline - now_ms();
	return left > 0 ? left : 0;
}

static void feed(int ends[], struct child_options *o)
{
	size_t size = o->input_size < CHUNK ? o->input_size : CHUNK;
	ssize_t n = size ? write(ends[IN_WRITE], o->input, size) : 0;

	if (n > 0) {
		o->input = (const char *)o->input + n;
		o->input_size -= n;
	}
	/* a child that does not read all of its input (EPIPE) may know why */
	if (o->input_size == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(ends, IN_WRITE);
}

static void drain(int ends[], enum end e, struct buf *to, size_t limit, bool *cut)
{
	char chunk[CHUNK];
	ssize_t n = read(ends[e], chunk, sizeof(chunk));
	size_t keep;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_end(ends, e);
	if (n <= 0)
		return;
	keep = n;
	if (limit && keep > limit - to->len) {
		keep = limit - to->len;
		*cut = true;
	}
	buf_add(to, chunk, keep);
}

/* until the pipes are closed; false: the deadline came first */
static bool pump(int ends[], struct child_options *o, struct child_result *r, int64_t deadline)
{
	feed(ends, o);
	for (;;) {
		struct pollfd fds[3] = {
			{ ends[IN_WRITE], POLLOUT, 0 },
			{ ends[OUT_READ], POLLIN, 0 },
			{ ends[ERR_READ], POLLIN, 0 },
		};
		int left = ms_left(deadline);

		if (fds[0].fd < 0 && fds[1].fd < 0 && fds[2].fd < 0)
			return true;
		if (left == 0)
			return false;
		if (poll(fds, 3, left) <= 0)
			continue;
		if (fds[0].revents)
			feed(ends, o);
		if (fds[1].revents)
			drain(ends, OUT_READ, &r->out, o->out_limit, &r->out_cut);
		if (fds[2].revents)
			drain(ends, ERR_READ, &r->err, o->err_limit, &r->err_cut);
	}
}

/*
 * A child that closed its output is about to end, as a rule: asking again
 * after short sleeps costs nothing, and works without pidfd and without
 * touching a SIGCHLD that others wait for.
 */
static pid_t reap(pid_t pid, int64_t deadline, struct child_result *r)
{
	struct timespec pause = { 0, 100000 };
	pid_t got;

	if (deadline < 0)
		return wait_for(pid, &r->status, 0);
	while ((got = wait_for(pid, &r->status, WNOHANG)) == 0) {
		if (ms_left(deadline) == 0) {
			r->timed_out = true;
			kill(pid, SIGKILL);
			return wait_for(pid, &r->status, 0);
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 10000000)
			pause.tv_nsec *= 2;
	}
	return got;
}

/* with SIGCHLD ignored, as a parent may leave it to us, no status is kept */
static void keep_status(struct sigaction *old)
{
	struct sigaction action;

	sigaction(SIGCHLD, NULL, old);
	if (old->sa_handler != SIG_IGN && !(old->sa_flags & SA_NOCLDWAIT))
		return;
	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, NULL);
}

static int run(char *const *argv, struct child_options *o, int ends[], struct child_result *ret,
	struct error *err)
{
	int64_t deadline = o->timeout_ms > 0 ? now_ms() + o->timeout_ms : -1;
	pid_t pid = start(argv, o, ends, err);
	struct hold hold;

	if (pid < 0)
		return -1;
	hold_one(&hold, SIGPIPE);
	if (!pump(ends, o, ret, deadline))
		deadline = 0;
	hold_end(&hold);
	if (reap(pid, deadline, ret) != pid)
		return error_sys(err, "E-FILE", errno, "wait for '%s'", argv[0]);
	return 0;
}

int child_run(char *const *argv, const struct child_options *options, struct child_result *ret,
	struct error *err)
{
	struct child_options o;
	struct sigaction old;
	int ends[ENDS], rc;

	memset(&o, 0, sizeof(o));
	if (options)
		o = *options;
	memset(ret, 0, sizeof(*ret));
	buf_init(&ret->out);
	buf_init(&ret->err);
	if (open_ends(ends, err))
		return -1;
	keep_status(&old);
	rc = run(argv, &o, ends, ret, err);
	sigaction(SIGCHLD, &old, NULL);
	close_ends(ends);
	return rc;
}

void child_result_release(struct child_result *r)
{
	buf_release(&r->out);
	buf_release(&r->err);
}

void child_describe(int status, struct buf *out)
{
	if (WIFSIGNALED(status))
		buf_addf(out, "killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		buf_addf(out, "exit status %d", WEXITSTATUS(status));
}
