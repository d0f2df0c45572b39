/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog of probes, on files that are made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "base/file.h"
#include "base/mem.h"
#include "kernel/event_format.h"
#include "load/catalog.h"
#include "load/catalog_internal.h"

static char dir[] = "/tmp/test_catalog.XXXXXX";

static void put(const char *name, const char *text)
{
	struct error err = ERROR_INIT;
	char *path = mem_format("%s/%s", dir, name), *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(file_make_dirs(path, 0755, &err), 0);
	*slash = '/';
	assert_int_equal(file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, &err), 0);
	free(path);
}

static char *in_dir(const char *name)
{
	return mem_format("%s/%s", dir, name);
}

#define COMMON \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
static const char softirq_format[] = "name: softirq_entry\nID: 71\nformat:\n" COMMON
	"\tfield:unsigned int vec;\toffset:8;\tsize:4;\tsigned:0;\n\n"
	"print fmt: \"vec=%u\", REC->vec\n";
static const char switch_format[] = "name: sched_switch\nID: 1\nformat:\n" COMMON
	"\tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:1;\n"
	"\tfield:__data_loc char[] what;\toffset:24;\tsize:4;\tsigned:0;\n"
	"\tfield:const char * where;\toffset:32;\tsize:8;\tsigned:0;\n"
	"\tfield:unsigned long args[6];\toffset:40;\tsize:48;\tsigned:0;\n";
static const char stat_format[] = "name: sys_enter_newstat\nID: 2\nformat:\n" COMMON
	"\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n"
	"\tfield:const char * filename;\toffset:16;\tsize:8;\tsigned:0;\n"
	"\tfield:struct stat * statbuf;\toffset:24;\tsize:8;\tsigned:0;\n";

static int make_files(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	put("tracefs/available_filter_functions",
		"vfs_write\nvfs_read\ntcp_sendmsg\nip_vs_in [ip_vs]\nSyS_read\nSyS_newstat\n"
		"kprobe_ftrace_handler\nvfs_read\ntcp_v4_rcv\n");
	put("tracefs/available_events",
		"sched:sched_switch\nirq:softirq_exit\nirq:softirq_entry\nirq_vectors:x\n"
		"syscalls:sys_enter_newstat\n");
	put("tracefs/events/irq/softirq_entry/format", softirq_format);
	put("tracefs/events/irq/softirq_exit/format", "what is this\n");
	put("tracefs/events/sched/sched_switch/format", switch_format);
	put("tracefs/events/syscalls/sys_enter_newstat/format", stat_format);
	put("blacklist", "0xffffffff81000000-0xffffffff81000010\tkprobe_ftrace_handler\n");
	put("kallsyms", "ffffffff81000000 T vfs_read\nffffffff81000010 t tcp_ack\n"
		"ffffffff81000020 D jiffies\nffffffff81000030 T __x64_sys_read\n"
		"ffffffff81000040 T __pfx_tcp_ack\n");
	put("empty/available_events", "");
	put("bin/tool", "#!/bin/sh\n");
	put("bin/text", "no program");
	put("bin/libx.so.1", "");
	put("bin/sub/x", "");
	return 0;
}

static int remove_files(void **state)
{
	char *command = mem_format("rm -rf '%s'", dir);
	int status = system(command);

	(void)state;
	free(command);
	return status;
}

/* ---- a catalog over them ---- */

struct fixture {
	struct symbolizer *symbols;
	struct catalog *catalog;
	char *tracefs, *blacklist, *kallsyms;
};

static void begin(struct fixture *f, const char *tracefs)
{
	struct catalog_options opts = { .have_all = true };

	f->tracefs = in_dir(tracefs);
	f->blacklist = in_dir("blacklist");
	f->kallsyms = in_dir("kallsyms");
	f->symbols = symbolizer_new_from(f->kallsyms);
	opts.symbols = f->symbols;
	opts.tracefs = f->tracefs;
	opts.blacklist = f->blacklist;
	f->catalog = catalog_new(&opts);
}

static void end(struct fixture *f)
{
	catalog_free(f->catalog);
	symbolizer_free(f->symbols);
	free(f->tracefs);
	free(f->blacklist);
	free(f->kallsyms);
}

static bool add(void *arg, const char *spec)
{
	buf_addf(arg, "%s\n", spec);
	return true;
}

static bool add_one(void *arg, const char *spec)
{
	add(arg, spec);
	return false;
}

static void expect_list(struct catalog *c, const char *glob, const char *want)
{
	struct error err = ERROR_INIT;
	struct buf got = BUF_INIT;

	assert_int_equal(catalog_list(c, glob, add, &got, &err), 0);
	assert_string_equal(got.data, want);
	buf_release(&got);
}

static void expect_no_list(struct catalog *c, const char *glob, const char *tag,
	const char *hint)
{
	struct error err = ERROR_INIT;
	struct buf got = BUF_INIT;

	assert_int_equal(catalog_list(c, glob, add, &got, &err), -1);
	assert_string_equal(err.tag, tag);
	if (hint)
		assert_non_null(strstr(err.hint, hint));
	assert_int_equal(got.len, 0);
	buf_release(&got);
	error_clear(&err);
}

static void expect_complete(struct catalog *c, const char *prefix, const char *want)
{
	struct buf got = BUF_INIT;

	catalog_complete(c, prefix, add, &got);
	assert_string_equal(got.data, want);
	buf_release(&got);
}

/* ---- names ---- */

static void test_name_list(void **state)
{
	struct buf text = BUF_INIT, other = BUF_INIT, got = BUF_INIT;
	struct name_list *l, *o;
	size_t end;

	(void)state;
	buf_adds(&text, "abcdefgh\nabcdefghi x\n\nabc\nabcdefgg\nabc\nzz");
	l = name_list_new(&text, true);
	assert_int_equal(name_list_count(l), 5);
	assert_string_equal(name_list_at(l, 3), "abcdefghi");
	assert_int_equal(name_list_range(l, "abcdefgh", &end), 2);
	assert_int_equal(end, 4);
	assert_int_equal(name_list_range(l, "", &end), 0);
	assert_int_equal(end, 5);
	assert_int_equal(name_list_range(l, "zzz", &end), end);
	assert_true(name_list_has(l, "zz"));
	assert_true(name_list_has(l, "abc"));
	assert_false(name_list_has(l, "abcd"));
	assert_false(name_list_has(l, "zzz"));
	buf_adds(&other, "abc\nzz\nq\n");
	o = name_list_new(&other, true);
	name_list_filter(l, o, false);
	assert_int_equal(name_list_count(l), 3);
	name_list_filter(l, o, true);
	assert_int_equal(name_list_count(l), 0);
	name_list_each(l, "*", add, &got);
	name_list_each(o, "[qz]*", add, &got);
	name_list_each(o, "*", add_one, &got);
	assert_string_equal(got.data, "q\nzz\nabc\n");
	name_list_free(l);
	name_list_free(o);
	buf_release(&got);
}

/* every name that was put in is found by its prefix, in the order of strcmp */
static void test_many_names(void **state)
{
	enum { N = 20000 };
	struct buf text = BUF_INIT;
	struct name_list *l;
	unsigned seed = 1, i;
	char name[64];

	(void)state;
	for (i = 0; i < N; i++) {
		seed = seed * 1103515245u + 12345u;
		buf_addf(&text, "%s%x_%u\n", i % 3 ? "__x64_sys_" : "", seed >> 8, i);
	}
	l = name_list_new(&text, true);
	assert_int_equal(name_list_count(l), N);
	for (i = 1; i < N; i++)
		assert_true(strcmp(name_list_at(l, i - 1), name_list_at(l, i)) < 0);
	for (i = 0, seed = 1; i < N; i++) {
		seed = seed * 1103515245u + 12345u;
		snprintf(name, sizeof(name), "%s%x_%u", i % 3 ? "__x64_sys_" : "", seed >> 8, i);
		assert_true(name_list_has(l, name));
	}
	name_list_free(l);
}

/* ---- lists ---- */

static void test_functions(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "tracefs");
	expect_list(f.catalog, "kprobe:vfs_*", "kprobe:vfs_read\nkprobe:vfs_write\n");
	expect_list(f.catalog, "kretprobe:ip_vs_in", "kretprobe:ip_vs_in\n");
	expect_list(f.catalog, "kprobe:kprobe*", "");	/* on the blacklist */
	expect_list(f.catalog, "kprobe:*read",
		"kprobe:SyS_read\nkprobe:sys_read\nkprobe:vfs_read\n");
	expect_list(f.catalog, "syscall:*", "syscall:newstat\nsyscall:read\n");
	expect_list(f.catalog, "k*probe:tcp_s*", "kprobe:tcp_sendmsg\nkretprobe:tcp_sendmsg\n");
	expect_list(f.catalog, "kprobe:nothing*", "");
	end(&f);
	/* where the kernel does not tell what is traceable, all that it has */
	begin(&f, "empty");
	expect_list(f.catalog, "kprobe:*",
		"kprobe:__x64_sys_read\nkprobe:tcp_ack\nkprobe:vfs_read\n");
	expect_list(f.catalog, "sysret:r*", "sysret:read\n");
	end(&f);
}

static void test_events(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "tracefs");
	expect_list(f.catalog, "tracepoint:irq:*",
		"tracepoint:irq:softirq_entry\ntracepoint:irq:softirq_exit\n");
	expect_list(f.catalog, "tracepoint:softirq_en*", "tracepoint:irq:softirq_entry\n");
	expect_list(f.catalog, "raw_tracepoint:s*", "raw_tracepoint:sched_switch\n"
		"raw_tracepoint:softirq_entry\nraw_tracepoint:softirq_exit\n");
	expect_list(f.catalog, "softirq_entry", "raw_tracepoint:softirq_entry\n"
		"tracepoint:irq:softirq_entry\n");
	expect_list(f.catalog, "*:cpu-clock", "perf_event:cpu-clock\n");
	end(&f);
}

static void test_bad_globs(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, "tracefs");
	expect_no_list(f.catalog, "", "E-PROBE", NULL);
	expect_no_list(f.catalog, "kprobe:", "E-PROBE", NULL);
	expect_no_list(f.catalog, "kprobbe:x", "E-PROBE", "'kprobe'");
	expect_no_list(f.catalog, "irq:*", "E-PROBE", "'tracepoint:irq:*'");
	expect_no_list(f.catalog, "q*:x", "E-PROBE", NULL);
	expect_no_list(f.catalog, "profile:*", "E-PROBE", NULL);
	expect_no_list(f.catalog, "uprobe:/bin/sh", "E-PROBE", NULL);
	expect_no_list(f.catalog, "uprobe::x", "E-PROBE", NULL);
	expect_no_list(f.catalog, "uprobe:/nothing/there:x", "E-FILE", NULL);
	expect_no_list(f.catalog, "uprobe:/etc/passwd:*", "E-FILE", NULL);
	end(&f);
	begin(&f, "not there");
	expect_no_list(f.catalog, "tracepoint:*", "E-TRACEFS", NULL);
	expect_list(f.catalog, "kprobe:tcp*", "kprobe:tcp_ack\n");
	end(&f);
}

static void test_near(void **state)
{
	struct fixture f;
	char *hint;

	(void)state;
	begin(&f, "tracefs");
	hint = catalog_near(f.catalog, "kprobe:tcp_sendmsgg");
	assert_non_null(strstr(hint, "'kprobe:tcp_sendmsg'"));
	free(hint);
	hint = catalog_near(f.catalog, "softirq_entri");
	assert_non_null(strstr(hint, "'softirq_entry'"));
	free(hint);
	assert_null(catalog_near(f.catalog, "tcp*"));
	end(&f);
}

/* ---- completion ---- */

static void test_complete(void **state)
{
	struct buf got = BUF_INIT;
	struct fixture f;

	(void)state;
	begin(&f, "tracefs");
	expect_complete(f.catalog, "k", "kprobe:\nkretprobe:\n");
	expect_complete(f.catalog, "zz", "");
	expect_complete(f.catalog, "zz:", "");
	expect_complete(f.catalog, "tracepoint:ir", "tracepoint:irq:\ntracepoint:irq_vectors:\n");
	expect_complete(f.catalog, "tracepoint:irq:softirq_e",
		"tracepoint:irq:softirq_entry\ntracepoint:irq:softirq_exit\n");
	expect_complete(f.catalog, "kprobe:tcp_", "kprobe:tcp_sendmsg\nkprobe:tcp_v4_rcv\n");
	expect_complete(f.catalog, "kprobe:tcp_*", "");	/* a name, no glob */
	expect_complete(f.catalog, "sysret:new", "sysret:newstat\n");
	catalog_complete(f.catalog, "kprobe:", add_one, &got);
	assert_string_equal(got.data, "kprobe:SyS_newstat\n");
	buf_release(&got);
	end(&f);
	begin(&f, "not there");
	expect_complete(f.catalog, "tracepoint:", "");
	end(&f);
}

static void test_complete_files(void **state)
{
	char *tool = in_dir("bin/tool"), *prefix = mem_format("uprobe:%s/bin/", dir), *want;
	struct fixture f;

	(void)state;
	chmod(tool, 0755);
	begin(&f, "tracefs");
	want = mem_format("%slibx.so.1:\n%ssub/\n%stool:\n", prefix, prefix, prefix);
	expect_complete(f.catalog, prefix, want);
	free(want);
	expect_complete(f.catalog, "uprobe:", "uprobe:/\n");
	expect_complete(f.catalog, "uretprobe:/nothing/there/", "");
	expect_complete(f.catalog, "uprobe:/nothing/there:x", "");
	expect_complete(f.catalog, "uprobe:c:mallop", "uprobe:c:mallopt\n");
	end(&f);
	free(prefix);
	free(tool);
}

/* ---- arguments ---- */

static void test_args(void **state)
{
	struct error err = ERROR_INIT;
	struct catalog_args a;
	struct fixture f;

	(void)state;
	begin(&f, "tracefs");
	assert_int_equal(catalog_args(f.catalog, "tracepoint:sched:sched_switch", &a, &err), 0);
	assert_int_equal(a.n, 4);
	assert_string_equal(a.list[0].name, "prev_comm");
	assert_string_equal(a.list[0].type, "char[16]");
	assert_int_equal(a.list[0].offset, 8);
	assert_int_equal(a.list[0].size, 16);
	assert_string_equal(a.list[1].type, "__data_loc char[]");
	assert_string_equal(a.list[2].type, "const char *");
	assert_string_equal(a.list[3].type, "unsigned long[6]");
	assert_null(a.returns);
	catalog_args_release(&a);
	assert_int_equal(catalog_args(f.catalog, "sysret:stat", &a, &err), 0);
	assert_int_equal(a.n, 2);
	assert_string_equal(a.list[1].name, "statbuf");
	assert_int_equal(a.list[1].offset, -1);
	assert_string_equal(a.returns, "long");
	catalog_args_release(&a);
	assert_int_equal(catalog_args(f.catalog, "uprobe:/bin/sh:main", &a, &err), 0);
	assert_int_equal(a.n, 0);
	catalog_args_release(&a);
	end(&f);
}

static void test_bad_args(void **state)
{
	static const struct { const char *spec, *tag; } rows[] = {
		{ "", "E-PROBE" }, { "kprobe", "E-PROBE" }, { "nothing:x", "E-PROBE" },
		{ "tracepoint:irq", "E-PROBE" }, { "tracepoint:irq:", "E-PROBE" },
		{ "tracepoint::x", "E-PROBE" }, { "uprobe:/bin/sh", "E-PROBE" },
		{ "tracepoint:irq:softirq_exit", "E-TRACEFS" },
		{ "kprobe:no_kernel_has_this", "E-SIGNATURE" },
		{ "usdt:/bin/sh", "E-PROBE" }, { "usdt:/bin/sh:a:", "E-PROBE" },
	};
	struct error err = ERROR_INIT;
	struct catalog_args a;
	struct fixture f;
	size_t i;

	(void)state;
	begin(&f, "tracefs");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(catalog_args(f.catalog, rows[i].spec, &a, &err), -1);
		assert_string_equal(err.tag, rows[i].tag);
		error_clear(&err);
	}
	end(&f);
}

static bool count_field(void *arg, const struct event_field *f)
{
	(void)f;
	++*(unsigned *)arg;
	return true;
}

static void test_damaged_formats(void **state)
{
	static const char *const texts[] = {
		"", "format:\n", "\tfield:int x;\n", "\tfield:int x;\toffset:a;\tsize:1;\n",
		"\tfield:;\toffset:8;\tsize:4;\n", "\tfield:x;\toffset:8;\tsize:4;\n",
		"\tfield:int ];\toffset:8;\tsize:4;\n", "\tfield:int *;\toffset:8;\tsize:4;\n",
		"\tfield:int x", "\tfield:[];\toffset:8;\tsize:4;\n",
	};
	struct error err = ERROR_INIT;
	unsigned n = 0;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(event_format_each(texts[i], count_field, &n, &err), -1);
		assert_string_equal(err.tag, "E-TRACEFS");
		error_clear(&err);
	}
	assert_int_equal(n, 0);
}

static void test_tracepoint_fields(void **state)
{
	struct error err = ERROR_INIT;
	struct members m;
	struct fixture f;

	(void)state;
	begin(&f, "tracefs");
	assert_int_equal(catalog_fields(f.catalog, "tracepoint:irq:softirq_entry", &m, &err), 0);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.size, 12);
	assert_int_equal(m.list[0].bit, 64);
	members_release(&m);
	end(&f);
}

/* ---- members ---- */

static int add_types(struct btf *btf)
{
	int u32 = btf__add_int(btf, "unsigned int", 4, 0), inner, array, pointer;

	inner = btf__add_struct(btf, "", 8);
	btf__add_field(btf, "low", u32, 0, 0);
	btf__add_field(btf, "high", u32, 32, 0);
	array = btf__add_array(btf, u32, u32, 3);
	pointer = btf__add_ptr(btf, 0);
	btf__add_struct(btf, "thing", 32);
	btf__add_field(btf, "flag", u32, 0, 3);
	btf__add_field(btf, "mode", u32, 11, 5);
	btf__add_field(btf, "", inner, 32, 0);
	btf__add_field(btf, "list", array, 96, 0);
	btf__add_field(btf, "to", pointer, 192, 0);
	btf__add_typedef(btf, "thing_t", 5);
	btf__add_union(btf, "either", 4);
	btf__add_field(btf, "a", u32, 0, 0);
	return btf__add_union(btf, "thing", 4);
}

static char *make_btf(void)
{
	struct btf *btf = btf__new_empty();
	struct error err = ERROR_INIT;
	char *path = in_dir("types");
	const void *raw;
	uint32_t size;

	assert_true(add_types(btf) > 0);
	raw = btf__raw_data(btf, &size);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, raw, size, 0644, &err), 0);
	btf__free(btf);
	return path;
}

static void check_thing(const struct members *m)
{
	static const struct member want[] = {
		{ (char *)"flag", (char *)"unsigned int", 0, 4, 3 },
		{ (char *)"mode", (char *)"unsigned int", 11, 4, 5 },
		{ (char *)"low", (char *)"unsigned int", 32, 4, 0 },
		{ (char *)"high", (char *)"unsigned int", 64, 4, 0 },
		{ (char *)"list", (char *)"unsigned int[3]", 96, 12, 0 },
		{ (char *)"to", (char *)"void *", 192, 8, 0 },
	};
	size_t i;

	assert_string_equal(m->name, "struct thing");
	assert_int_equal(m->size, 32);
	assert_int_equal(m->n, ARRAY_SIZE(want));
	for (i = 0; i < m->n; i++) {
		assert_string_equal(m->list[i].name, want[i].name);
		assert_string_equal(m->list[i].type, want[i].type);
		assert_int_equal(m->list[i].bit, want[i].bit);
		assert_int_equal(m->list[i].size, want[i].size);
		assert_int_equal(m->list[i].bits, want[i].bits);
	}
}

static void test_members(void **state)
{
	static const char *const names[] = { "struct thing", "thing", "const struct thing *",
		"thing_t", "thing_t *" };
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	char *path = make_btf();
	struct members m;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(members_find(path, names[i], &m, &err), 0);
		check_thing(&m);
		members_release(&m);
	}
	assert_int_equal(members_find(path, "union thing", &m, &err), 0);
	assert_int_equal(m.n, 0);
	members_release(&m);
	assert_int_equal(members_find(path, "union eithr", &m, &err), -1);
	assert_string_equal(err.tag, "E-PROBE");
	assert_non_null(strstr(err.hint, "'either'"));
	error_clear(&err);
	assert_int_equal(members_structs(path, &text, &err), 0);
	assert_string_equal(text.data, "struct thing\nunion either\nunion thing\n");
	buf_release(&text);
	assert_int_equal(members_find(NULL, "struct thing", &m, &err), -1);
	assert_string_equal(err.tag, "E-HEADERS");
	error_clear(&err);
	assert_int_equal(members_find("/etc/passwd", "struct thing", &m, &err), -1);
	assert_string_equal(err.tag, "E-HEADERS");
	error_clear(&err);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_list),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_bad_globs),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_complete_files),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_bad_args),
		cmocka_unit_test(test_damaged_formats),
		cmocka_unit_test(test_tracepoint_fields),
		cmocka_unit_test(test_members),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
