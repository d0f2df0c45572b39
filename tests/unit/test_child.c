/* SPDX-License-Identifier: Apache-2.0 */
/* core/base: children. */
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/detach.h"
#include "base/mem.h"
#include "fds.h"

static struct child_result result;
static struct error err;

/* 0 or -1 as child_run; leaves no child behind */
static int run_argv(const char *const *argv, const struct child_options *o)
{
	int ret;

	child_result_release(&result);
	ret = child_run((char *const *)argv, o, &result, &err);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return ret;
}

/* a line of shell; it must have run */
static void sh(const char *line, const struct child_options *o)
{
	const char *argv[] = { "/bin/sh", "-c", line, NULL };

	if (run_argv(argv, o) != 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	memset(&result, 0, sizeof(result));
	buf_init(&result.out);
	buf_init(&result.err);
	return fds_setup(state);
}

static int teardown(void **state)
{
	child_result_release(&result);
	error_clear(&err);
	return fds_teardown(state);
}

static void test_output(void **state)
{
	const struct child_options o = { .input = "some\ntext\n", .input_size = 10 };

	sh("cat; echo bad >&2; exit 3", &o);
	assert_string_equal(result.out.data, "some\ntext\n");
	assert_string_equal(result.err.data, "bad\n");
	assert_true(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 3);
	assert_false(result.timed_out || result.out_cut || result.err_cut);
	sh("cat", NULL);
	assert_int_equal(result.out.len, 0);
	assert_int_equal(result.status, 0);
}

static void test_describe(void **state)
{
	struct buf b = BUF_INIT;

	sh("exit 3", NULL);
	child_describe(result.status, &b);
	assert_string_equal(b.data, "exit status 3");
	buf_clear(&b);
	sh("kill -TERM $$", NULL);
	child_describe(result.status, &b);
	assert_string_equal(b.data, "killed by signal 15 (Terminated)");
	buf_release(&b);
}

/* both directions at once, far beyond what pipes hold */
static void test_megabytes(void **state)
{
	enum { SIZE = 8 << 20 };
	char *data = mem_alloc(SIZE);
	const struct child_options o = { .input = data, .input_size = SIZE, .timeout_ms = 60000 };
	size_t i;

	for (i = 0; i < SIZE; i++)
		data[i] = i * 7 ^ i >> 11;
	sh("tee /dev/stderr", &o);
	assert_int_equal(result.out.len, SIZE);
	assert_int_equal(result.err.len, SIZE);
	assert_memory_equal(result.out.data, data, SIZE);
	assert_memory_equal(result.err.data, data, SIZE);
	/* written before anything is read, and not read at all */
	sh("head -c 3000000 /dev/zero; cat >/dev/null", &o);
	assert_int_equal(result.out.len, 3000000);
	sh("exec <&-; echo done", &o);
	assert_string_equal(result.out.data, "done\n");
	assert_int_equal(result.status, 0);
	free(data);
}

static void test_limits(void **state)
{
	const struct child_options o = { .out_limit = 100000, .err_limit = 5 };

	sh("head -c 1000000 /dev/zero; echo 12345678 >&2; exit 7", &o);
	assert_int_equal(result.out.len, 100000);
	assert_true(result.out_cut && result.err_cut);
	assert_string_equal(result.err.data, "12345");
	assert_int_equal(WEXITSTATUS(result.status), 7);
	sh("head -c 100000 /dev/zero; printf 12345 >&2", &o);
	assert_int_equal(result.out.len, 100000);
	assert_false(result.out_cut || result.err_cut);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void test_timeout(void **state)
{
	static const char *const lines[] = {
		"echo first; exec sleep 100",
		"exec sleep 100 >&- 2>&-",		/* seen by reap, not by poll */
		"trap '' TERM INT HUP; exec sleep 100",
		"sleep 4 & exec sleep 100",		/* a grandchild holds the pipes */
	};
	const struct child_options o = { .timeout_ms = 500 }, patient = { .timeout_ms = 60000 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		double start = seconds();

		sh(lines[i], &o);
		assert_true(result.timed_out);
		assert_true(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL);
		assert_true(seconds() - start >= 0.49 && seconds() - start < 3.5);
		assert_string_equal(result.out.data, i == 0 ? "first\n" : "");
	}
	sh("exec >&- 2>&-; sleep 0.1; exit 9", &patient);
	assert_false(result.timed_out);
	assert_int_equal(WEXITSTATUS(result.status), 9);
}

static void test_no_exec(void **state)
{
	static const struct {
		const char *path;
		int sys;
		const char *text;
	} rows[] = {
		{ "/no/such/file", ENOENT, "run '/no/such/file': No such file or directory" },
		{ "sh", ENOENT, "run 'sh': No such file or directory" },
		{ "/etc", EACCES, "run '/etc': Permission denied" },
		{ "/etc/passwd", EACCES, "run '/etc/passwd': Permission denied" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *argv[] = { rows[i].path, NULL };

		assert_int_equal(run_argv(argv, NULL), -1);
		assert_string_equal(err.tag, "E-FILE");
		assert_string_equal(err.text, rows[i].text);
		assert_int_equal(err.sys, rows[i].sys);
		assert_int_equal(result.out.len + result.err.len, 0);
	}
}

static void test_cwd_env(void **state)
{
	static char *const env[] = { (char *)"A=1", (char *)"B=two words", NULL };
	const struct child_options o = { .cwd = "/usr/bin", .env = env };
	const struct child_options bad = { .cwd = "/no/such" };
	const char *argv[] = { "./env", NULL };

	assert_int_equal(run_argv(argv, &o), 0);
	assert_string_equal(result.out.data, "A=1\nB=two words\n");
	sh("pwd", &o);
	assert_string_equal(result.out.data, "/usr/bin\n");
	assert_int_equal(run_argv(argv, &bad), -1);
	assert_string_equal(err.text,
		"run './env': enter '/no/such': No such file or directory");
}

static void test_fds(void **state)
{
	const struct child_options close_fds = { .close_fds = true };
	int fd = open("/dev/null", O_RDONLY), high = fcntl(fd, F_DUPFD, 700);

	sh("[ -e /proc/$$/fd/700 ] && echo kept; exit 0", NULL);
	assert_string_equal(result.out.data, "kept\n");
	/* ls itself holds the directory */
	sh("exec ls /proc/self/fd", &close_fds);
	assert_string_equal(result.out.data, "0\n1\n2\n3\n");
	close(fd);
	close(high);
	/* reported all the same */
	{
		const char *argv[] = { "/no/such/file", NULL };

		assert_int_equal(run_argv(argv, &close_fds), -1);
		assert_int_equal(err.sys, ENOENT);
	}
}

/* with our own 0, 1 and 2 closed, the pipes get these numbers */
static void test_no_stdio(void **state)
{
	const struct child_options o = { .input = "in", .input_size = 2 };
	int saved[3], i;

	for (i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		close(i);
	}
	sh("cat; printf err >&2", &o);
	for (i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	assert_string_equal(result.out.data, "in");
	assert_string_equal(result.err.data, "err");
}

static void on_signal(int signo)
{
}

/* ours are neither inherited nor changed */
static void test_signals(void **state)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, catch = { .sa_handler = on_signal };
	struct sigaction got;
	sigset_t mask, old, now, pending;
	char data[200000] = { 0 };
	const struct child_options o = { .input = data, .input_size = sizeof(data) };

	sigaction(SIGCHLD, &ignore, NULL);
	sigaction(SIGUSR1, &ignore, NULL);
	sigaction(SIGUSR2, &catch, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, &old);

	sh("exec <&-; sed -n '/^Sig[BIC][lg]/p' /proc/self/status", &o);
	assert_string_equal(result.out.data,
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
		"SigCgt:\t0000000000000000\n");
	assert_int_equal(result.status, 0);

	sigaction(SIGCHLD, NULL, &got);
	assert_true(got.sa_handler == SIG_IGN);
	sigprocmask(SIG_SETMASK, &old, &now);
	assert_true(sigismember(&now, SIGTERM));
	assert_false(sigismember(&now, SIGPIPE));
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
	signal(SIGCHLD, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGUSR2, SIG_DFL);
}

/* the child dies with us: a process in between runs child_run and is killed */
static void test_parent_dies(void **state)
{
	int life[2], n;
	char c;
	pid_t pid;

	assert_int_equal(pipe(life), 0);
	pid = fork();
	if (pid == 0) {
		const char *line = "printf x >&$0; exec sleep 100";
		const char *argv[] = { "/bin/sh", "-c", line, NULL, NULL };
		char fd[16];

		close(life[0]);
		snprintf(fd, sizeof(fd), "%d", life[1]);
		argv[3] = fd;
		child_run((char *const *)argv, NULL, &result, &err);
		_exit(0);
	}
	close(life[1]);
	assert_int_equal(read(life[0], &c, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* the end of the file: the sleep, the last one that holds it, is gone */
	n = read(life[0], &c, 1);
	assert_int_equal(n, 0);
	close(life[0]);
}

static void test_drop(void **state)
{
	const struct child_options o = { .drop = true, .uid = 65534, .gid = 65533 };
	const char *argv[] = { "/bin/true", NULL };

	if (geteuid() != 0) {
		assert_int_equal(run_argv(argv, &o), -1);
		assert_string_equal(err.text, "run '/bin/true': become user 65534, group 65533: "
					      "Operation not permitted");
		return;
	}
	sh("id -u; id -g; grep -E '^(Groups|CapEff)' /proc/self/status", &o);
	assert_string_equal(result.out.data,
		"65534\n65533\nGroups:\t \nCapEff:\t0000000000000000\n");
}

/* what it is called, for ps and for pkill -f */
static void tell_names(void *arg, int parent)
{
	static const char *const files[] = { "/proc/self/comm", "/proc/self/cmdline" };
	char text[4096];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open(files[i], O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, text, sizeof(text));

		if (n > 0 && write(parent, text, n) != n)
			_exit(1);
		close(fd);
	}
}

static void test_detached_names(void **state)
{
	static const char want[] = "mt-test\nmt-test";
	char text[8192] = "";
	size_t n = 0, i;
	ssize_t got;
	int fd;

	if (getenv("MESON_EXE_WRAPPER"))
		skip();		/* the command line is an emulator's */
	fd = detach_start("mt-test", NULL, 0, tell_names, NULL);
	assert_true(fd >= 0);
	while ((got = read(fd, text + n, sizeof(text) - n)) > 0)
		n += got;
	close(fd);
	assert_true(n >= sizeof(want));
	assert_string_equal(text, want);
	for (i = strlen(want); i < n; i++)
		assert_int_equal(text[i], 0);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_output),	  T(test_describe),    T(test_megabytes), T(test_limits),
		T(test_timeout),  T(test_no_exec),     T(test_cwd_env),	  T(test_fds),
		T(test_no_stdio), T(test_signals),     T(test_parent_dies), T(test_drop),
		T(test_detached_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
