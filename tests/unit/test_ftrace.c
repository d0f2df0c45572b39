/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a directory that looks like tracefs, and their guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "load/ftrace.h"

static char root[64];

static void put(const char *file, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void assert_content(const char *file, const char *text)
{
	char path[256], now[256] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, file);
	f = fopen(path, "r");
	assert_non_null(f);
	now[fread(now, 1, sizeof(now) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(now, text);
}

static void make(const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, dir);
	assert_int_equal(mkdir(path, 0755), 0);
}

static bool is_there(const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, file);
	return access(path, F_OK) == 0;
}

#define STATS "entries: %d\noverrun: %d\ncommit overrun: 0\nbytes: 1\ndropped events: %d\n"

static void put_stats(int entries, int overrun, int dropped)
{
	char text[256];

	snprintf(text, sizeof(text), STATS, entries, overrun, dropped);
	put("per_cpu/cpu0/stats", text);
}

static int setup(void **state)
{
	strcpy(root, "/tmp/moontrace-test-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	make("instances");
	make("options");
	make("per_cpu");
	make("per_cpu/cpu0");
	put_stats(0, 0, 0);
	put("available_tracers", "function_graph function nop\n");
	put("current_tracer", "nop\n");
	put("tracing_on", "1\n");
	put("trace", "# tracer: nop\n");
	put("set_event", "");
	put("set_graph_function", "#### all functions enabled ####\n");
	put("set_ftrace_pid", "no pid\n");
	put("max_graph_depth", "0\n");
	put("trace_clock", "[local] global counter\n");
	put("buffer_size_kb", "7 (expanded: 1408)\n");
	put("options/funcgraph-proc", "0\n");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct ftrace *must_open(bool instance)
{
	struct ftrace_options opts = { .root = root, .instance = instance };
	struct error err = ERROR_INIT;
	struct ftrace *f = ftrace_open(&opts, &err);

	if (!f)
		fail_msg("%s", err.text);
	return f;
}

static void must_set(struct ftrace *f, const char *file, const char *value)
{
	struct error err = ERROR_INIT;

	if (ftrace_set(f, file, value, &err))
		fail_msg("%s", err.text);
}

static void must_close(struct ftrace *f)
{
	struct error err = ERROR_INIT;

	if (ftrace_close(f, &err))
		fail_msg("%s", err.text);
}

static void assert_error(struct error *err, const char *tag, const char *text)
{
	assert_non_null(err->tag);
	assert_string_equal(err->tag, tag);
	if (!strstr(err->text, text))
		fail_msg("'%s' is not in '%s'", text, err->text);
	error_clear(err);
}

/* ---- values ---- */

static void test_values(void **state)
{
	static const struct { const char *file, *text, *value; } rows[] = {
		{ "set_graph_function", "#### all functions enabled ####\n", "" },
		{ "set_graph_function", "vfs_read\nip_rcv [ip_vs]\n", "vfs_read\nip_rcv" },
		{ "set_ftrace_pid", "no pid\n", "" },
		{ "set_ftrace_pid", "1\n22\n", "1\n22" },
		{ "trace_clock", "local global [mono] boot\n", "mono" },
		{ "buffer_size_kb", "7 (expanded: 1408)\n", "1408" },
		{ "buffer_size_kb", "1408\n", "1408" },
		{ "max_graph_depth", "3\n", "3" },
		{ "tracing_cpumask", "3,ffffffff\n", "3,ffffffff" },
	};
	struct error err = ERROR_INIT;
	struct ftrace *f = must_open(false);
	struct buf value = BUF_INIT;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		put(rows[i].file, rows[i].text);
		buf_clear(&value);
		assert_int_equal(ftrace_get(f, rows[i].file, &value, &err), 0);
		assert_string_equal(value.data, rows[i].value);
	}
	put("buffer_size_kb", "X\n");
	assert_int_equal(ftrace_get(f, "buffer_size_kb", &value, &err), -1);
	assert_error(&err, "E-TRACEFS", "no value that could be put back");
	assert_int_equal(ftrace_get(f, "trace_marker", &value, &err), -1);
	assert_error(&err, "E-ARGS", "no setting");
	assert_int_equal(ftrace_get(f, "options/../trace", &value, &err), -1);
	assert_error(&err, "E-ARGS", "no setting");
	assert_int_equal(ftrace_get(f, "options/other", &value, &err), -1);
	assert_error(&err, "E-FEATURE", "no such file");
	buf_release(&value);
	must_close(f);
}

/* ---- putting back ---- */

static void change_all(struct ftrace *f)
{
	must_set(f, "tracing_on", "0");
	must_set(f, "set_graph_function", "vfs_read vfs_write");
	must_set(f, "set_ftrace_pid", "1 22");
	must_set(f, "max_graph_depth", "3");
	must_set(f, "max_graph_depth", "5");
	must_set(f, "current_tracer", "function_graph");
	must_set(f, "options/funcgraph-proc", "1");
	must_set(f, "trace_clock", "global");
	put("trace", "what was traced\n");
	assert_content("set_graph_function", "vfs_read\nvfs_write\n");
	assert_content("set_ftrace_pid", "1\n22\n");
	assert_content("max_graph_depth", "5\n");
}

static void assert_as_before(void)
{
	assert_content("tracing_on", "1\n");
	assert_content("set_graph_function", "");
	assert_content("set_ftrace_pid", "");
	assert_content("max_graph_depth", "0\n");
	assert_content("current_tracer", "nop\n");
	assert_content("options/funcgraph-proc", "0\n");
	assert_content("trace_clock", "local\n");
	assert_content("trace", "");
}

static void test_close(void **state)
{
	struct ftrace *f = must_open(false);

	change_all(f);
	must_close(f);
	assert_as_before();
}

/* in a child: changes things, says so, and waits for its death */
static pid_t start_victim(bool instance)
{
	int ready[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct ftrace *f = must_open(instance);

		if (!instance)
			change_all(f);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return pid;
}

static void kill_victim(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_killed(void **state)
{
	kill_victim(start_victim(false));
	/* the lock is the guard's: this waits until it has ended */
	must_close(must_open(false));
	assert_as_before();
}

static void test_not_put_back(void **state)
{
	struct ftrace *f = must_open(false);
	struct error err = ERROR_INIT;
	char path[256];

	must_set(f, "max_graph_depth", "3");
	must_set(f, "tracing_on", "0");
	snprintf(path, sizeof(path), "%s/max_graph_depth", root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftrace_close(f, &err), -1);
	assert_error(&err, "E-TRACEFS", "not put back");
	assert_content("tracing_on", "1\n");
}

/* ---- whose it is ---- */

static void assert_busy(const char *text)
{
	struct ftrace_options opts = { .root = root };
	struct error err = ERROR_INIT;

	assert_null(ftrace_open(&opts, &err));
	assert_error(&err, "E-BUSY", text);
}

static void test_busy(void **state)
{
	put("current_tracer", "function\n");
	assert_busy("current_tracer is 'function'");
	assert_content("current_tracer", "function\n");
	put("current_tracer", "nop\n");
	put("set_event", "sched:sched_switch\n");
	assert_busy("events are on");
	put("set_event", "");
	put("set_ftrace_pid", "1\n");
	assert_busy("set_ftrace_pid is '1'");
	put("set_ftrace_pid", "no pid\n");
	put_stats(3, 0, 0);
	assert_busy("3 records");
	assert_content("trace", "# tracer: nop\n");
}

static void test_force(void **state)
{
	struct ftrace_options opts = { .root = root, .force = true };
	struct error err = ERROR_INIT;
	struct ftrace *f;

	put_stats(3, 0, 0);
	f = ftrace_open(&opts, &err);
	assert_non_null(f);
	must_close(f);
	put("current_tracer", "function\n");
	assert_null(ftrace_open(&opts, &err));
	assert_error(&err, "E-BUSY", "in use");
}

static void test_two(void **state)
{
	pid_t pid = start_victim(false);
	struct ftrace_options opts = { .root = root, .force = true };
	struct error err = ERROR_INIT;

	assert_null(ftrace_open(&opts, &err));
	assert_error(&err, "E-BUSY", "another moontrace");
	kill_victim(pid);
	must_close(must_open(false));
}

/* ---- refusals ---- */

static void test_refused(void **state)
{
	struct ftrace *f = must_open(false);
	struct error err = ERROR_INIT;

	assert_int_equal(ftrace_set(f, "current_tracer", "wakeup", &err), 0);
	/* the fake took it; the word list shows what the kernel's own check would */
	assert_int_equal(ftrace_set(f, "set_graph_function", "#none", &err), -1);
	assert_error(&err, "E-TRACEFS", "set_graph_function");
	assert_int_equal(ftrace_set(f, "nothing", "1", &err), -1);
	assert_error(&err, "E-ARGS", "no setting");
	must_close(f);
	assert_content("current_tracer", "nop\n");
}

/* ---- instances ---- */

static void test_instance(void **state)
{
	struct ftrace *f = must_open(true), *second = must_open(true);
	struct error err = ERROR_INIT;
	char *name = mem_string(ftrace_path(f) + strlen(root) + 1), *other, expected[64];

	other = mem_string(ftrace_path(second) + strlen(root) + 1);
	snprintf(expected, sizeof(expected), "instances/moontrace-%d", (int)getpid());
	assert_string_equal(name, expected);
	assert_true(is_there(name) && is_there(other));
	assert_int_equal(ftrace_set(f, "max_graph_depth", "1", &err), -1);
	assert_error(&err, "E-FEATURE", "for an instance");
	must_close(f);
	must_close(second);
	assert_false(is_there(name) || is_there(other));
	free(name);
	free(other);
}

static void test_killed_instance(void **state)
{
	pid_t pid = start_victim(true);
	char name[64];
	int tries;

	snprintf(name, sizeof(name), "instances/moontrace-%d", (int)pid);
	assert_true(is_there(name));
	kill_victim(pid);
	for (tries = 0; tries < 500 && is_there(name); tries++)
		usleep(10000);
	assert_false(is_there(name));
}

static void test_stale_instance(void **state)
{
	pid_t pid = fork();
	char name[64];

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(name, sizeof(name), "instances/moontrace-%d", (int)pid);
	make(name);
	make("instances/somebody");
	must_close(must_open(true));
	assert_false(is_there(name));
	assert_true(is_there("instances/somebody"));
}

static struct ftrace *open_graph(struct error *err)
{
	struct ftrace_options opts = { .root = root, .graph = true };

	return ftrace_open(&opts, err);
}

static void assert_graph_busy(const char *text)
{
	struct error err = ERROR_INIT;

	assert_null(open_graph(&err));
	assert_error(&err, "E-BUSY", text);
}

/* what graph tracers share is set at the top, whose own tracer goes on */
static void test_graph_instance(void **state)
{
	struct error err = ERROR_INIT;
	struct ftrace *f;
	char *name;

	put("current_tracer", "function\n");
	put("set_event", "sched:sched_switch\n");
	put("set_ftrace_pid", "1\n");
	put_stats(3, 0, 0);
	f = open_graph(&err);
	assert_non_null(f);
	name = mem_string(ftrace_path(f) + strlen(root) + 1);
	assert_int_equal(ftrace_set(f, "set_graph_function", "vfs_read", &err), 0);
	assert_int_equal(ftrace_set(f, "max_graph_depth", "2", &err), 0);
	assert_content("set_graph_function", "vfs_read\n");
	assert_content("max_graph_depth", "2\n");
	assert_int_equal(ftrace_set(f, "set_ftrace_pid", "2", &err), -1);
	assert_error(&err, "E-FEATURE", "for an instance");
	assert_int_equal(ftrace_set(f, "../../set_ftrace_pid", "2", &err), -1);
	assert_error(&err, "E-ARGS", "no setting");
	assert_graph_busy("another moontrace");
	must_close(f);
	assert_false(is_there(name));
	assert_content("set_graph_function", "");
	assert_content("max_graph_depth", "0\n");
	assert_content("current_tracer", "function\n");
	assert_content("trace", "# tracer: nop\n");
	free(name);
}

static void test_graph_busy(void **state)
{
	struct error err = ERROR_INIT;

	put("max_graph_depth", "3\n");
	assert_graph_busy("a depth is set");
	put("max_graph_depth", "0\n");
	put("current_tracer", "irqsoff\n");
	assert_graph_busy("current_tracer is 'irqsoff'");
	put("current_tracer", "nop\n");
	make("instances/somebody");
	put("instances/somebody/current_tracer", "function_graph\n");
	assert_graph_busy("current_tracer is 'function_graph'");
	put("instances/somebody/current_tracer", "nop\n");
	must_close(open_graph(&err));
}

/* ---- the buffer ---- */

static void test_read(void **state)
{
	struct error err = ERROR_INIT;
	struct ftrace_losses lost;
	struct ftrace *f;
	struct buf text = BUF_INIT;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/trace_pipe", root);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	put_stats(0, 10, 1);
	f = must_open(false);
	assert_int_equal(ftrace_read(f, 0, &text, &err), 0);
	assert_int_equal(write(fd, "a\nb", 3), 3);
	put_stats(7, 12, 4);
	assert_int_equal(ftrace_read(f, 4096, &text, &err), 0);
	assert_string_equal(text.data, "a\nb");
	ftrace_lost(f, &lost);
	assert_int_equal(lost.overrun, 2);
	assert_int_equal(lost.dropped, 3);
	put_stats(0, 1, 0);
	ftrace_lost(f, &lost);
	assert_int_equal(lost.overrun, 1);
	put_stats(0, 12, 4);
	must_set(f, "current_tracer", "function");
	ftrace_lost(f, &lost);
	assert_int_equal(lost.overrun, 12);
	buf_release(&text);
	close(fd);
	must_close(f);
}

static void put_read(const char *cpu, int entries, int overrun, int read_events)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "per_cpu/%s/stats", cpu);
	snprintf(text, sizeof(text), STATS "read events: %d\n", entries, overrun, 0, read_events);
	put(path, text);
}

/* records are read or overwritten on each CPU by itself, and new ones do not count */
static void test_mark(void **state)
{
	struct ftrace *f;

	make("per_cpu/cpu3");
	put_read("cpu0", 0, 20, 100);
	put_read("cpu3", 0, 0, 0);
	f = must_open(false);
	put_read("cpu0", 10, 20, 100);
	put_read("cpu3", 5, 0, 0);
	ftrace_mark(f);
	assert_false(ftrace_is_read(f));
	put_read("cpu0", 1000, 500, 109);
	assert_false(ftrace_is_read(f));
	put_read("cpu3", 50, 2, 2);
	assert_false(ftrace_is_read(f));
	put_read("cpu3", 49, 2, 3);
	assert_true(ftrace_is_read(f));
	put_read("cpu0", 1000, 20, 109);
	assert_false(ftrace_is_read(f));
	put_read("cpu0", 1000, 20, 110);
	assert_true(ftrace_is_read(f));
	must_close(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_close),
		TEST(test_killed),
		TEST(test_not_put_back),
		TEST(test_busy),
		TEST(test_force),
		TEST(test_two),
		TEST(test_refused),
		TEST(test_instance),
		TEST(test_killed_instance),
		TEST(test_stale_instance),
		TEST(test_graph_instance),
		TEST(test_graph_busy),
		TEST(test_mark),
		TEST(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
