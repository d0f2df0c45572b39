/* SPDX-License-Identifier: Apache-2.0 */
/* Compile requests: the bytes, what a reader refuses, what a scan finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "object/request.h"

static void set(char **field, const char *value)
{
	free(*field);
	*field = mem_string(value);
}

static void fill(struct request *req)
{
	request_init(req);
	set(&req->text, "int f(void *ctx)\n{\n\treturn 0;\n}\n");
	set(&req->file, "a.lua");
	req->line = 7;
	request_add_define(req, "N", "3");
	request_add_define(req, "FLAG", NULL);
	*MEM_GROW(req->cflags, req->n_cflags) = mem_string("-Wall");
	set(&req->release, "3.10.0-1062.el7.x86_64");
	set(&req->machine, "x86_64");
	req->version_code = 0x30a00;
	req->ringbuf = 1;
	req->zero_stack = 1;
	request_add_format(req, "irq", "softirq_entry", "name: softirq_entry\nID: 1\n");
}

static const char wire[] =
	"text 32\nint f(void *ctx)\n{\n\treturn 0;\n}\n\n"
	"file 5\na.lua\n"
	"line 1\n7\n"
	"define 3\nN=3\n"
	"define 4\nFLAG\n"
	"cflag 5\n-Wall\n"
	"release 22\n3.10.0-1062.el7.x86_64\n"
	"machine 6\nx86_64\n"
	"version_code 6\n199168\n"
	"ringbuf 1\n1\n"
	"zero_stack 1\n1\n"
	"headers 0\n\n"
	"headers_source 0\n\n"
	"headers_id 0\n\n"
	"types 0\n\n"
	"format 44\nirq:softirq_entry\nname: softirq_entry\nID: 1\n\n"
	"end 0\n\n";

static void test_bytes(void **state)
{
	struct request req;
	struct buf b = BUF_INIT;

	fill(&req);
	request_write(&req, &b);
	assert_string_equal(b.data, wire);
	request_release(&req);
	buf_release(&b);
}

static void test_round_trip(void **state)
{
	struct request req;
	struct error err = ERROR_INIT;
	struct buf b = BUF_INIT;
	char *more = mem_format("%srest", wire);
	size_t used = 0;

	assert_int_equal(request_read(&req, more, strlen(more), &used, &err), 0);
	assert_int_equal(used, strlen(wire));
	assert_int_equal(req.line, 7);
	assert_int_equal(req.n_defines, 2);
	assert_string_equal(req.defines[1], "FLAG");
	assert_int_equal(req.n_includes, 0);
	assert_int_equal(req.version_code, 0x30a00);
	assert_string_equal(req.formats[0].event, "softirq_entry");
	assert_string_equal(req.formats[0].text, "name: softirq_entry\nID: 1\n");
	request_write(&req, &b);
	assert_string_equal(b.data, wire);
	request_release(&req);
	buf_release(&b);
	free(more);
}

static void refuse(const char *bytes, size_t n, const char *part)
{
	struct request req;
	struct error err = ERROR_INIT;
	size_t used;

	assert_int_equal(request_read(&req, bytes, n, &used, &err), -1);
	assert_string_equal(err.tag, "E-REQUEST");
	if (!strstr(err.text, part))
		fail_msg("'%s' does not say '%s'", err.text, part);
	error_clear(&err);
}

/* the wire with the first `from` replaced; *ret_n: its length */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(wire, from);

	assert_non_null(at);
	return mem_format("%.*s%s%s", (int)(at - wire), wire, to, at + strlen(from));
}

static void test_refused(void **state)
{
	static const struct { const char *from, *to, *part; } rows[] = {
		{ "line 1\n7", "line 1\nx", "'line' is no number" },
		{ "line 1\n7", "line 2\n07", "'line' is no number" },
		{ "ringbuf 1\n1", "ringbuf 1\n2", "'ringbuf' is no number" },
		{ "version_code 6\n199168", "version_code 10\n4294967296", "'version_code'" },
		{ "file 5", "file 6", "shorter or longer" },
		{ "file 5", "file 05", "length of a record" },
		{ "file 5", "file -5", "length of a record" },
		{ "file 5", "file 99999999999999999999", "length of a record" },
		{ "file 5", "file", "KEY LENGTH" },
		{ "file 5\na.lua\n", "", "'line' where 'file' should be" },
		{ "file 5", "name 5", "'name' where 'file' should be" },
		{ "end 0", "more 0", "'more' where 'end' should be" },
		{ "end 0\n\n", "end 1\nx\n", "where 'end' should be" },
		{ "machine 6\nx86_64\n", "machine 6\nx86_64\nmachine 6\nx86_64\n",
			"'machine' where 'version_code' should be" },
		{ "irq:softirq_entry", "irq/softirq_entry", "CATEGORY:EVENT" },
		{ "irq:softirq_entry", "ir-:softirq_entry", "no name of a tracepoint" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		char *bytes = changed(rows[i].from, rows[i].to);

		refuse(bytes, strlen(bytes), rows[i].part);
		free(bytes);
	}
}

/* every prefix is refused, and read within its bounds */
static void test_cut(void **state)
{
	size_t n;

	for (n = 0; n < strlen(wire); n++) {
		char *bytes = mem_copy(wire, n ? n : 1);

		refuse(bytes, n, "compile request");
		free(bytes);
	}
}

static void test_nul(void **state)
{
	char *bytes = mem_string(wire);

	*strchr(bytes, 'f') = 0;
	refuse(bytes, strlen(wire), "NUL");
	free(bytes);
}

static void test_scan(void **state)
{
	static const char text[] =
		"#include <linux/sched.h>\n"
		"// TRACEPOINT_PROBE(not, this) EVENTS(x, y)\n"
		"/* #include <linux/skbuff.h> */\n"
		"TRACEPOINT_PROBE(irq, softirq_entry) { return 0; }\n"
		"int f(struct tracepoint__block__block_rq_issue *args)\n"
		"{ char s[] = \"struct tracepoint__a__b EVENTS(\"; return 0; }\n"
		"TRACEPOINT_PROBE(irq,softirq_entry) { return 1; }\n";
	struct request_needs needs;

	request_scan(text, &needs);
	assert_int_equal(needs.n_tracepoints, 2);
	assert_string_equal(needs.tracepoints[0].category, "irq");
	assert_string_equal(needs.tracepoints[0].event, "softirq_entry");
	assert_string_equal(needs.tracepoints[1].category, "block");
	assert_string_equal(needs.tracepoints[1].event, "block_rq_issue");
	assert_int_equal(needs.events, 0);
	assert_int_equal(needs.kernel_types, 0);
	request_needs_release(&needs);
}

static void test_scan_needs(void **state)
{
	static const struct { const char *text; int events, kernel_types; } rows[] = {
		{ "EVENTS(e, struct x);", 1, 0 },
		{ "int EVENTS;", 0, 0 },
		{ "#include <linux/skbuff.h>", 0, 1 },
		{ "#  include <net/sock.h> // it", 0, 1 },
		{ "#include \"net/sock.h\"", 0, 1 },
		{ "#include <uapi/linux/ptrace.h>", 0, 0 },
		{ "#include \"mine.h\"", 0, 0 },
		{ "#include <mine/mine.h>", 0, 0 },
		{ "#include_next <linux/mm.h>", 0, 0 },
		{ "#include", 0, 0 },
		{ "#", 0, 0 },
		{ "TRACEPOINT_PROBE(", 0, 0 },
		{ "TRACEPOINT_PROBE(a", 0, 0 },
		{ "struct tracepoint__", 0, 0 },
		{ "struct tracepoint__a__", 0, 0 },
		{ "struct", 0, 0 },
		{ "", 0, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request_needs needs;

		request_scan(rows[i].text, &needs);
		if (needs.events != rows[i].events || needs.kernel_types != rows[i].kernel_types ||
		    needs.n_tracepoints)
			fail_msg("'%s': events %d, kernel types %d", rows[i].text, needs.events,
				needs.kernel_types);
		request_needs_release(&needs);
	}
}

/* does a text look into structs that are neither its own nor the stub's */
static void test_scan_members(void **state)
{
	static const struct { const char *text; int members; } rows[] = {
		{ "int f(struct pt_regs *ctx) { return ctx->ip; }", 0 },
		{ "struct e { int a; }; int f(struct e *e) { return e->a; }", 0 },
		{ "int f(void *c) { struct sock *sk = (void *)PT_REGS_PARM1(c); return !sk; }", 0 },
		{ "BPF_HASH(starts, struct request *); int f(void *c, struct request *r) "
			"{ u64 t = 1; starts.update(&r, &t); return 0; }", 0 },
		{ "TRACEPOINT_PROBE(a, b) { return args->pid; }", 0 },
		{ "int f(struct tracepoint__a__b *args) { return args->pid; }", 0 },
		{ "int f(void *c, struct sock *sk) { return sk->sk_family; }", 1 },
		{ "int f(void *c, const struct sock *const sk) { return sk->sk_family; }", 1 },
		{ "int f(void *c) { struct task_struct *t, *u = 0; t = (void *)1; "
			"return u->pid; }", 1 },
		{ "int f(void *c) { return ((struct sock *)c)->sk_family; }", 1 },
		{ "int f(void *c) { return ((u64)(struct sock *)c) + 1; }", 0 },
		{ "struct e { struct iphdr ip; };", 1 },
		{ "int f(void *c) { struct iphdr ip = {}; return ip.tos; }", 1 },
		{ "int f(void *c) { return sizeof(struct iphdr); }", 1 },
		{ "struct sock;", 0 },
		{ "struct sock *", 0 },
		{ "struct", 0 },
		{ "((struct sock *", 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct request_needs needs;

		request_scan(rows[i].text, &needs);
		if (needs.kernel_members != rows[i].members)
			fail_msg("'%s': kernel members %d", rows[i].text, needs.kernel_members);
		request_needs_release(&needs);
	}
}

static bool stub_has(const char *name)
{
	char *path = mem_format("%s/%s", STUB_DIRECTORY, name);
	struct stat st;
	bool found = !stat(path, &st);

	free(path);
	return found;
}

/* the names in request.c are those of the tree that the compiler embeds */
/* each CONFIG_ that the stub's kconfig.h defines is known, and only these */
static void test_stub_configs(void **state)
{
	struct request_needs needs;
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	size_t i;

	assert_int_equal(file_read(STUB_DIRECTORY "/linux/kconfig.h", 1 << 20, &text, &err), 0);
	request_scan(text.data, &needs);
	assert_int_equal(needs.n_configs, 10);
	for (i = 0; i < needs.n_configs; i++)
		assert_true(request_stub_config(needs.configs[i]));
	assert_false(request_stub_config("CONFIG_NET_NS"));
	request_needs_release(&needs);
	buf_release(&text);
}

static void test_scan_configs(void **state)
{
	struct request_needs needs;

	request_scan("#if defined(CONFIG_A) && !defined(XCONFIG_B)\n#ifdef CONFIG_A\n"
		"int CONFIG_; /* CONFIG_C1_MODULE */\n#endif\n#endif", &needs);
	assert_int_equal(needs.n_configs, 2);
	assert_string_equal(needs.configs[0], "CONFIG_A");
	assert_string_equal(needs.configs[1], "CONFIG_C1_MODULE");
	request_needs_release(&needs);
}

static void test_stub_list(void **state)
{
	size_t n, i;
	const char *const *names = request_stub_headers(&n);

	for (i = 0; i < n; i++) {
		char *uapi = mem_format("uapi/%s", names[i]);

		/* made by the compiler for each request; brought by libbcc */
		if (strcmp(names[i], "linux/version.h") != 0 &&
		    strcmp(names[i], "bcc/helpers.h") != 0 && !stub_has(names[i]) &&
		    !stub_has(uapi))
			fail_msg("there is no stub header '%s'", names[i]);
		assert_false(request_kernel_header(names[i]));
		free(uapi);
	}
	assert_true(request_kernel_header("linux/skbuff.h"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_needs),
		cmocka_unit_test(test_scan_members),
		cmocka_unit_test(test_scan_configs),
		cmocka_unit_test(test_stub_configs),
		cmocka_unit_test(test_stub_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
