/* SPDX-License-Identifier: Apache-2.0 */
/* core/base: the hash table and the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"

enum { MANY = 5000 };

static const char *name_of(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "name%d", i);
	return name;
}

static void test_basics(void **state)
{
	struct table *t = table_new();
	size_t at = 0;
	int a, b;

	assert_null(table_get(t, "a"));
	assert_null(table_remove(t, "a"));
	assert_false(table_next(t, &at, NULL, NULL));
	assert_null(table_set(t, "a", &a));
	assert_ptr_equal(table_set(t, "a", &b), &a);
	assert_ptr_equal(table_get(t, "a"), &b);
	assert_null(table_set(t, "", &a));
	assert_ptr_equal(table_get(t, ""), &a);
	assert_int_equal(table_count(t), 2);
	assert_ptr_equal(table_remove(t, "a"), &b);
	assert_null(table_get(t, "a"));
	assert_int_equal(table_count(t), 1);
	table_free(t, NULL);
	table_free(NULL, free);
}

/* the walk gives first, first + step, ... */
static void check_walk(struct table *t, int first, int step)
{
	const char *key;
	void *value;
	size_t at = 0;
	int i = first;

	while (table_next(t, &at, &key, &value)) {
		assert_string_equal(key, name_of(i));
		assert_int_equal(*(int *)value, i);
		i += step;
	}
	assert_int_equal(i, MANY + first % step);
}

static void test_many(void **state)
{
	struct table *t = table_new();
	int i;

	for (i = 0; i < MANY; i++)
		assert_null(table_set(t, name_of(i), mem_copy(&i, sizeof(i))));
	assert_int_equal(table_count(t), MANY);
	check_walk(t, 0, 1);
	for (i = 0; i < MANY; i += 2)
		free(table_remove(t, name_of(i)));
	assert_int_equal(table_count(t), MANY / 2);
	check_walk(t, 1, 2);
	for (i = 0; i < MANY; i++)
		assert_int_equal(table_get(t, name_of(i)) != NULL, i % 2);
	table_free(t, free);
}

/* names that come and go do not let it grow, nor get lost */
static void test_churn(void **state)
{
	struct table *t = table_new();
	int i, v[8];

	for (i = 0; i < 100000; i++) {
		assert_null(table_set(t, name_of(i), &v[i % 8]));
		if (i >= 8)
			assert_ptr_equal(table_remove(t, name_of(i - 8)), &v[i % 8]);
	}
	assert_int_equal(table_count(t), 8);
	for (i = 100000 - 8; i < 100000; i++)
		assert_ptr_equal(table_get(t, name_of(i)), &v[i % 8]);
	table_free(t, NULL);
}

static void test_remove_in_walk(void **state)
{
	struct table *t = table_new();
	const char *key;
	size_t at = 0;
	int i, v = 0;

	for (i = 0; i < 100; i++)
		table_set(t, name_of(i), &v);
	for (i = 0; table_next(t, &at, &key, NULL); i++) {
		assert_string_equal(key, name_of(i));
		table_remove(t, name_of(i));
	}
	assert_int_equal(i, 100);
	assert_int_equal(table_count(t), 0);
	table_free(t, NULL);
}

static void collect(void *arg, const char *line, size_t len)
{
	buf_add(arg, line, len);
}

static void test_log(void **state)
{
	static const struct {
		enum log_level level;
		const char *out;
	} rows[] = {
		{ LOG_QUIET, "moontrace: w 1\n" },
		{ LOG_NORMAL, "moontrace: w 1\nmoontrace: i 2\n" },
		{ LOG_VERBOSE, "moontrace: w 1\nmoontrace: i 2\nmoontrace: d 3\n" },
	};
	size_t i;

	assert_int_equal(log_level(), LOG_NORMAL);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf b = BUF_INIT;

		log_redirect(collect, &b);
		log_set_level(rows[i].level);
		log_warn("w %d", 1);
		log_info("i %d", 2);
		log_debug("d %d", 3);
		assert_string_equal(b.data, rows[i].out);
		buf_release(&b);
	}
	log_redirect(NULL, NULL);
	log_set_level(LOG_NORMAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basics),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_churn),
		cmocka_unit_test(test_remove_in_walk),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
