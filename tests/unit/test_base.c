/* SPDX-License-Identifier: Apache-2.0 */
/* core/base: strings, buffers, errors. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/rank.h"
#include "base/str.h"
#include "base/syscalls.h"

static void test_buf(void **state)
{
	struct buf b = BUF_INIT;
	int i;

	for (i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i);
	assert_int_equal(b.len, 3890);
	assert_int_equal(b.data[b.len], 0);
	buf_insert(&b, 0, "xyz", 3);
	assert_memory_equal(b.data, "xyz0,1,2", 8);
	buf_clear(&b);
	assert_string_equal(b.data, "");
	buf_release(&b);
}

static void test_json(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain", "\"plain\"" },
		{ "q\"b\\", "\"q\\\"b\\\\\"" },
		{ "a\nb\tc\001", "\"a\\nb\\tc\\u0001\"" },
		{ "\xc3\xa4", "\"\xc3\xa4\"" },
		{ "\xff\xc3", "\"\\u00ff\\u00c3\"" },
		{ "\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\"" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = BUF_INIT;

		buf_add_json(&b, rows[i].in, strlen(rows[i].in));
		assert_string_equal(b.data, rows[i].out);
		buf_release(&b);
	}
}

static void test_double(void **state)
{
	static const struct {
		double d;
		int decimals;
		const char *out;
	} rows[] = {
		{ 14.648999999999999, -1, "14.649" }, { 0.68699999999999994, 3, "0.687" },
		{ 14649 / 1e3, -1, "14.649" },	{ -0.1, -1, "-0.1" },
		{ 0.0, -1, "0" },		{ -0.0, -1, "0" },
		{ 7, -1, "7" },			{ 7, 3, "7" },
		{ 1e15, -1, "1000000000000000" }, { 1e18, 2, "1000000000000000000" },
		{ -0x1p62, -1, "-4611686018427387904" }, { 0x1p63, -1, "9.223372036854775808e+18" },
		{ 1e300, 3, "1e+300" },		{ 5e-324, -1, "4.94065645841247e-324" },
		{ 1e-9, -1, "0.000000001" },	{ 1e-5, -1, "0.00001" },
		{ 1.5e-11, -1, "1.5e-11" },	{ 0.1 + 0.2, -1, "0.30000000000000004" },
		{ 1.0 / 3, -1, "0.3333333333333333" }, { 2.0 / 3, 3, "0.667" },
		{ 99.9996, 3, "100" },		{ -99.9996, 3, "-100" },
		{ -0.0004, 3, "0" },		{ 12.5, 0, "13" },
		{ 123456789.123456789, -1, "123456789.12345679" },
		{ 1000000000000000.5, -1, "1000000000000000.5" },
		{ 1700000000.123456, 6, "1700000000.123456" },
		{ 2.25, 12, "2.25" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = BUF_INIT;

		buf_add_double(&b, rows[i].d, rows[i].decimals);
		if (rows[i].d == 0x1p63)
			assert_true(strtod(b.data, NULL) == 0x1p63);
		else
			assert_string_equal(b.data, rows[i].out);
		buf_release(&b);
	}
}

/* any bits: the text reads back as the same number, in any locale */
static void test_double_reads_back(void **state)
{
	static const char *const commas[] = { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "ps_AF" };
	uint64_t seed = 42, bits;
	struct buf b = BUF_INIT;
	size_t i;
	double d;

	for (i = 0; i < 200000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		bits = seed ^ seed >> 29;
		memcpy(&d, &bits, sizeof(d));
		if (i % 2)
			d = (double)(bits >> (bits & 63)) / (i % 3 ? 1e3 : 1e6);
		if (d - d != 0)
			continue;
		buf_clear(&b);
		buf_add_double(&b, d, -1);
		assert_true(strtod(b.data, NULL) == d);
	}
	for (i = 0; i < ARRAY_SIZE(commas) && !setlocale(LC_NUMERIC, commas[i]); i++)
		;
	buf_clear(&b);
	buf_add_double(&b, 1.0 / 3, -1);
	assert_string_equal(b.data, "0.3333333333333333");
	setlocale(LC_NUMERIC, "C");
	buf_release(&b);
}

static void test_numbers(void **state)
{
	uint64_t v = 7;

	assert_true(str_to_u64("0x1f", 0, 100, &v));
	assert_int_equal(v, 31);
	assert_true(str_to_u64("18446744073709551615", 0, UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	v = 7;
	assert_false(str_to_u64("18446744073709551616", 0, UINT64_MAX, &v));
	assert_false(str_to_u64("-1", 0, UINT64_MAX, &v));
	assert_false(str_to_u64("1 ", 0, 10, &v));
	assert_false(str_to_u64("", 0, 10, &v));
	assert_false(str_to_u64("11", 0, 10, &v));
	assert_int_equal(v, 7);
}

static void test_nearest(void **state)
{
	struct nearest n;
	char *hint;

	assert_int_equal(str_distance("vec", "vecc", 5), 1);
	assert_int_equal(str_distance("ab", "ba", 5), 1);
	assert_int_equal(str_distance("abc", "xyz", 2), 2);
	nearest_init(&n, "softirq_enty");
	nearest_offer(&n, "irq_handler_entry");
	nearest_offer(&n, "softirq_exit");
	nearest_offer(&n, "softirq_entry");
	nearest_offer(&n, "softirq_entry");
	hint = nearest_hint(&n);
	assert_string_equal(hint, "did you mean 'softirq_entry' or 'softirq_exit'?");
	free(hint);
	nearest_init(&n, "zzz");
	nearest_offer(&n, "softirq_entry");
	assert_null(nearest_hint(&n));
}

static void test_error(void **state)
{
	struct error e = ERROR_INIT;
	char *text;

	assert_int_equal(error_sys(&e, "E-PERM", 13, "open '%s'", "kprobe_events"), -1);
	error_wrap(&e, "attach kprobe '%s'", "icmp_echo");
	error_hint(&e, "run as root");
	text = error_format(&e);
	assert_string_equal(text, "error[E-PERM]: attach kprobe 'icmp_echo': open "
				  "'kprobe_events': Permission denied\n  run as root");
	free(text);
	assert_int_equal(error_status(&e), STATUS_CANNOT);
	error_clear(&e);
	assert_int_equal(error_status(&e), STATUS_OK);
}

static void test_grow(void **state)
{
	int *a = NULL;
	size_t n = 0;
	int i;

	for (i = 0; i < 1000; i++)
		*MEM_GROW(a, n) = i;
	assert_int_equal(n, 1000);
	for (i = 0; i < 1000; i++)
		assert_int_equal(a[i], i);
	free(a);
}

static void test_rank(void **state)
{
	static const uint64_t values[] = { 3, 0, UINT64_MAX, 3, 1ull << 40, 255, 256, 0 };
	static const size_t sorted[] = { 2, 4, 6, 5, 0, 3, 1, 7 };
	struct rank ranks[ARRAY_SIZE(values)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		ranks[i] = (struct rank){ values[i], i };
	rank_sort(ranks, ARRAY_SIZE(values));
	for (i = 0; i < ARRAY_SIZE(values); i++)
		assert_int_equal(ranks[i].i, sorted[i]);
	rank_sort(ranks, 1);
	rank_sort(ranks, 0);
	assert_int_equal(ranks[0].i, 2);
}

static void test_syscalls(void **state)
{
	static const char *const functions[] = { "sys_read", "SyS_read", "__x64_sys_read",
		"__arm64_sys_read", "__se_sys_read" };
	static const char *const stat[] = { "__x64_sys_newstat", "__arm64_sys_newstat",
		"SyS_newstat", "sys_newstat", "__x64_sys_stat", "__arm64_sys_stat", "SyS_stat",
		"sys_stat" };
	char *name;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		assert_string_equal(syscall_of_function(functions[i]), "read");
	assert_null(syscall_of_function("vfs_read"));
	assert_null(syscall_of_function("ksys_read"));
	for (i = 0; (name = syscall_function("stat", i)) != NULL; i++) {
		assert_in_range(i, 0, ARRAY_SIZE(stat) - 1);
		assert_string_equal(name, stat[i]);
		assert_int_equal(syscall_is_wrapper(name), name[0] == '_');
		free(name);
	}
	assert_int_equal(i, ARRAY_SIZE(stat));
	assert_null(syscall_function("read", 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rank),	cmocka_unit_test(test_syscalls),
		cmocka_unit_test(test_buf),	cmocka_unit_test(test_json),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_error),	cmocka_unit_test(test_grow),
		cmocka_unit_test(test_double),	cmocka_unit_test(test_double_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
