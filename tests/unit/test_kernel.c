/* SPDX-License-Identifier: Apache-2.0 */
/* core/kernel: facts about the kernel this runs on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "kernel/feature.h"
#include "kernel/kernel.h"

static void test_version(void **state)
{
	uint32_t code = kernel_version_code();
	unsigned major, minor;
	struct utsname uts;

	assert_int_equal(uname(&uts), 0);
	assert_string_equal(kernel_release(), uts.release);
	assert_string_equal(kernel_machine(), uts.machine);
	assert_int_equal(sscanf(uts.release, "%u.%u", &major, &minor), 2);
	assert_int_equal(code >> 16, major);
	assert_int_equal(code >> 8 & 255, minor);
}

static void test_cpus(void **state)
{
	static const struct {
		const char *list;
		int n;			/* -1: an error */
		unsigned last;
	} rows[] = {
		{ "0", 1, 0 }, { "0-3,7", 5, 7 }, { "7,0-3", 5, 7 }, { "1,1,1", 1, 1 },
		{ "0-3\n", 4, 3 }, { "", -1, 0 }, { "3-1", -1, 0 }, { "a", -1, 0 },
		{ "1,", -1, 0 }, { "0-", -1, 0 }, { "99999", -1, 0 }, { "1 2", -1, 0 },
	};
	struct error err = ERROR_INIT;
	unsigned *ids, n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		int bad = kernel_parse_cpus(rows[i].list, &ids, &n, &err);

		assert_int_equal(bad, rows[i].n < 0 ? -1 : 0);
		if (bad) {
			assert_string_equal(err.tag, "E-ARGS");
			error_clear(&err);
			continue;
		}
		assert_int_equal(n, rows[i].n);
		assert_int_equal(ids[n - 1], rows[i].last);
		free(ids);
	}
	n = kernel_online_cpus(&ids);
	assert_int_equal(n, sysconf(_SC_NPROCESSORS_ONLN));
	assert_true(kernel_possible_cpus() >= n);
	free(ids);
}

static bool count_event(void *arg, const char *category, const char *event)
{
	unsigned *n = arg;

	assert_string_equal(category, "irq");
	assert_true(str_starts(event, "softirq_"));
	++*n;
	return true;
}

static void test_tracefs(void **state)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	unsigned n = 0;

	if (!tracefs_path(&err)) {
		print_message("skipped: %s\n", err.text);
		assert_string_equal(err.tag, "E-TRACEFS");
		assert_non_null(err.hint);
		error_clear(&err);
		skip();
	}
	assert_int_equal(tracefs_format("irq", "softirq_entry", &text, &err), 0);
	assert_non_null(strstr(text.data, "name: softirq_entry"));
	assert_true(tracefs_event_id("irq", "softirq_entry", &err) > 0);
	buf_release(&text);
	assert_int_equal(tracefs_events("irq:softirq_*", count_event, &n, &err), 0);
	assert_int_equal(n, 3);

	assert_int_equal(tracefs_event_id("irq", "softirq_enty", &err), -1);
	assert_string_equal(err.tag, "E-PROBE");
	assert_non_null(strstr(err.hint, "'irq:softirq_entry'"));
	assert_int_equal(tracefs_event_id("completely", "softirq_entry", &err), -1);
	assert_string_equal(err.hint, "did you mean 'irq:softirq_entry'?");
	assert_int_equal(tracefs_event_id("..", "irq", &err), -1);
	assert_string_equal(err.tag, "E-PROBE");
	error_clear(&err);
}

static void test_features(void **state)
{
	const char *reason;
	size_t i;

	for (i = 0; i < FEATURE_COUNT; i++) {
		enum answer answer;

		assert_int_equal(feature_rows[i].id, i);
		assert_non_null(feature_rows[i].probe);
		answer = feature_answer(i, &reason);
		assert_int_not_equal(answer, ANSWER_UNASKED);
		assert_true(answer == ANSWER_YES ? reason == NULL : reason != NULL);
		assert_int_equal(feature_have(i), answer == ANSWER_YES);
		print_message("%-18s %s%s%s\n", feature_rows[i].name,
			answer == ANSWER_YES ? "yes" : answer == ANSWER_NO ? "no" : "unknown",
			reason ? ": " : "", reason ? reason : "");
	}
}

/* what a process without capabilities is told; "unknown", never "no" */
static void test_no_capabilities(void **state)
{
	struct error err = ERROR_INIT;
	int pipe_fds[2], status = 0;
	char answer = 0;
	pid_t pid;

	if (getuid() != 0) {
		assert_int_equal(kernel_may_trace(&err), -1);
		assert_string_equal(err.tag, "E-PERM");
		error_clear(&err);
		return;
	}
	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (pid == 0) {
		char say = 'x';

		if (setuid(65534) == 0 && kernel_may_trace(&err) == -1 &&
			strstr(err.text, "CAP_") && err.hint)
			say = 'y';
		_exit(write(pipe_fds[1], &say, 1) != 1);
	}
	assert_int_equal(read(pipe_fds[0], &answer, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(answer, 'y');
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_tracefs),
		cmocka_unit_test(test_no_capabilities),
		cmocka_unit_test(test_features),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
