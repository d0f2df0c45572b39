/* SPDX-License-Identifier: Apache-2.0 */
/* Where characters stand on a terminal, and the file of the history; tests/repl has the rest. */
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "repl/history.h"
#include "repl/layout.h"

static void check_layout(unsigned columns, const char *prompt, const wchar_t *text, unsigned row,
	unsigned column)
{
	struct layout l;

	layout_begin(&l, columns);
	layout_add_prompt(&l, prompt);
	layout_add_line(&l, text, wcslen(text));
	assert_int_equal(l.row, row);
	assert_int_equal(l.column, column);
}

static void test_layout(void **state)
{
	check_layout(80, "> ", L"", 0, 2);
	check_layout(80, "\1\033[1m\1>\1\033[0m\1 ", L"abc", 0, 5);
	check_layout(10, "> ", L"12345678", 1, 0);
	check_layout(10, "> ", L"123456789", 1, 1);
	check_layout(10, "> ", L"one\ntwo", 1, 3);
	check_layout(80, "> ", L"\tx", 0, 9);
	check_layout(80, "> ", L"\001", 0, 4);
	check_layout(10, "> ", L"1234567日", 1, 2);	/* does not stand across the margin */
	check_layout(80, "> ", L"e\u0301", 0, 3);
	check_layout(1, "> ", L"ab", 4, 0);
	check_layout(0, "> ", L"日本", 6, 0);
}

static unsigned printed(unsigned column, const char *s)
{
	layout_print(&column, 20, s, strlen(s));
	return column;
}

static void test_print(void **state)
{
	assert_int_equal(printed(0, "abc"), 3);
	assert_int_equal(printed(3, "abc\n"), 0);
	assert_int_equal(printed(0, "\033[31mred\033[0m"), 3);
	assert_int_equal(printed(18, "abc"), 1);
	assert_int_equal(printed(17, "abc"), 20);
	assert_int_equal(printed(0, "a\tb"), 9);
	assert_int_equal(printed(5, "\rab"), 2);
	assert_int_equal(printed(0, "日本\xff"), 5);
}

static void test_clip(void **state)
{
	assert_int_equal(layout_clip("abcdef", 6, 4), 4);
	assert_int_equal(layout_clip("\033[1mabcdef", 10, 4), 8);
	assert_int_equal(layout_clip("日本語", 9, 5), 6);
	assert_int_equal(layout_clip("\xff\xfe", 2, 10), 2);
	assert_int_equal(layout_clip("ab\033[", 4, 1), 1);
	assert_int_equal(layout_clip("", 0, 4), 0);
}

/* ---- history ---- */

static char directory[] = "/tmp/mt-prompt.XXXXXX";
static char *path;

static int set_up(void **state)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	if (!mkdtemp(directory))
		return -1;
	path = mem_format("%s/history", directory);
	return setenv("MOONTRACE_HISTORY", path, 1);
}

static int tear_down(void **state)
{
	unlink(path);
	free(path);
	return rmdir(directory);
}

static char *content(void)
{
	struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(file_read(path, 1 << 20, &text, &err), 0);
	return buf_take(&text, NULL);
}

static void test_history_file(void **state)
{
	struct error err = ERROR_INIT;
	struct line_history *h = line_history_open(&err);
	struct stat st;
	char *text;

	assert_null(err.tag);
	line_history_add(h, "one \\n");
	line_history_add(h, "one \\n");
	line_history_add(h, " not kept");
	line_history_add(h, "two\nlines");
	line_history_close(h);
	text = content();
	assert_string_equal(text, "one \\\\n\ntwo\\nlines\n");
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	h = line_history_open(&err);
	assert_string_equal(line_history_entry(h, 0), "two\nlines");
	assert_string_equal(line_history_entry(h, 1), "one \\n");
	assert_null(line_history_entry(h, 2));
	line_history_close(h);
}

/* a file of others' making: too open, much too long, and no newline at its end */
static void test_history_old(void **state)
{
	struct error err = ERROR_INIT;
	struct buf lines = BUF_INIT;
	struct line_history *h;
	struct stat st;
	char *text;
	int i;

	for (i = 0; i < 5000; i++)
		buf_addf(&lines, "line %d\n", i);
	buf_adds(&lines, "the last\\");
	assert_int_equal(file_write_atomic(AT_FDCWD, path, lines.data, lines.len, 0644, &err), 0);
	buf_release(&lines);
	h = line_history_open(&err);
	assert_null(err.tag);
	assert_string_equal(line_history_entry(h, 0), "the last\\");
	line_history_close(h);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	text = content();
	assert_null(strstr(text, "line 2999\n"));
	assert_non_null(strstr(text, "line 3001\n"));
	free(text);
}

static void test_history_link(void **state)
{
	struct error err = ERROR_INIT;
	struct line_history *h;

	unlink(path);
	assert_int_equal(symlink("/tmp/mt-prompt-elsewhere", path), 0);
	h = line_history_open(&err);
	assert_string_equal(err.tag, "E-FILE");
	error_clear(&err);
	line_history_add(h, "kept in memory");
	line_history_close(h);
	assert_int_not_equal(access("/tmp/mt-prompt-elsewhere", F_OK), 0);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	h = line_history_open(&err);
	assert_string_equal(err.tag, "E-FILE");
	error_clear(&err);
	line_history_close(h);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_clip),
		cmocka_unit_test(test_history_file),
		cmocka_unit_test(test_history_old),
		cmocka_unit_test(test_history_link),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
