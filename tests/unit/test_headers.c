/* SPDX-License-Identifier: Apache-2.0 */
/* core/kernel/headers: the ladder, over trees and packages made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive_sample.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/headers_internal.h"
#include "kernel/kernel.h"

static char dir[] = "/tmp/test_headers_XXXXXX";
static char *cache;
static struct headers_places places;	/* all below dir */

/* ---- header trees ---- */

static void make(const char *path, const char *content)
{
	char *full = mem_format("%s/%s", dir, path), *slash = full;
	FILE *f;

	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	f = fopen(full, "we");
	assert_non_null(f);
	fputs(content, f);
	fclose(f);
	free(full);
}

static int find(const char *path, struct kernel_headers *h, struct error *err)
{
	char *full = mem_format("%s/%s", dir, path);
	struct headers_options opts = { full, cache };
	int bad = headers_find_at(&places, &opts, h, err);

	free(full);
	return bad;
}

static void test_headers_whole(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	char *id;

	make("whole/include/generated/autoconf.h", "#define CONFIG_X 1\n");
	make("whole/include/generated/utsrelease.h",
		"#define UTS_RELEASE \"3.10.0-1062.el7.x86_64\"\n");
	make("whole/include/linux/kconfig.h", "");
	assert_int_equal(find("whole", &h, &err), 0);
	assert_true(str_ends(h.build, "/whole"));
	assert_string_equal(h.source, "");
	assert_non_null(strstr(h.id, "3.10.0-1062.el7.x86_64"));
	id = mem_string(h.id);
	kernel_headers_release(&h);
	make("whole/include/generated/autoconf.h", "#define CONFIG_X 1\n#define CONFIG_Y 1\n");
	assert_int_equal(find("whole", &h, &err), 0);
	assert_string_not_equal(h.id, id);
	kernel_headers_release(&h);
	free(id);
}

static void test_headers_split(void **state)
{
	static const char *const archs[] = { "linux-headers-6.1.0-13-amd64",
		"linux-headers-6.1.0-13-cloud-amd64", "other-by-makefile", "absolute-makefile" };
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	char *text, *line;
	size_t i;

	make("linux-headers-6.1.0-13-common/include/linux/kconfig.h", "");
	for (i = 0; i < ARRAY_SIZE(archs); i++) {
		text = mem_format("%s/include/generated/autoconf.h", archs[i]);
		make(text, "");
		free(text);
	}
	make("other-by-makefile/Makefile",
		"# x\ninclude ../linux-headers-6.1.0-13-common/Makefile\n");
	line = mem_format("include %s/linux-headers-6.1.0-13-common/Makefile\n", dir);
	make("absolute-makefile/Makefile", line);
	free(line);
	for (i = 0; i < ARRAY_SIZE(archs); i++) {
		assert_int_equal(find(archs[i], &h, &err), 0);
		assert_true(str_ends(h.build, archs[i]));
		assert_true(str_ends(h.source, "/linux-headers-6.1.0-13-common"));
		kernel_headers_release(&h);
	}
}

/* build and source links beside each other, as in /lib/modules/R */
static void test_headers_links(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	char *build, *link_path, *source;

	make("arch/include/generated/autoconf.h", "");
	make("src/include/linux/kconfig.h", "");
	make("modules/x", "");
	build = mem_format("%s/arch", dir);
	source = mem_format("%s/src", dir);
	link_path = mem_format("%s/modules/build", dir);
	assert_int_equal(symlink(build, link_path), 0);
	free(link_path);
	link_path = mem_format("%s/modules/source", dir);
	assert_int_equal(symlink(source, link_path), 0);
	assert_int_equal(find("modules/build", &h, &err), 0);
	assert_string_equal(h.build, build);
	assert_string_equal(h.source, source);
	kernel_headers_release(&h);
	free(build);
	free(source);
	free(link_path);
}

static void test_headers_none(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;

	make("empty/x", "");
	assert_int_equal(find("empty", &h, &err), -1);
	assert_string_equal(err.tag, "E-HEADERS");
	assert_int_equal(find("missing", &h, &err), -1);
	assert_string_equal(err.tag, "E-HEADERS");
	make("alone/include/generated/autoconf.h", "");
	assert_int_equal(find("alone", &h, &err), -1);
	assert_non_null(strstr(err.text, "source half"));
	error_clear(&err);
}

/* ---- packages ---- */

#define AUTOCONF "#define CONFIG_X86_64 1\n"
#define UTS "#define UTS_RELEASE \"6.1.0-13-amd64\"\n"
#define ARCH "./usr/src/linux-headers-6.1.0-13-amd64/"
#define COMMON "./usr/src/linux-headers-6.1.0-13-common/"

static const struct sample_entry arch_half[] = {
	{ ARCH "Makefile", "include /usr/src/linux-headers-6.1.0-13-common/Makefile\n" },
	{ ARCH "include/generated/autoconf.h", AUTOCONF },
	{ ARCH "include/generated/utsrelease.h", UTS },
	{ ARCH "include/config/x.h", "" },
	{ ARCH "scripts", NULL, "../../lib/linux-kbuild-6.1/scripts" },
	{ ARCH "Module.symvers", "x" },
};
static const struct sample_entry common_half[] = {
	{ COMMON "Makefile", "all:\n" },
	{ COMMON "include/linux/kconfig.h", "" },
	{ COMMON "include/linux/x.c", "" },
	{ COMMON "arch/mips/include/asm/x.h", "" },
	{ COMMON "arch/x86/include/asm/x.h", "" },
};

#define REDHAT "./usr/src/kernels/3.10.0-1062.el7.x86_64/"
static const struct sample_entry devel[] = {
	{ REDHAT ".config", "CONFIG_X=y\n" },
	{ REDHAT "include/generated/autoconf.h", AUTOCONF },
	{ REDHAT "include/generated/utsrelease.h",
		"#define UTS_RELEASE \"3.10.0-1062.el7.x86_64\"\n" },
	{ REDHAT "include/linux/kconfig.h", "" },
	{ REDHAT "scripts/x.h", "" },
};

/* Ubuntu: the tree of one package has links into the other */
#define GENERIC "./usr/src/linux-headers-5.15.0-91-generic/"
#define BASE "./usr/src/linux-headers-5.15.0-91/"
static const struct sample_entry generic_half[] = {
	{ GENERIC "include/linux", NULL, "../../linux-headers-5.15.0-91/include/linux" },
	{ GENERIC "include/generated/autoconf.h", AUTOCONF },
};
static const struct sample_entry base_half[] = {
	{ BASE "include/linux/kconfig.h", "" },
};

static char *at(const char *name)
{
	return mem_format("%s/%s", dir, name);
}

static void make_packages(void)
{
	char *path = at("arch.deb");

	sample_deb(path, archive_write_add_filter_xz, "data.tar.xz", arch_half,
		ARRAY_SIZE(arch_half));
	free(path);
	path = at("common.deb");
	sample_deb(path, archive_write_add_filter_gzip, "data.tar.gz", common_half,
		ARRAY_SIZE(common_half));
	free(path);
	path = at("generic.deb");
	sample_deb(path, archive_write_add_filter_none, "data.tar", generic_half, 2);
	free(path);
	path = at("base.deb");
	sample_deb(path, archive_write_add_filter_zstd, "data.tar.zst", base_half, 1);
	free(path);
	/* recognised by its content */
	path = at("devel.bin");
	sample_rpm(path, archive_write_add_filter_xz, devel, ARRAY_SIZE(devel));
	free(path);
}

static int find_list(const char *first, const char *second, struct kernel_headers *h,
	struct error *err)
{
	char *list = mem_format("%s/%s:%s/%s", dir, first, dir, second);
	struct headers_options opts = { list, cache };
	int bad = headers_find_at(&places, &opts, h, err);

	free(list);
	return bad;
}

static bool in(const char *tree, const char *name)
{
	return headers_has(tree, name);
}

static void test_rpm(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	struct stat st;
	char *build;

	make_packages();
	assert_int_equal(find("devel.bin", &h, &err), 0);
	assert_int_equal(h.kind, HEADERS_PACKAGE);
	assert_string_equal(h.release, "3.10.0-1062.el7.x86_64");
	assert_string_equal(h.machine, "x86_64");
	assert_true(str_starts(h.id, "sha256:"));
	assert_true(str_starts(h.build, cache));
	assert_string_equal(h.source, "");
	assert_true(in(h.build, ".config"));
	assert_false(in(h.build, "scripts/x.h"));
	assert_int_equal(stat(h.build, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	build = mem_string(h.build);
	kernel_headers_release(&h);
	/* not unpacked twice */
	assert_int_equal(find("devel.bin", &h, &err), 0);
	assert_string_equal(h.build, build);
	kernel_headers_release(&h);
	free(build);
}

static void test_two_debs(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;

	make_packages();
	assert_int_equal(find_list("arch.deb", "common.deb", &h, &err), 0);
	assert_int_equal(h.kind, HEADERS_PACKAGE);
	assert_string_equal(h.release, "6.1.0-13-amd64");
	assert_true(str_ends(h.build, "/linux-headers-6.1.0-13-amd64"));
	assert_true(str_ends(h.source, "/linux-headers-6.1.0-13-common"));
	assert_true(in(h.source, "arch/x86/include/asm/x.h"));
	assert_false(in(h.source, "arch/mips/include/asm/x.h"));
	assert_false(in(h.source, "include/linux/x.c"));
	assert_false(in(h.build, "Module.symvers"));
	assert_false(in(h.build, "include/config/x.h"));
	kernel_headers_release(&h);
	assert_int_equal(find_list("base.deb", "generic.deb", &h, &err), 0);
	assert_true(str_ends(h.build, "/linux-headers-5.15.0-91-generic"));
	assert_string_equal(h.source, "");
	kernel_headers_release(&h);
}

static void expect_error(int bad, struct error *err, const char *text, const char *hint)
{
	assert_int_equal(bad, -1);
	assert_string_equal(err->tag, "E-HEADERS");
	if (!strstr(err->text, text))
		fail_msg("'%s' has no '%s'", err->text, text);
	if (hint && (!err->hint || !strstr(err->hint, hint)))
		fail_msg("'%s' has no '%s'", err->hint ? err->hint : "", hint);
	error_clear(err);
}

static void test_half_a_tree(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;

	make_packages();
	expect_error(find("arch.deb", &h, &err), &err,
		"'linux-headers-6.1.0-13-common', is missing", "A.deb:B.deb");
	expect_error(find("common.deb", &h, &err), &err, "has no include/generated/autoconf.h",
		"'linux-headers-6.1.0-13-...'");
	expect_error(find("generic.deb", &h, &err), &err, "'linux-headers-5.15.0-91', is missing",
		NULL);
	expect_error(find_list("arch.deb", "devel.bin", &h, &err), &err, "like the others", NULL);
	make("text", "this is text\n");
	expect_error(find_list("arch.deb", "text", &h, &err), &err, "is no package", NULL);
}

static void test_bad_packages(void **state)
{
	const struct sample_entry other = { "./usr/bin/x.h", "x" };
	struct error err = ERROR_INIT;
	struct buf data = BUF_INIT;
	struct kernel_headers h;
	char *path = at("bad");
	size_t i;

	make_packages();
	make("text", "this is text\n");
	make("nothing", "");
	expect_error(find("text", &h, &err), &err, "is no header pack", "headers pack");
	expect_error(find("nothing", &h, &err), &err, "is no header pack", NULL);
	sample_deb(path, archive_write_add_filter_xz, "data.tar.xz", &other, 1);
	expect_error(find("bad", &h, &err), &err, "no kernel headers", NULL);
	sample_rpm(path, archive_write_add_filter_xz, &other, 1);
	expect_error(find("bad", &h, &err), &err, "no kernel headers", NULL);
	sample_deb(path, archive_write_add_filter_xz, "other.tar.xz", &other, 1);
	expect_error(find("bad", &h, &err), &err, "no data.tar", NULL);
	sample_tar(path, &other, 1);
	expect_error(find("bad", &h, &err), &err, "no kernel headers", NULL);
	for (i = 0; i < 2; i++) {
		char *good = at(i ? "devel.bin" : "arch.deb");

		buf_clear(&data);
		assert_int_equal(file_read(good, 1 << 20, &data, &err), 0);
		sample_save(path, data.data, data.len * 3 / 4);
		expect_error(find("bad", &h, &err), &err, "damaged", NULL);
		data.data[data.len * 3 / 4] ^= 0x40;
		sample_save(path, data.data, data.len);
		expect_error(find("bad", &h, &err), &err, "damaged", NULL);
		free(good);
	}
	buf_release(&data);
	free(path);
}

/* ---- the ladder ---- */

static int find_running(struct kernel_headers *h)
{
	struct headers_options opts = { NULL, cache };
	struct error err = ERROR_INIT;

	return headers_find_at(&places, &opts, h, &err);
}

static void test_ladder(void **state)
{
	const struct sample_entry kheaders[] = {
		{ "./include/generated/autoconf.h", AUTOCONF },
		{ "./include/generated/utsrelease.h", UTS },
		{ "./include/linux/kconfig.h", "" },
		{ "./kernel/x.h", "" },
	};
	struct kernel_headers h;
	char *usual;

	assert_int_equal(find_running(&h), 0);
	assert_int_equal(h.kind, HEADERS_STUB);
	assert_string_equal(h.build, "");
	assert_string_equal(h.release, "");
	assert_non_null(strstr(h.tried, kernel_release()));
	assert_non_null(strstr(h.why, "no BTF"));
	kernel_headers_release(&h);

	make("btf", "x");
	assert_int_equal(find_running(&h), 0);
	assert_int_equal(h.kind, HEADERS_BTF);
	assert_string_equal(h.btf, places.btf);
	assert_string_equal(h.release, kernel_release());
	assert_true(*h.id);
	assert_non_null(strstr(h.why, "no kheaders (CONFIG_IKHEADERS); the kernel has BTF"));
	kernel_headers_release(&h);

	make("kheaders.tar.xz", "not one");
	assert_int_equal(find_running(&h), 0);
	assert_int_equal(h.kind, HEADERS_BTF);
	assert_non_null(strstr(h.why, "kheaders cannot be used"));
	kernel_headers_release(&h);
	sample_tar(places.kheaders, kheaders, 4);
	assert_int_equal(find_running(&h), 0);
	assert_int_equal(h.kind, HEADERS_KHEADERS);
	assert_true(str_starts(h.build, cache));
	assert_string_equal(h.release, "6.1.0-13-amd64");
	assert_string_equal(h.btf, places.btf);
	assert_false(in(h.build, "kernel/x.h"));
	kernel_headers_release(&h);

	usual = mem_format("root/usr/src/kernels/%s/include/generated/autoconf.h",
		kernel_release());
	make(usual, "");
	assert_int_equal(find_running(&h), 0);
	assert_int_equal(h.kind, HEADERS_KHEADERS);
	assert_non_null(strstr(h.why, "its source half is missing"));
	kernel_headers_release(&h);
	free(usual);
	usual = mem_format("root/usr/src/kernels/%s/include/linux/kconfig.h", kernel_release());
	make(usual, "");
	assert_int_equal(find_running(&h), 0);
	assert_int_equal(h.kind, HEADERS_INSTALLED);
	assert_true(str_ends(h.path, kernel_release()));
	kernel_headers_release(&h);
	free(usual);
}

/* ---- the store ---- */

static unsigned count_store(const char *prefix)
{
	char *path = mem_format("%s/headers", cache);
	DIR *d = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += *prefix ? str_starts(e->d_name, prefix) : e->d_name[0] != '.';
	closedir(d);
	free(path);
	return n;
}

static void test_eviction(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	char *old, *young;
	int i;

	old = mem_format("%s/headers/" FILE_TEMPORARY "killed", cache);
	young = mem_format("%s/headers/" FILE_TEMPORARY "alive", cache);
	make_packages();
	assert_int_equal(find("devel.bin", &h, &err), 0);
	kernel_headers_release(&h);
	assert_int_equal(mkdir(old, 0700), 0);
	assert_int_equal(mkdir(young, 0700), 0);
	assert_int_equal(utimensat(0, old, (struct timespec[2]){ { 1 }, { 1 } }, 0), 0);
	for (i = 0; i < STORE_TREES + 2; i++) {
		char *name = mem_format("copy%d", i), *path = at(name);

		sample_rpm(path, archive_write_add_filter_xz, devel, ARRAY_SIZE(devel));
		assert_int_equal(find(name, &h, &err), 0);
		assert_true(in(h.build, "include/linux/kconfig.h"));
		kernel_headers_release(&h);
		free(name);
		free(path);
	}
	assert_int_equal(count_store(""), STORE_TREES);
	assert_int_equal(access(old, F_OK), -1);
	assert_int_equal(access(young, F_OK), 0);
	assert_int_equal(rmdir(young), 0);
	free(old);
	free(young);
}

/* a writer for the FIFO at path as soon as it has a reader; or -1 */
static int open_writer(const char *path)
{
	int i, fd = -1;

	for (i = 0; i < 500 && fd < 0; i++) {
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			usleep(10000);
	}
	return fd;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/*
 * Who finds a damaged tree leaves the whole one alone that another process has
 * put there since: he waits here in the record of the damaged one.
 */
static void test_damaged_twice(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	char *tree, *record, *old = at("old-tree");
	int status, fd;
	pid_t pid;
	ino_t good;

	make_packages();
	assert_int_equal(find("devel.bin", &h, &err), 0);
	tree = mem_string_n(h.build, strrchr(h.build, '/') - h.build);
	record = mem_format("%s/.unpacked", tree);
	kernel_headers_release(&h);
	unlink(record);
	assert_int_equal(mkfifo(record, 0644), 0);
	pid = fork();
	if (pid == 0)
		_exit(find("devel.bin", &h, &err) != 0);
	fd = open_writer(record);
	assert_true(fd >= 0);
	assert_int_equal(rename(tree, old), 0);
	assert_int_equal(find("devel.bin", &h, &err), 0);
	kernel_headers_release(&h);
	good = inode_of(tree);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(good && inode_of(tree) == good);
	free(old);
	free(record);
	free(tree);
}

/* what was damaged in the cache is unpacked again */
static void test_repair(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	char *command;

	make_packages();
	assert_int_equal(find("devel.bin", &h, &err), 0);
	command = mem_format("rm -r %s/../.unpacked %s/include", h.build, h.build);
	assert_int_equal(system(command), 0);
	free(command);
	kernel_headers_release(&h);
	assert_int_equal(find("devel.bin", &h, &err), 0);
	assert_true(in(h.build, "include/linux/kconfig.h"));
	kernel_headers_release(&h);
}

static void test_concurrent(void **state)
{
	struct error err = ERROR_INIT;
	struct kernel_headers h;
	pid_t pids[4];
	int i, status;

	make_packages();
	for (i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			status = find_list("arch.deb", "common.deb", &h, &err);
			_exit(status || !headers_is_source(h.source));
		}
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_store(FILE_TEMPORARY), 0);
}

static void test_no_place(void **state)
{
	char *path = at("devel.bin"), *bad = at("devel.bin/cache");
	struct headers_options opts = { path, bad };
	struct error err = ERROR_INIT;
	struct kernel_headers h;

	make_packages();
	assert_int_equal(headers_find_at(&places, &opts, &h, &err), -1);
	assert_string_equal(err.tag, "E-CACHE");
	error_clear(&err);
	free(path);
	free(bad);
}

static int setup(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	cache = at("cache");
	places.root = at("root");
	places.kheaders = at("kheaders.tar.xz");
	places.btf = at("btf");
	return 0;
}

static int teardown(void **state)
{
	char *command = mem_format("rm -rf %s", dir);
	int ret = system(command);

	free(command);
	free(cache);
	free((char *)places.root);
	free((char *)places.kheaders);
	free((char *)places.btf);
	return ret;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers_whole),
		cmocka_unit_test(test_headers_split),
		cmocka_unit_test(test_headers_links),
		cmocka_unit_test(test_headers_none),
		cmocka_unit_test(test_rpm),
		cmocka_unit_test(test_two_debs),
		cmocka_unit_test(test_half_a_tree),
		cmocka_unit_test(test_bad_packages),
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_eviction),
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_damaged_twice),
		cmocka_unit_test(test_concurrent),
		cmocka_unit_test(test_no_place),
	};

	return cmocka_run_group_tests_name("headers", tests, setup, teardown);
}
