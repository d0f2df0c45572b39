/* SPDX-License-Identifier: Apache-2.0 */
/* Headers from BTF that the test makes itself; and from what is no BTF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "base/buf.h"
#include "base/mem.h"
#include "kernel/types_header.h"

static char path[] = "/tmp/moontrace-test-XXXXXX";

static void write_file(const void *data, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void write_btf(struct btf *btf)
{
	uint32_t size;
	const void *raw = btf__raw_data(btf, &size);

	assert_non_null(raw);
	write_file(raw, size);
	btf__free(btf);
}

/* int, unsigned char, and what the cases have in common */
enum { INT = 1, UCHAR, LONG };

static struct btf *new_btf(void)
{
	struct btf *btf = btf__new_empty();

	assert_int_equal(btf__add_int(btf, "int", 4, BTF_INT_SIGNED), INT);
	assert_int_equal(btf__add_int(btf, "unsigned char", 1, 0), UCHAR);
	assert_int_equal(btf__add_int(btf, "long", 8, BTF_INT_SIGNED), LONG);
	return btf;
}

/*
 * struct dev { int ifindex; }; struct other { int x; };
 * struct skb { struct dev *dev; struct other *other; int len; };
 */
static struct btf *packet_btf(void)
{
	struct btf *btf = new_btf();
	int dev, other, to_dev, to_other;

	dev = btf__add_struct(btf, "dev", 4);
	btf__add_field(btf, "ifindex", INT, 0, 0);
	other = btf__add_struct(btf, "other", 4);
	btf__add_field(btf, "x", INT, 0, 0);
	to_dev = btf__add_ptr(btf, dev);
	to_other = btf__add_ptr(btf, other);
	btf__add_struct(btf, "skb", 24);
	btf__add_field(btf, "dev", to_dev, 0, 0);
	btf__add_field(btf, "other", to_other, 64, 0);
	btf__add_field(btf, "len", INT, 128, 0);
	return btf;
}

/* the header for a text; caller frees. NULL: error_text has why */
static char error_text[256];

static char *header(const char *text)
{
	struct types_wanted wanted = { .text = text };
	struct error err = ERROR_INIT;
	struct buf out = BUF_INIT;

	if (!types_header(path, &wanted, &out, &err))
		return buf_take(&out, NULL);
	assert_string_equal(err.tag, "E-HEADERS");
	assert_int_equal(out.len, 0);
	snprintf(error_text, sizeof(error_text), "%s", err.text);
	error_clear(&err);
	buf_release(&out);
	return NULL;
}

static void expect(const char *text, const char *const *has, const char *const *lacks)
{
	char *h = header(text);

	assert_non_null(h);
	for (; has && *has; has++) {
		if (!strstr(h, *has))
			fail_msg("'%s' is not in:\n%s", *has, h);
	}
	for (; lacks && *lacks; lacks++) {
		if (strstr(h, *lacks))
			fail_msg("'%s' is in:\n%s", *lacks, h);
	}
	free(h);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_follow(void **state)
{
	write_btf(packet_btf());
	expect("struct skb *p;", LIST("struct skb {\n\tstruct dev *dev;\n",
		"_Static_assert(sizeof(struct skb) == 24, \"\");"),
		LIST("ifindex", "struct other {"));
	expect("struct skb *p; p->dev->ifindex;", LIST("struct dev {\n\tint ifindex;\n};",
		"offsetof(struct skb, dev) == 0", "offsetof(struct dev, ifindex) == 0"),
		LIST("struct other {", "offsetof(struct skb, len)"));
	expect("#define DEV(p) ((struct skb *)p)->dev->ifindex\n", LIST("struct dev {"), NULL);
	expect("int skb, dev;", NULL, LIST("struct"));
	expect("\"struct skb\" /* struct skb */", NULL, LIST("struct"));
}

static void test_types_of_arguments(void **state)
{
	const char *types[] = { "struct skb *" };
	struct types_wanted wanted = { .text = "ARG(f, skb)->dev->ifindex", .types = types,
		.n_types = 1 };
	struct error err = ERROR_INIT;
	struct buf first = BUF_INIT, again = BUF_INIT;

	write_btf(packet_btf());
	assert_int_equal(types_header(path, &wanted, &first, &err), 0);
	assert_non_null(strstr(first.data, "struct dev {"));
	assert_int_equal(types_header(path, &wanted, &again, &err), 0);
	assert_string_equal(first.data, again.data);
	buf_release(&first);
	buf_release(&again);
}

static void test_own_names(void **state)
{
	struct btf *btf = packet_btf();
	int small, mode, holder;

	small = btf__add_struct(btf, "small", 4);
	btf__add_field(btf, "x", INT, 0, 0);
	btf__add_typedef(btf, "small_t", small);
	mode = btf__add_enum(btf, "mode", 4);
	btf__add_enum_value(btf, "MODE_A", 0);
	btf__add_enum_value(btf, "MODE_B", -1);
	holder = btf__add_struct(btf, "holder", 12);
	btf__add_field(btf, "small", small, 0, 0);
	btf__add_field(btf, "mode", mode, 32, 0);
	btf__add_field(btf, "other", small + 1, 64, 0);
	assert_true(holder > 0);
	write_btf(btf);
	expect("struct holder h;", LIST("struct small {", "enum mode mode;", "MODE_B = -1,",
		"small_t other;"), LIST("___kernel"));
	/* the text's own struct, typedef and enumerator win */
	expect("struct small { char c; }; struct holder h;", LIST("struct small___kernel {",
		"struct small___kernel small;"), LIST("struct small {"));
	expect("typedef char small_t; struct holder h;", LIST("struct small other;"),
		LIST("typedef"));
	expect("enum { MODE_A = 7 }; struct holder h;", LIST("unsigned int mode;"),
		LIST("MODE_"));
	expect("BPF_HASH(MODE_A, int); struct holder h;", LIST("unsigned int mode;"), NULL);
	expect("int f(void) { return MODE_B; }", LIST("enum mode {"), LIST("struct holder"));
}

static void test_layout(void **state)
{
	struct btf *btf = new_btf();
	int word, two, anonymous;

	/* packed; a hole; bit fields behind a hole; room at the end */
	btf__add_struct(btf, "packed", 5);
	btf__add_field(btf, "a", UCHAR, 0, 0);
	btf__add_field(btf, "b", INT, 8, 0);
	btf__add_struct(btf, "hole", 64);
	btf__add_field(btf, "a", UCHAR, 0, 0);
	btf__add_field(btf, "b", INT, 256, 0);
	btf__add_struct(btf, "crossing", 8);
	btf__add_field(btf, "x", INT, 0, 3);
	btf__add_field(btf, "y", INT, 3, 31);
	word = btf__add_struct(btf, "bits", 8);
	btf__add_field(btf, "x", INT, 0, 3);
	btf__add_field(btf, "y", INT, 32, 5);
	two = btf__add_array(btf, INT, word, 2);
	anonymous = btf__add_union(btf, NULL, 16);
	btf__add_field(btf, "bits", two, 0, 0);
	btf__add_field(btf, "l", LONG, 0, 0);
	btf__add_struct(btf, "outer", 24);
	btf__add_field(btf, "l", LONG, 0, 0);
	btf__add_field(btf, NULL, anonymous, 64, 0);
	write_btf(btf);
	expect("struct packed p;", LIST("int b __attribute__((packed));", "== 5"), NULL);
	expect("struct crossing c;", LIST("int y:31;\n", "\n} __attribute__((packed));"), NULL);
	expect("struct hole h;", LIST("__pad_1[31]", "__pad_36[28]", "== 64"), NULL);
	expect("struct bits b;", LIST("int x:3;\n\tunsigned char :5; unsigned char __pad_1[3];\n"
		"\tint y:5;"), NULL);
	expect("struct outer o; o.bits", LIST("struct bits bits[2];\n\t\tlong l;\n\t};",
		"offsetof(struct outer, bits) == 8"), LIST("packed"));
}

static void test_declarators(void **state)
{
	struct btf *btf = new_btf();
	int proto, to_proto, array, to_array, constant, to_constant, fixed;

	proto = btf__add_func_proto(btf, INT);
	to_proto = btf__add_ptr(btf, proto);
	array = btf__add_array(btf, INT, to_proto, 3);
	to_array = btf__add_ptr(btf, array);
	constant = btf__add_const(btf, UCHAR);
	to_constant = btf__add_ptr(btf, constant);
	fixed = btf__add_const(btf, to_constant);
	btf__add_struct(btf, "s", 48);
	btf__add_field(btf, "f", array, 0, 0);
	btf__add_field(btf, "g", to_array, 192, 0);
	btf__add_field(btf, "c", to_constant, 256, 0);
	btf__add_field(btf, "k", fixed, 320, 0);
	write_btf(btf);
	expect("struct s s;", LIST("void (*f[3])(void);", "void (*(*g)[3])(void);",
		"const unsigned char *c;", "const unsigned char *const k;"), NULL);
}

static void expect_error(const char *text, const char *why)
{
	char *h = header(text);

	if (h)
		fail_msg("no error, but:\n%s", h);
	if (!strstr(error_text, why))
		fail_msg("'%s' is not in: %s", why, error_text);
}

static void test_wrong_types(void **state)
{
	struct btf *btf = new_btf();
	int i, id, last = INT;
	char name[16];

	id = btf__add_struct(btf, "loop", 4);
	btf__add_field(btf, "loop", id, 0, 0);
	btf__add_struct(btf, "far", 4);
	btf__add_field(btf, "far", 4000, 0, 0);
	btf__add_struct(btf, "over", 8);
	btf__add_field(btf, "a", LONG, 0, 0);
	btf__add_field(btf, "b", INT, 32, 0);
	btf__add_struct(btf, "name", 4);
	btf__add_field(btf, "a; evil", INT, 0, 0);
	btf__add_struct(btf, "nothing", 4);
	btf__add_field(btf, "v", 0, 0, 0);
	id = btf__add_typedef(btf, "self", 0) + 1;
	btf__add_typedef(btf, "round", id);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "deep%d", i);
		id = btf__add_struct(btf, name, 4);
		btf__add_field(btf, "in", last, 0, 0);
		last = id;
	}
	id = btf__add_array(btf, INT, LONG, 0xffffffff);
	btf__add_struct(btf, "large", 4);
	btf__add_field(btf, "a", id, 0, 0);
	btf__add_struct(btf, "bits", 4);
	btf__add_field(btf, "b", btf__type_cnt(btf), 0, 3);
	btf__add_struct(btf, "empty", 0);
	write_btf(btf);
	expect_error("struct bits x;", "bit field of another type");
	expect_error("struct loop x;", "contains itself");
	expect_error("struct far x;", "out of range");
	expect_error("struct over x;", "overlap");
	expect_error("struct name x;", "is no name");
	expect_error("struct nothing x;", "cannot be a member");
	expect_error("round x;", "itself");
	expect_error("struct deep999 x;", "nests too deep");
	expect_error("struct large x;", "bytes");
	/* and what is not named does no harm */
	expect("struct skb *p;", NULL, NULL);
}

static void test_no_btf(void **state)
{
	struct btf *btf = packet_btf();
	uint32_t size, i;
	const void *data = btf__raw_data(btf, &size);
	char *raw = mem_copy(data, size), *copy;

	btf__free(btf);
	write_file("", 0);
	expect_error("struct skb *p;", "read the kernel's BTF");
	write_file("#!/bin/sh\n", 10);
	expect_error("struct skb *p;", "read the kernel's BTF");
	for (i = 1; i < size; i++) {
		write_file(raw, i);
		free(header("struct skb *p; p->dev->ifindex"));
	}
	/* each byte changed: an answer or an error, and an end */
	copy = mem_alloc(size);
	for (i = 0; i < size * 3; i++) {
		static const unsigned char flips[] = { 0xff, 0x01, 0x80 };

		memcpy(copy, raw, size);
		copy[i / 3] ^= flips[i % 3];
		write_file(copy, size);
		free(header("struct skb *p; p->dev->ifindex + p->other->x"));
	}
	free(copy);
	free(raw);
	unlink(path);
	expect_error("struct skb *p;", "No such file");
}

static int make_path(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 || close(fd);
}

static int remove_path(void **state)
{
	unlink(path);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_types_of_arguments),
		cmocka_unit_test(test_own_names),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_declarators),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_no_btf),
	};

	return cmocka_run_group_tests(tests, make_path, remove_path);
}
