/* SPDX-License-Identifier: Apache-2.0 */
/* core/kernel/pack: what is written is what is read, and what is damaged is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "archive_sample.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/headers_internal.h"
#include "kernel/kernel.h"
#include "kernel/pack.h"

static char top[] = "/tmp/test_pack_XXXXXX";

#define HEAD "moontrace-pack 1\nrelease 4.19.90-1\nmachine x86_64\nversion-code 267098\n"

static void make(const char *path, const char *content)
{
	char *copy = mem_string(path), *slash = copy;
	struct error err = ERROR_INIT;

	while ((slash = strchr(slash, '/')) != NULL) {
		*slash = '\0';
		mkdir(copy, 0755);
		*slash++ = '/';
	}
	assert_int_equal(file_write_atomic(-100, path, content, strlen(content), 0644, &err), 0);
	free(copy);
}

static int find(const char *path, struct kernel_headers *h, struct error *err)
{
	struct headers_options opts = { path, "cache" };

	return kernel_headers_find(&opts, h, err);
}

static bool add_name(void *arg, const char *name, const char *module)
{
	buf_addf(arg, "%s/%s ", module ? module : "", name);
	return true;
}

/* ---- directories ---- */

static void make_dir_pack(void)
{
	make("dir/pack", HEAD "distribution Some Linux 8 (x)\nfuture key\n");
	make("dir/functions", "ip_rcv\ntcp_v4_rcv.isra.0\nip_vs:ip_vs_in\n");
	make("dir/formats/irq/softirq_entry/format", "name: softirq_entry\n");
	make("dir/formats/net/netif_rx/format", "name: netif_rx\n");
	make("dir/btf/vmlinux", "x");
}

static void test_directory(void **state)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	struct kernel_headers h;
	struct pack_counts counts;
	struct pack_info info;

	make_dir_pack();
	assert_int_equal(find("dir", &h, &err), 0);
	assert_int_equal(h.kind, HEADERS_PACK);
	assert_string_equal(h.build, "");
	assert_string_equal(h.release, "4.19.90-1");
	assert_string_equal(h.machine, "x86_64");
	assert_true(str_ends(h.btf, "/dir/btf/vmlinux"));
	assert_true(*h.id);
	assert_int_equal(pack_read_info(h.pack, &info, &err), 0);
	assert_int_equal(info.version_code, 0x4135a);
	assert_string_equal(info.distribution, "Some Linux 8 (x)");
	assert_true(info.has_btf && info.has_functions && info.has_formats && !info.has_tree);
	pack_info_release(&info);
	assert_int_equal(pack_functions(h.pack, add_name, &text, &err), 0);
	assert_string_equal(text.data, "/ip_rcv /tcp_v4_rcv.isra.0 ip_vs/ip_vs_in ");
	buf_release(&text);
	pack_count(&h, &counts);
	assert_int_equal(counts.functions, 3);
	assert_int_equal(counts.formats, 2);
	assert_int_equal(counts.btf_modules, 0);
	kernel_headers_release(&h);
}

static void test_formats(void **state)
{
	static const struct { const char *category, *event, *hint; } rows[] = {
		{ "irq", "softirq_enty", "'irq:softirq_entry'" },
		{ "far", "netif_rx", "'net:netif_rx'" },
		{ "..", "pack", NULL },
		{ "irq/softirq_entry", "..", NULL },
		{ "", "", NULL },
	};
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	size_t i;

	make_dir_pack();
	assert_int_equal(pack_format("dir", "irq", "softirq_entry", &text, &err), 0);
	assert_string_equal(text.data, "name: softirq_entry\n");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(pack_format("dir", rows[i].category, rows[i].event, &text, &err),
			-1);
		assert_string_equal(err.tag, "E-PROBE");
		if (rows[i].hint)
			assert_non_null(strstr(err.hint, rows[i].hint));
	}
	error_clear(&err);
	buf_release(&text);
}

static void test_bad_info(void **state)
{
	static const struct { const char *text, *error; } rows[] = {
		{ "", "does not begin with" },
		{ "something else\n", "does not begin with" },
		{ "moontrace-pack x\n", "does not begin with" },
		{ "moontrace-pack 2\nrelease 7\n", "has format 2, and this moontrace reads 1" },
		{ "moontrace-pack 1\n", "does not tell its release" },
		{ "moontrace-pack 1\nrelease 1\n", "does not tell its machine" },
		{ "moontrace-pack 1\nrelease 1\nmachine x\n", "does not tell its version-code" },
		{ HEAD "version-code many\n", "a bad version-code 'many'" },
		{ HEAD "version-code 99999999999\n", "a bad version-code" },
		{ HEAD "files -1\n", "a bad files" },
	};
	struct error err = ERROR_INIT;
	struct pack_info info;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		make("bad/pack", rows[i].text);
		assert_int_equal(pack_read_info("bad", &info, &err), -1);
		assert_string_equal(err.tag, "E-HEADERS");
		if (!strstr(err.text, rows[i].error))
			fail_msg("'%s' has no '%s'", err.text, rows[i].error);
	}
	error_clear(&err);
	assert_int_equal(pack_read_info("nowhere", &info, &err), -1);
	assert_string_equal(err.tag, "E-HEADERS");
	error_clear(&err);
}

/* ---- files ---- */

static void expect_error(const char *path, const char *text)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;

	assert_int_equal(find(path, &h, &err), -1);
	assert_string_equal(err.tag, "E-HEADERS");
	if (!strstr(err.text, text))
		fail_msg("'%s' has no '%s'", err.text, text);
	error_clear(&err);
}

/* hidden files, links and what is not of a pack are left out */
static void test_whitelist(void **state)
{
	const struct sample_entry e[] = {
		{ "pack", HEAD }, { "functions", "f\n" }, { "README", "x" }, { ".unpacked", "x" },
		{ "btf/.hidden", "x" }, { "btf/a/b", "x" }, { "formats/a/format", "x" },
		{ "build/x.c", "x" }, { "build/link.h", NULL, "/etc/passwd" },
	};
	static const char *const absent[] = { "README", "btf", "formats", "build" };
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	size_t i;

	sample_tar("white.pack", e, ARRAY_SIZE(e));
	assert_int_equal(find("white.pack", &h, &err), 0);
	assert_true(str_starts(h.id, "sha256:"));
	assert_string_equal(h.btf, "");
	assert_true(headers_has(h.pack, "functions"));
	for (i = 0; i < ARRAY_SIZE(absent); i++)
		assert_false(headers_has(h.pack, absent[i]));
	kernel_headers_release(&h);
}

static void test_bad_files(void **state)
{
	struct sample_entry e[] = { { "pack", HEAD }, { "functions", "f\n" },
		{ "../evil", "x" } };
	struct error err = ERROR_INIT;
	struct buf data = BUF_INIT;
	size_t i;

	sample_tar("bad.pack", e, 3);
	expect_error("bad.pack", "would lie outside");
	e[2].name = "/tmp/evil";
	sample_tar("bad.pack", e, 3);
	expect_error("bad.pack", "would lie outside");
	e[2].name = "build/include/linux/kconfig.h";
	sample_tar("bad.pack", e, 3);
	expect_error("bad.pack", "no include/generated/autoconf.h");
	e[0].text = HEAD "files 7\n";
	sample_tar("bad.pack", e, 2);
	expect_error("bad.pack", "it has 1 of its 7 files");
	e[0].text = "moontrace-pack 2\n";
	sample_tar("bad.pack", e, 2);
	expect_error("bad.pack", "has format 2");
	e[0].text = "moontrace-pack 1\nrelease 1\n";
	sample_tar("bad.pack", e, 2);
	expect_error("bad.pack", "does not tell its machine");
	e[0].text = "other\n";
	sample_tar("bad.pack", e, 2);
	expect_error("bad.pack", "is no header pack");
	e[0].text = HEAD;
	sample_tar("bad.pack", e, 2);
	assert_int_equal(file_read("bad.pack", 1 << 20, &data, &err), 0);
	for (i = 8; i < 3 * data.len / 4; i += 7) {
		sample_save("bad.pack", data.data, i);
		expect_error("bad.pack", "damaged");
		data.data[i] ^= 4;
		sample_save("bad.pack", data.data, data.len);
		data.data[i] ^= 4;
		expect_error("bad.pack", "damaged");
	}
	buf_release(&data);
}

/* ---- making one ---- */

static void make_tree(void)
{
	make("tree/include/generated/autoconf.h", "#define CONFIG_X86_64 1\n");
	make("tree/include/generated/utsrelease.h", "#define UTS_RELEASE \"4.19.90-7\"\n");
	make("tree/include/generated/uapi/linux/version.h",
		"#define LINUX_VERSION_CODE 267098\n");
	make("tree/include/linux/kconfig.h", "");
	make("tree/include/linux/sched.h",
		"#include <acpi/a.h>\n # include \"sub/b.h\"\n#include <asm/c.h>\n");
	make("tree/include/acpi/a.h", "#include \"../drm/d.h\"\n");
	make("tree/include/acpi/unused.h", "");
	make("tree/include/drm/d.h", "#include \"../../../outside.h\"\n");
	make("tree/include/linux/sub/b.h", "");
	make("tree/include/linux/sub/unused.h", "");
	make("tree/arch/x86/include/generated/asm/c.h", "#include MACRO(x)\n");
	make("tree/arch/mips/include/asm/c.h", "");
	make("tree/drivers/x.h", "");
	make("tree/.config", "CONFIG_X86_64=y\n");
	make("outside.h", "");
}

static void add_line(void *arg, const char *name, const char *path)
{
	assert_int_equal(access(path, R_OK), 0);
	buf_addf(arg, "%s\n", name);
}

static void test_closure(void **state)
{
	static const char expected[] =
		"build/arch/x86/include/generated/asm/c.h\n"
		"build/include/acpi/a.h\n"
		"build/include/drm/d.h\n"
		"build/include/generated/autoconf.h\n"
		"build/include/generated/uapi/linux/version.h\n"
		"build/include/generated/utsrelease.h\n"
		"build/include/linux/kconfig.h\n"
		"build/include/linux/sched.h\n"
		"build/include/linux/sub/b.h\n";
	struct error err = ERROR_INIT;
	struct buf names = BUF_INIT;
	struct kernel_headers h;

	make_tree();
	assert_int_equal(find("tree", &h, &err), 0);
	assert_int_equal(pack_headers(&h, add_line, &names), 9);
	assert_string_equal(names.data, expected);
	buf_release(&names);
	kernel_headers_release(&h);
}

static void make_pack(const char *tree, struct buf *out, struct pack_counts *counts)
{
	struct buf warnings = BUF_INIT;
	struct error err = ERROR_INIT;
	struct kernel_headers h;

	assert_int_equal(find(tree, &h, &err), 0);
	if (pack_make(&h, out, counts, &warnings, &err))
		fail_msg("%s", err.text);
	kernel_headers_release(&h);
	buf_release(&warnings);
}

static void test_round_trip(void **state)
{
	struct buf first = BUF_INIT, second = BUF_INIT, warnings = BUF_INIT;
	struct error err = ERROR_INIT;
	struct pack_counts made, counted;
	struct kernel_headers h;
	char hex[DIGEST_HEX];

	make_tree();
	make_pack("tree", &first, &made);
	assert_int_equal(made.headers, 9);
	assert_int_equal(made.functions, 0);	/* those of another kernel */
	assert_true(made.config);
	sample_save("tree.pack", first.data, first.len);
	/* a tree has what a pack of it has */
	assert_int_equal(find("tree", &h, &err), 0);
	pack_count(&h, &counted);
	assert_int_equal(counted.headers, made.headers);
	assert_int_equal(counted.header_bytes, made.header_bytes);
	kernel_headers_release(&h);
	assert_int_equal(find("tree.pack", &h, &err), 0);
	assert_int_equal(h.kind, HEADERS_PACK);
	assert_string_equal(h.release, "4.19.90-7");
	assert_string_equal(h.machine, "x86_64");
	assert_string_equal(h.source, "");
	assert_true(str_starts(h.build, h.pack));
	digest_hex(first.data, first.len, hex);
	assert_string_equal(h.id + strlen("sha256:"), hex);
	pack_count(&h, &counted);
	assert_int_equal(counted.headers, made.headers);
	assert_int_equal(counted.header_bytes, made.header_bytes);
	/* a pack of a pack is none */
	assert_int_equal(pack_make(&h, &second, &made, &warnings, &err), -1);
	assert_string_equal(err.tag, "E-HEADERS");
	kernel_headers_release(&h);
	/* the same again, after other times of change */
	sleep(1);
	make_tree();
	make_pack("tree", &second, &made);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	error_clear(&err);
	buf_release(&first);
	buf_release(&second);
	buf_release(&warnings);
}

static void test_running(void **state)
{
	struct buf data = BUF_INIT, names = BUF_INIT;
	struct error err = ERROR_INIT;
	struct pack_counts counts;
	struct kernel_headers h;

	make_pack(NULL, &data, &counts);
	assert_true(counts.functions > 1000);
	sample_save("running.pack", data.data, data.len);
	assert_int_equal(find("running.pack", &h, &err), 0);
	assert_string_equal(h.release, kernel_release());
	assert_string_equal(h.machine, kernel_machine());
	assert_int_equal(pack_functions(h.pack, add_name, &names, &err), 0);
	assert_non_null(strstr(names.data, " /vfs_read "));
	assert_null(strstr(names.data, ".cold "));
	assert_null(strstr(names.data, "/__pfx_"));
	assert_null(strstr(names.data, "bpf/"));
	kernel_headers_release(&h);
	buf_release(&names);
	buf_release(&data);
}

static int setup(void **state)
{
	return mkdtemp(top) && chdir(top) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	char *command = mem_format("rm -rf %s", top);
	int ret = chdir("/") || system(command);

	free(command);
	return ret;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_bad_info),
		cmocka_unit_test(test_whitelist),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_closure),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_running),
	};

	return cmocka_run_group_tests_name("pack", tests, setup, teardown);
}
