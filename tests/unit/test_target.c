/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel that is compiled for, told by a pack, a profile, or both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "kernel/target.h"

static const char el7_release[] = "3.10.0-1062.el7.x86_64";

static const struct profile *profile_of(const char *name)
{
	struct error err = ERROR_INIT;
	const struct profile *p = profile_find(name, &err);

	assert_non_null(p);
	return p;
}

static struct target *open_target(const char *headers, const char *profile, bool by_headers)
{
	struct target_options opts = {
		.headers = { .path = headers },
		.profile = profile ? profile_of(profile) : NULL,
		.by_headers = by_headers,
	};
	struct error err = ERROR_INIT;
	struct target *t = target_new(&opts, &err);

	if (!t)
		print_error("%s\n", err.text);
	assert_non_null(t);
	return t;
}

static void test_running(void **state)
{
	struct target *t = open_target(NULL, NULL, false);

	assert_true(target_is_running(t));
	assert_true(target_has_formats(t));
	assert_string_equal(target_release(t), kernel_release());
	assert_string_equal(target_name(t), kernel_release());
	assert_int_equal(target_version_code(t), kernel_version_code());
	target_free(t);
}

static void test_profile_alone(void **state)
{
	struct target *t = open_target(NULL, "4.19", false);
	const char *name;
	char *near;

	assert_false(target_is_running(t));
	assert_false(target_has_formats(t));
	assert_string_equal(target_name(t), "4.19");
	assert_string_equal(target_release(t), "4.19.0");
	assert_int_equal(target_version_code(t), 4 << 16 | 19 << 8);
	assert_int_equal(target_function(t, "vfs_read", &name, &near), ANSWER_UNKNOWN);
	assert_null(name);
	assert_null(near);
	assert_int_equal(target_feature(t, FEATURE_RINGBUF, NULL), ANSWER_NO);
	target_free(t);
}

static void test_pack(void **state)
{
	struct target *t = open_target(EL7_FIXTURE, "el7", true);
	struct buf format = BUF_INIT;
	struct error err = ERROR_INIT;
	const char *name;
	char *near;

	assert_string_equal(target_release(t), el7_release);
	assert_string_equal(target_machine(t), "x86_64");
	assert_int_equal(target_version_code(t), 3 << 16 | 10 << 8);
	assert_true(target_headers_match(t));
	assert_null(target_btf(t));
	assert_int_equal(target_function(t, "icmp_echo", &name, &near), ANSWER_YES);
	assert_string_equal(name, "icmp_echo");
	assert_int_equal(target_function(t, "icmp_ecko", &name, &near), ANSWER_NO);
	assert_non_null(strstr(near, "icmp_echo"));
	free(near);
	assert_int_equal(target_format(t, "irq", "softirq_entry", &format, &err), 0);
	assert_non_null(strstr(format.data, "field:unsigned int vec;"));
	buf_release(&format);
	assert_int_equal(target_feature(t, FEATURE_KPROBE_PMU, NULL), ANSWER_YES);
	target_free(t);
}

static void test_tracepoints(void **state)
{
	struct target *t = open_target(EL7_FIXTURE, "el7", true);
	struct error err = ERROR_INIT;

	assert_int_equal(target_tracepoint(t, "irq", "softirq_exit", &err), ANSWER_YES);
	assert_int_equal(target_tracepoint(t, "syscalls", "sys_enter_execve", &err), ANSWER_NO);
	assert_string_equal(err.tag, "E-PROBE");
	error_clear(&err);
	target_free(t);
	/* the running kernel's say nothing of another that has more */
	t = open_target(NULL, "el7", false);
	assert_int_equal(target_tracepoint(t, "no_such", "no_such", &err), ANSWER_UNKNOWN);
	assert_non_null(err.hint);
	error_clear(&err);
	target_free(t);
}

/* the headers are of another kernel than the profile */
static void test_other_headers(void **state)
{
	struct target *t = open_target(EL7_FIXTURE, "6.1", false);
	const char *name;
	char *near;

	assert_string_equal(target_release(t), "6.1.0");
	assert_false(target_headers_match(t));
	assert_int_equal(target_function(t, "icmp_echo", &name, &near), ANSWER_UNKNOWN);
	target_free(t);
}

static void test_headers_alone(void **state)
{
	struct target *t = open_target(EL7_FIXTURE, NULL, true);
	const char *reason = NULL;

	assert_string_equal(target_name(t), el7_release);
	assert_int_equal(target_feature(t, FEATURE_RINGBUF, &reason), ANSWER_UNKNOWN);
	assert_non_null(reason);
	target_free(t);
}

static void test_no_headers(void **state)
{
	struct target_options opts = { .headers = { .path = "/no/such/tree" } };
	struct error err = ERROR_INIT;

	assert_null(target_new(&opts, &err));
	assert_string_equal(err.tag, "E-HEADERS");
	error_clear(&err);
}

static void test_profile_for(void **state)
{
	static const struct { const char *release, *profile; bool exact; } rows[] = {
		{ "3.10.0-1062.el7.x86_64", "el7", true },
		{ "3.10.0-1160.119.1.el7.x86_64", "el7", true },
		{ "4.18.0-513.el8.x86_64", "4.18-el8", true },
		{ "4.18.20-generic", "4.14", false },
		{ "4.19.90-2102.el7.x86_64", "4.19", true },
		{ "5.10.0-30-amd64", "5.10", true },
		{ "5.15.0-105-generic", "5.10", false },
		{ "6.1.0-13-amd64", "6.1", true },
		{ "6.18.1", "6.1", false },
	};
	struct error err = ERROR_INIT;
	char *note;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct profile *p = target_profile_for(rows[i].release, &note, &err);

		assert_non_null(p);
		assert_string_equal(profile_name(p), rows[i].profile);
		assert_int_equal(note == NULL, rows[i].exact);
		free(note);
	}
	assert_null(target_profile_for("3.10.0-vanilla", &note, &err));
	assert_string_equal(err.tag, "E-ARGS");
	assert_null(note);
	error_clear(&err);
	assert_null(target_profile_for("", &note, &err));
	error_clear(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_profile_alone),
		cmocka_unit_test(test_pack),
		cmocka_unit_test(test_tracepoints),
		cmocka_unit_test(test_other_headers),
		cmocka_unit_test(test_headers_alone),
		cmocka_unit_test(test_no_headers),
		cmocka_unit_test(test_profile_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
