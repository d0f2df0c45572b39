/* SPDX-License-Identifier: Apache-2.0 */
/* C text as tokens: each row is a text and its tokens with their places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/ctoken.h"
#include "base/mem.h"

/* "i1:1<int> p1:4<(>": kind, line, column, text */
static char *describe(const char *text)
{
	static const char letters[] = "eincspd";
	static const enum ctoken_kind kinds[] = {
		CTOKEN_END, CTOKEN_IDENT, CTOKEN_NUMBER, CTOKEN_CHAR, CTOKEN_STRING,
		CTOKEN_PUNCT, CTOKEN_DIRECTIVE,
	};
	struct ctoken_reader r;
	struct ctoken t;
	struct buf b = BUF_INIT;
	size_t i;

	ctoken_start(&r, text);
	for (ctoken_next(&r, &t); t.kind != CTOKEN_END; ctoken_next(&r, &t)) {
		for (i = 0; kinds[i] != t.kind; i++)
			;
		buf_addf(&b, "%s%c%u:%u<%.*s>", b.len ? " " : "", letters[i], t.line, t.column,
			(int)t.len, t.at);
	}
	return buf_take(&b, NULL);
}

static void test_tokens(void **state)
{
	static const struct { const char *text, *tokens; } rows[] = {
		{ "", "" },
		{ " \n\t", "" },
		{ "int x;", "i1:1<int> i1:5<x> p1:6<;>" },
		{ "a->b", "i1:1<a> p1:2<->> i1:4<b>" },
		{ "a- >b", "i1:1<a> p1:2<-> p1:4<>> i1:5<b>" },
		{ "a/*x\n y*/b", "i1:1<a> i2:5<b>" },
		{ "a//x\\\n y\nb", "i1:1<a> i3:1<b>" },
		{ "a/**/b/*", "i1:1<a> i1:6<b>" },
		{ "\"a\\\"b//\" c", "s1:1<\"a\\\"b//\"> i1:10<c>" },
		{ "\"a\nb", "s1:1<\"a> i2:1<b>" },
		{ "'\"' 'x", "c1:1<'\"'> c1:5<'x>" },
		{ "0x1fULL 1.5e+3 .5", "n1:1<0x1fULL> n1:9<1.5e+3> n1:16<.5>" },
		{ "#define A \\\n b\nc", "d1:1<#define A \\\n b> i3:1<c>" },
		{ "#define A /* x\n */ b\nc", "d1:1<#define A /* x\n */ b> i3:1<c>" },
		{ "#define U \"/*\"\nc", "d1:1<#define U \"/*\"> i2:1<c>" },
		{ "a # b", "i1:1<a> p1:3<#> i1:5<b>" },
		{ " # if 1\n#endif", "d1:2<# if 1> d2:1<#endif>" },
		{ "a\\\nb", "i1:1<a> i2:1<b>" },
		{ "a\r\nb", "i1:1<a> i2:1<b>" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char *got = describe(rows[i].text);

		assert_string_equal(got, rows[i].tokens);
		free(got);
	}
}

static void test_close(void **state)
{
	size_t n;
	struct ctoken *t = ctoken_all("f((a[1]), { ) } (", &n);

	assert_int_equal(n, 14);
	assert_int_equal(ctoken_close(t, 1), 12 - 1);
	assert_int_equal(ctoken_close(t, 2), 7);
	assert_int_equal(t[ctoken_close(t, 12)].kind, CTOKEN_END);
	free(t);
}

static void test_include(void **state)
{
	static const struct { const char *text, *name; bool angle; } rows[] = {
		{ "#include <a/b.h>", "a/b.h", true },
		{ "# \tinclude\t\"b.h\" // c", "b.h", false },
		{ "#include MACRO", NULL, false },
		{ "#include <a", NULL, false },
		{ "#includes <a>", NULL, false },
		{ "x", NULL, false },
	};
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ctoken *t = ctoken_all(rows[i].text, &n);
		bool angle = false;
		char *name = ctoken_include(t, &angle);

		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
		else
			assert_null(name);
		assert_int_equal(angle, rows[i].angle);
		free(name);
		free(t);
	}
}

static void test_name(void **state)
{
	assert_true(ctoken_is_name("_a9"));
	assert_false(ctoken_is_name(""));
	assert_false(ctoken_is_name("9a"));
	assert_false(ctoken_is_name("a b"));
	assert_false(ctoken_is_name("a$"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
