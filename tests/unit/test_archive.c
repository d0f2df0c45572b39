/* SPDX-License-Identifier: Apache-2.0 */
/* core/kernel/unpack: archives that mean no good, and what becomes of links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive_sample.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "fds.h"
#include "kernel/unpack.h"

static char top[64];
static struct error err;

static int enter_dir(void **state)
{
	strcpy(top, "/tmp/test_archive.XXXXXX");
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int leave_dir(void **state)
{
	char *command = mem_format("rm -rf '%s'", top);
	int ret = chdir("/") || system(command);

	free(command);
	return ret;
}

static int setup(void **state)
{
	return fds_setup(state) || mkdir("in", 0700) || mkdir("in/dir", 0700);
}

static int teardown(void **state)
{
	error_clear(&err);
	return system("rm -rf in outside a.*") || fds_teardown(state);
}

static bool everything(const char *name, bool is_link, char *ret, size_t size)
{
	snprintf(ret, size, "%s", name);
	return !str_ends(name, ".no");
}

static const struct unpack_limits small = { .entries = 5, .bytes = 1000, .file = 100 };

static int unpack(const char *path, enum archive_form form, const struct unpack_limits *limits,
	struct unpack_result *result)
{
	struct unpack_rules rules = { everything, limits };
	int dir = open("in/dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret;

	memset(result, 0, sizeof(*result));
	assert_true(dir >= 0);
	ret = unpack_file(path, form, dir, &rules, result, &err);
	close(dir);
	return ret;
}

static void expect_refused(const struct sample_entry *entries, size_t n, const char *text)
{
	struct unpack_result result;

	sample_tar("a.tar", entries, n);
	assert_int_equal(unpack("a.tar", FORM_OTHER, &small, &result), -1);
	assert_string_equal(err.tag, "E-HEADERS");
	if (!strstr(err.text, text))
		fail_msg("'%s' has no '%s'", err.text, text);
	assert_int_equal(access("in/evil.h", F_OK), -1);
	assert_int_equal(access("/tmp/moontrace-evil.h", F_OK), -1);
}

static void test_names(void **state)
{
	static const char *const names[] = { "../evil.h", "a/../../evil.h", "a/..",
		"/tmp/moontrace-evil.h", ".." };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct sample_entry e = { names[i], "x" };

		expect_refused(&e, 1, "would lie outside");
	}
}

static void test_limits(void **state)
{
	struct sample_entry e[6] = { { "1", "" }, { "2", "" }, { "3", "" }, { "4.no", "" },
		{ "5.no", "" }, { "6", "" } };
	char big[1001], middle[102];

	expect_refused(e, 6, "more than 5 entries");
	memset(big, 'x', sizeof(big));
	big[1000] = middle[101] = '\0';
	memset(middle, 'x', 101);
	e[0].text = middle;
	expect_refused(e, 1, "a file of more than 100 bytes");
	/* what is not wanted counts too */
	e[3].text = big;
	e[4].text = "x";
	expect_refused(e + 3, 2, "more than 1000 bytes");
}

static void test_contradiction(void **state)
{
	const struct sample_entry e[] = { { "a", "x" }, { "a/b", "x" } };

	expect_refused(e, 2, "contradict");
}

static void test_modes(void **state)
{
	const struct sample_entry e[] = { { "./a//b/./c.h", "text" } };
	struct unpack_result result;
	mode_t mask = umask(077);
	struct stat st;

	sample_tar("a.tar", e, 1);
	assert_int_equal(unpack("a.tar", FORM_OTHER, &small, &result), 0);
	umask(mask);
	assert_int_equal(result.files, 1);
	assert_int_equal(result.bytes, 4);
	assert_int_equal(stat("in/dir/a/b/c.h", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(stat("in/dir/a/b", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void test_links(void **state)
{
	static const struct { const char *name, *target; bool made; } rows[] = {
		{ "a/in", "../b/c.h", true },
		{ "a/same", "f.h", true },
		{ "out1", "../evil", false },
		{ "a/out2", "../../evil", false },
		{ "out3", "/etc/passwd", false },
		{ "a/out4", "x/../../../evil", false },
		{ "out5", "..", false },
		{ "a/out6", "b/..", false },
	};
	struct unpack_limits limits = small;
	struct unpack_result result;
	size_t i;

	limits.entries = 100;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct sample_entry e[] = { { "a/f.h", "1" }, { "b/c.h", "2" },
			{ rows[i].name, NULL, rows[i].target } };
		char *path = mem_format("in/dir/%s", rows[i].name);
		struct stat st;

		sample_tar("a.tar", e, 3);
		assert_int_equal(unpack("a.tar", FORM_OTHER, &limits, &result), 0);
		assert_int_equal(lstat(path, &st) == 0, rows[i].made);
		free(path);
	}
}

/* a directory that is a link must not lead a later file, or link, outside */
static void test_write_through(void **state)
{
	const struct sample_entry e[] = {
		{ "deep/er/top", NULL, "../.." },
		{ "deep/er/top/evil.h", "x" },
		{ "x", NULL, "deep/er" },
		{ "x/y", NULL, "../../outside" },
	};
	struct unpack_result result;

	sample_tar("a.tar", e, 4);
	assert_int_equal(unpack("a.tar", FORM_OTHER, &small, &result), 0);
	assert_int_equal(access("in/dir/deep/er/top/evil.h", F_OK), 0);
	assert_int_equal(access("in/dir/evil.h", F_OK), -1);
	assert_int_equal(access("in/evil.h", F_OK), -1);
}

static void test_hard_links(void **state)
{
	const struct sample_entry e[] = { { "a/f.h", "one" },
		{ "b/g.h", NULL, NULL, "a/f.h" }, { "b/gone.h", NULL, NULL, "a/none.h" } };
	const struct sample_entry bad[] = { { "a.h", NULL, NULL, "../../etc/passwd" } };
	struct unpack_result result;
	struct buf text = BUF_INIT;

	sample_tar("a.tar", e, 3);
	assert_int_equal(unpack("a.tar", FORM_OTHER, &small, &result), 0);
	assert_int_equal(file_read("in/dir/b/g.h", 100, &text, &err), 0);
	assert_string_equal(text.data, "one");
	assert_int_equal(access("in/dir/b/gone.h", F_OK), -1);
	buf_release(&text);
	expect_refused(bad, 1, "would lie outside");
}

/* truncated, bits turned over, no archive: never more than an error, mostly just that */
static void test_damage(void **state)
{
	const struct sample_entry e[] = { { "a.h", "#define A 1\n" }, { "b.h", "#define B\n" } };
	struct unpack_result result;
	struct buf good = BUF_INIT;
	size_t i, refused = 0;

	sample_tar("a.tar", e, 2);
	assert_int_equal(file_read("a.tar", 1 << 20, &good, &err), 0);
	for (i = 0; i < good.len; i++) {
		if (i % 2 == 0) {
			good.data[i] ^= 0x10;
			sample_save("a.bad", good.data, good.len);
			good.data[i] ^= 0x10;
		} else {
			sample_save("a.bad", good.data, i);
		}
		if (unpack("a.bad", FORM_OTHER, &small, &result) == 0)
			continue;
		assert_string_equal(err.tag, "E-HEADERS");
		refused++;
	}
	/* some bits of the compressor's frame mean nothing */
	assert_true(refused > good.len * 9 / 10);
	buf_release(&good);
}

static void test_forms(void **state)
{
	const struct sample_entry e[] = { { "./usr/src/x.h", "x" } };
	struct unpack_result first, second;
	enum archive_form form;

	sample_deb("a.deb", archive_write_add_filter_xz, "data.tar.xz", e, 1);
	assert_int_equal(unpack_form("a.deb", &form, &err), 0);
	assert_int_equal(form, FORM_DEB);
	assert_int_equal(unpack("a.deb", form, &small, &first), 0);
	assert_int_equal(first.files, 1);
	sample_rpm("a.rpm", archive_write_add_filter_xz, e, 1);
	assert_int_equal(unpack_form("a.rpm", &form, &err), 0);
	assert_int_equal(form, FORM_RPM);
	assert_int_equal(unpack("a.rpm", form, &small, &second), 0);
	assert_int_equal(second.files, 1);
	assert_string_not_equal(first.first, second.first);
	assert_int_equal(access("in/dir/usr/src/x.h", F_OK), 0);
	assert_int_equal(unpack_form("a.none", &form, &err), -1);
	assert_string_equal(err.tag, "E-HEADERS");
}

static void test_remove(void **state)
{
	int dir = open("in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(mkdir("outside", 0700), 0);
	sample_save("outside/kept", "x", 1);
	sample_save("in/dir/x", "x", 1);
	assert_int_equal(symlink("../../outside", "in/dir/link"), 0);
	unpack_remove(dir, "dir");
	assert_int_equal(access("in/dir", F_OK), -1);
	assert_int_equal(access("outside/kept", F_OK), 0);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_contradiction, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write_through, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hard_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
	};

	return cmocka_run_group_tests_name("archive", tests, enter_dir, leave_dir);
}
