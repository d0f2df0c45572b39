/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moontrace-cc: one compile request on stdin, one program object or
 * diagnostics on stdout.
 *
 * Two processes, both unprivileged: the child runs libbcc, which may crash,
 * exit or be killed; the parent waits, cleans up and speaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "compile/build.h"
#include "compile/diagnose.h"
#include "compile/interpose.h"
#include "compile/sandbox.h"
#include "compile/tree.h"
#include "object/request.h"

enum { REQUEST_MAX = 64 << 20 };

static const char usage_text[] =
	"usage: moontrace-cc < REQUEST > OBJECT\n"
	"       moontrace-cc --version\n"
	"\n"
	"Compiles BPF C for moontrace, which starts it by itself; see moontrace-cc(1).\n"
	"\n"
	"  -h, --help     this text\n"
	"      --version  versions of moontrace and of the compiler's libraries\n";

static int fail(struct error *err)
{
	char *text = error_format(err);
	int status = error_status(err);

	fprintf(stderr, "moontrace-cc: %s\n", text);
	free(text);
	error_clear(err);
	return status;
}

/* ---- files and pipes ---- */

static int read_all(int fd, size_t max, struct buf *out, struct error *err)
{
	ssize_t n;

	for (;;) {
		n = read(fd, buf_reserve(out, 65536), 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, "E-FILE", errno, "read");
		if (n == 0)
			return 0;
		out->len += n;
		out->data[out->len] = 0;
		if (out->len > max)
			return error_set(err, "E-REQUEST", "more than %zu bytes", max);
	}
}

static int write_all(int fd, const struct buf *b, struct error *err)
{
	int sys = file_write_all(fd, b->data, b->len);

	return sys ? error_sys(err, "E-FILE", sys, "write") : 0;
}

/* a file that has lost its name: who holds the descriptor writes it, and nobody else */
static int open_in(const char *dir, const char *name, int flags, struct error *err)
{
	char *path = mem_format("%s/%s", dir, name);
	int fd = open(path, flags | O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || unlink(path)) {
		error_sys(err, "E-FILE", errno, "open '%s'", path);
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	free(path);
	return fd;
}

/* ---- one compilation ---- */

struct job {
	struct request req;
	struct tree_list trees;
	struct prepared prepared;
	char *dir;
	int object_fd, output_fd;	/* files of dir: what the child writes */
	sigset_t waited, old;		/* the parent takes these signals itself */
	pid_t child;
	int status;			/* of the child, as of waitpid */
	int signal;			/* that ended the parent's waiting, or 0 */
};

/* the child: never returns */
static void run_child(struct job *job)
{
	struct error err = ERROR_INIT;
	struct buf object = BUF_INIT;
	enum build_result ret = BUILD_FAILED;

	sigprocmask(SIG_SETMASK, &job->old, NULL);
	if (!sandbox_follow_parent(SIGKILL, &err) && dup2(job->output_fd, STDOUT_FILENO) >= 0 &&
	    dup2(job->output_fd, STDERR_FILENO) >= 0)
		ret = build(&job->req, &job->trees, job->dir, &object, &err);
	if (ret == BUILD_OK && write_all(job->object_fd, &object, &err))
		ret = BUILD_FAILED;
	if (ret == BUILD_FAILED) {
		/* only the error, for the parent to pass on */
		if (ftruncate(job->output_fd, 0))
			_exit(STATUS_CANNOT);
		_exit(fail(&err) == STATUS_USAGE ? STATUS_USAGE : STATUS_CANNOT);
	}
	fflush(NULL);
	_exit(ret == BUILD_OK ? STATUS_OK : STATUS_SCRIPT);
}

/* waits for the child; a signal to us ends it first */
static void wait_child(struct job *job)
{
	int sig;

	while (waitpid(job->child, &job->status, WNOHANG) == 0) {
		sig = sigwaitinfo(&job->waited, NULL);
		if (sig < 0 || sig == SIGCHLD)
			continue;
		job->signal = sig;
		kill(job->child, SIGKILL);
		waitpid(job->child, &job->status, 0);
		return;
	}
}

static int start_child(struct job *job, struct error *err)
{
	static const int taken[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	size_t i;

	sigemptyset(&job->waited);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		sigaddset(&job->waited, taken[i]);
	sigprocmask(SIG_BLOCK, &job->waited, &job->old);
	job->dir = sandbox_directory(err);
	if (!job->dir)
		return -1;
	job->object_fd = open_in(job->dir, "object", 0, err);
	if (job->object_fd < 0)
		return -1;
	job->output_fd = open_in(job->dir, "output", O_APPEND, err);
	if (job->output_fd < 0)
		return -1;
	job->child = fork();
	if (job->child < 0)
		return error_sys(err, "E-COMPILER", errno, "fork");
	if (!job->child)
		run_child(job);
	return 0;
}

/* what libbcc printed, as the user's diagnostics */
static int read_diagnostics(struct job *job, struct buf *out, struct error *err)
{
	struct buf raw = BUF_INIT;
	char *stub = mem_format("%s/%s", job->dir, BUILD_STUB);
	int ret = -1;

	if (lseek(job->output_fd, 0, SEEK_SET) < 0)
		error_sys(err, "E-FILE", errno, "read the compiler's output");
	else if (!read_all(job->output_fd, REQUEST_MAX, &raw, err))
		ret = 0;
	if (!ret)
		diagnose_output(out, &job->req, &job->prepared, stub, &job->trees, raw.data);
	free(stub);
	buf_release(&raw);
	return ret;
}

static int child_died(int status, struct error *err)
{
	int sig = WTERMSIG(status);

	if (sig == SIGXCPU || sig == SIGKILL)
		return error_set(err, "E-COMPILER", "the compiler used up its processor time or "
			"memory, or was killed");
	return error_set(err, "E-COMPILER", "the compiler crashed: %s", strsignal(sig));
}

/* the child's result on stdout or stderr. Returns the exit status, or -1 */
static int answer(struct job *job, struct error *err)
{
	struct buf out = BUF_INIT, diag = BUF_INIT;
	int ret = -1;

	if (read_diagnostics(job, &diag, err))
		goto out;
	if (!WIFEXITED(job->status)) {
		write_all(STDERR_FILENO, &diag, err);
		child_died(job->status, err);
		goto out;
	}
	ret = WEXITSTATUS(job->status);
	if (ret == STATUS_SCRIPT && !diag.len)
		diagnose_file(&diag, &job->req, "the compiler gave up without a message");
	if (write_all(ret == STATUS_SCRIPT ? STDOUT_FILENO : STDERR_FILENO, &diag, err)) {
		ret = -1;
	} else if (ret == STATUS_OK) {
		if (lseek(job->object_fd, 0, SEEK_SET) < 0 ||
		    read_all(job->object_fd, (size_t)256 << 20, &out, err) ||
		    write_all(STDOUT_FILENO, &out, err))
			ret = -1;
	}
out:
	buf_release(&out);
	buf_release(&diag);
	return ret;
}

static void release_job(struct job *job)
{
	if (job->object_fd >= 0)
		close(job->object_fd);
	if (job->output_fd >= 0)
		close(job->output_fd);
	if (job->dir)
		sandbox_remove(job->dir);
	free(job->dir);
	prepared_release(&job->prepared);
	tree_close(&job->trees);
	request_release(&job->req);
}

/* the signal that ended us ends us, now that all is removed */
static void die_of(const struct job *job)
{
	signal(job->signal, SIG_DFL);
	sigprocmask(SIG_SETMASK, &job->old, NULL);
	raise(job->signal);
}

static int compile(struct job *job, struct error *err)
{
	struct buf diag = BUF_INIT;
	int ret = -1;

	if (prepare(&job->req, NULL, 0, &job->prepared, &diag)) {
		ret = write_all(STDOUT_FILENO, &diag, err) ? -1 : STATUS_SCRIPT;
	} else if (!start_child(job, err)) {
		wait_child(job);
		if (!job->signal)
			ret = answer(job, err);
	}
	buf_release(&diag);
	return ret;
}

static int read_request(struct request *req, struct error *err)
{
	struct buf in = BUF_INIT;
	size_t used;
	int ret = -1;

	if (!read_all(STDIN_FILENO, REQUEST_MAX, &in, err) &&
	    !request_read(req, in.data, in.len, &used, err)) {
		ret = used == in.len ? 0 :
			error_set(err, "E-REQUEST", "bytes behind the end of the request");
		if (ret)
			request_release(req);
	}
	buf_release(&in);
	return ret;
}

static int run(void)
{
	struct error err = ERROR_INIT;
	struct job job = { .object_fd = -1, .output_fd = -1 };
	int ret, sig;

	/* with the privileges that are still there, only what they are for */
	if (read_request(&job.req, &err))
		return fail(&err);
	tree_open(&job.trees, &job.req);
	if (sandbox_enter(&err) || sandbox_follow_parent(SIGTERM, &err)) {
		release_job(&job);
		return fail(&err);
	}
	ret = compile(&job, &err);
	if (job.signal)
		ret = 128 + job.signal;
	else if (ret < 0)
		ret = fail(&err);
	sig = job.signal;
	release_job(&job);
	if (sig)
		die_of(&job);
	return ret;
}

static int print_version(void)
{
	char *libraries = interpose_versions();

	printf("moontrace-cc %s\n%s", VERSION, libraries);
	free(libraries);
	return fflush(stdout) ? STATUS_CANNOT : STATUS_OK;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return run();
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print_version();
	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
		fputs(usage_text, stdout);
		return fflush(stdout) ? STATUS_CANNOT : STATUS_OK;
	}
	fputs(usage_text, stderr);
	return STATUS_USAGE;
}
