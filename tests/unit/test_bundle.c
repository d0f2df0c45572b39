/* SPDX-License-Identifier: Apache-2.0 */
/* core/cache: bundles, and the parameters of objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "cache/bundle.h"
#include "object_sample.h"

static const char format[] = "name: e\nID: 7\nformat:\n\tfield:int a;\toffset:8;\n\nprint fmt: 1\n";

static struct error err;

static void expect(const char *tag, const char *part)
{
	assert_non_null(err.tag);
	assert_string_equal(err.tag, tag);
	if (!strstr(err.text, part))
		fail_msg("'%s' is not in '%s'", part, err.text);
	error_clear(&err);
}

static void set(char **field, const char *value)
{
	free(*field);
	*field = mem_string(value);
}

static void make_request(struct request *req, const char *release)
{
	request_init(req);
	set(&req->text, "int f(void *ctx);");
	set(&req->file, "a.lua");
	set(&req->release, release);
	set(&req->machine, "x86_64");
	req->version_code = 0x60100;
	req->ringbuf = req->zero_stack = 0;
	request_add_format(req, "c", "e", format);
}

/* a program that loads a parameter and whether it is there, and a map of its size */
static struct object *make_object(bool optional)
{
	static const struct bpf_insn insns[] = {
		{ BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 0 }, { 0, 0, 0, 0, 0 },
		{ BPF_LD | BPF_IMM | BPF_DW, 2, 0, 0, 0 }, { 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	static const struct object_patch patches[] = {
		{ PATCH_PRESENT, 0, 2, 0 }, { PATCH_VALUE, 0, 2, 2 }, { PATCH_ENTRIES, 0, 0, 0 },
	};
	struct object *obj = sample_object();
	struct object_program *p = object_add_program(obj, "patched");

	p->insns = mem_copy(insns, sizeof(insns));
	p->n_insns = ARRAY_SIZE(insns);
	object_add_param(obj, "PID", optional);
	obj->patches = mem_copy(patches, sizeof(patches));
	obj->n_patches = ARRAY_SIZE(patches);
	return obj;
}

static struct bundle *make_bundle(void)
{
	struct bundle *b = bundle_new();
	struct request req;

	set(&b->version, "1");
	set(&b->machine, "x86_64");
	set(&b->script.name, "a.lua");
	set(&b->script.text, "print(1)\n");
	bundle_add_module(b, "m", "return 1\n");
	bundle_add_file(b, "x/t.c", "int f;\n");
	b->strict = true;
	make_request(&req, "6.1.0");
	request_add_param(&req, "PID", true);
	assert_int_equal(bundle_add_object(b, "6.1", &req, make_object(true), &err), 0);
	request_release(&req);
	return b;
}

/* ---- parameters ---- */

static void test_params_round_trip(void **state)
{
	struct object *obj = make_object(true), *back = object_copy(obj, &err);
	int64_t value = INT64_C(-0x123456789a);
	const struct bpf_insn *insns;

	assert_non_null(back);
	assert_int_equal(back->n_params, 1);
	assert_string_equal(back->params[0].name, "PID");
	assert_true(back->params[0].optional);
	assert_int_equal(back->n_patches, 3);
	assert_int_equal(object_find_param(back, "PID"), 0);
	assert_int_equal(object_find_param(back, "TID"), -1);
	insns = back->programs[2].insns;
	assert_int_equal(object_set_param(back, 0, NULL, &err), 0);
	assert_int_equal(insns[0].imm, 0);
	assert_int_equal(back->maps[0].max_entries, 10240);
	assert_int_equal(object_set_param(back, 0, &value, &err), -1);
	expect("E-BUNDLE", "cannot have -78187493530 entries");
	value = 300;
	assert_int_equal(object_set_param(back, 0, &value, &err), 0);
	assert_int_equal(insns[0].imm, 1);
	assert_int_equal(insns[2].imm, 300);
	assert_int_equal(insns[3].imm, 0);
	assert_int_equal(back->maps[0].max_entries, 300);
	/* what was set is no object for a file any more */
	assert_null(object_copy(back, &err));
	expect("E-OBJECT", "loads no constant");
	object_free(obj);
	object_free(back);
}

static void refuse(struct object *obj, const char *part)
{
	assert_null(object_copy(obj, &err));
	expect("E-OBJECT", part);
	object_free(obj);
}

static void test_params_refused(void **state)
{
	struct object *obj = make_object(true);

	obj->patches[0].param = 1;
	refuse(obj, "parameter 1 of 1");
	obj = make_object(true);
	obj->patches[0].kind = PATCH_KINDS;
	refuse(obj, "unknown kind");
	obj = make_object(true);
	obj->patches[0].insn = 1;
	refuse(obj, "instruction 1 loads no constant");
	obj = make_object(true);
	obj->patches[0].insn = 1 << 20;
	refuse(obj, "names instruction");
	obj = make_object(true);
	obj->patches[0].at = 9;
	refuse(obj, "program 9 of 3");
	obj = make_object(true);
	obj->patches[2].at = 3;
	refuse(obj, "map 3 of 3");
	obj = make_object(true);
	obj->patches[1].insn = 0;
	refuse(obj, "out of order");
	obj = make_object(true);
	/* a load that is relocated */
	obj->patches[0] = (struct object_patch){ PATCH_VALUE, 0, 0, 1 };
	refuse(obj, "instruction 1 loads no constant");
	obj = make_object(true);
	object_add_param(obj, "PID", false);
	refuse(obj, "two parameters");
	obj = make_object(true);
	object_add_param(obj, "P?", false);
	refuse(obj, "no identifier");
}

/* ---- payloads ---- */

static void test_round_trip(void **state)
{
	struct bundle *b = make_bundle(), *back;
	struct buf first = BUF_INIT, second = BUF_INIT;

	assert_int_equal(bundle_write(b, &first, &err), 0);
	back = bundle_read(first.data, first.len, &err);
	assert_non_null(back);
	assert_string_equal(back->script.text, "print(1)\n");
	assert_string_equal(bundle_module(back, "m"), "return 1\n");
	assert_string_equal(bundle_file(back, "x/t.c"), "int f;\n");
	assert_null(bundle_module(back, "x/t.c"));
	assert_true(back->strict);
	assert_false(back->destructive);
	assert_int_equal(back->n_objects, 1);
	assert_string_equal(back->objects[0].targets[0], "6.1");
	assert_string_equal(back->objects[0].facts.release, "");
	assert_string_equal(back->objects[0].facts.formats[0].text, "\tfield:int a;\toffset:8;\n");
	assert_int_equal(bundle_write(back, &second, &err), 0);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	bundle_free(b);
	bundle_free(back);
	buf_release(&first);
	buf_release(&second);
}

/* every byte of a payload that is cut or changed gives an error or a bundle, nothing else */
static void test_damage(void **state)
{
	struct bundle *b = make_bundle(), *back;
	struct buf data = BUF_INIT;
	size_t i;

	assert_int_equal(bundle_write(b, &data, &err), 0);
	for (i = 0; i < data.len; i++) {
		char *copy = mem_copy(data.data, i);

		assert_null(bundle_read(copy, i, &err));
		assert_string_equal(err.tag, "E-BUNDLE");
		error_clear(&err);
		free(copy);
		data.data[i] ^= 0x10;
		back = bundle_read(data.data, data.len, &err);
		assert_int_equal(!back, err.tag != NULL);
		bundle_free(back);
		error_clear(&err);
		data.data[i] ^= 0x10;
	}
	bundle_free(b);
	buf_release(&data);
}

static void refuse_payload(struct bundle *b, const char *part)
{
	struct buf data = BUF_INIT;

	assert_int_equal(bundle_write(b, &data, &err), -1);
	assert_int_equal(data.len, 0);
	expect("E-BUNDLE", part);
	buf_release(&data);
	bundle_free(b);
}

static void test_contents_refused(void **state)
{
	struct bundle *b = make_bundle();
	char name[16];
	int i;

	set(&b->machine, "aarch64");
	refuse_payload(b, "an object for machine 'x86_64' in a bundle for 'aarch64'");
	b = make_bundle();
	set(&b->objects[0].facts.text, "no digest");
	refuse_payload(b, "of which text");
	b = make_bundle();
	set(&b->objects[0].facts.release, "6.1.0");
	refuse_payload(b, "for which kernel");
	b = make_bundle();
	set(&b->version, "\033[31m");
	refuse_payload(b, "no line of text");
	b = make_bundle();
	for (i = 0; i < BUNDLE_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		bundle_add_module(b, name, "");
	}
	refuse_payload(b, "too many records 'module'");
	b = make_bundle();
	for (i = 0; i < BUNDLE_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		bundle_add_file(b, name, "");
	}
	refuse_payload(b, "too many records 'file'");
	b = make_bundle();
	for (i = 0; i < BUNDLE_TARGETS_MAX; i++)
		*MEM_GROW(b->objects[0].targets, b->objects[0].n_targets) = mem_string("t");
	refuse_payload(b, "too many targets");
	b = make_bundle();
	free(b->script.text);
	b->script.text = mem_alloc(BUNDLE_TEXT_MAX + 1);
	memset(b->script.text, 'a', BUNDLE_TEXT_MAX);
	refuse_payload(b, "too long");
}

/* a payload with a record that is not as it says */
static void refuse_text(const char *text, const char *part)
{
	assert_null(bundle_read(text, strlen(text), &err));
	expect("E-BUNDLE", part);
}

static void test_records_refused(void **state)
{
	refuse_text("", "does not begin with 'bundle'");
	refuse_text("bundle 2\n1\n", "does not begin with 'bundle'");
	refuse_text(BUNDLE_HEAD, "no 'KEY LENGTH' line");
	refuse_text(BUNDLE_HEAD "version\n", "no 'KEY LENGTH' line");
	refuse_text(BUNDLE_HEAD " 1\n1\n", "no 'KEY LENGTH' line");
	refuse_text(BUNDLE_HEAD "averyverylongkeyofarecord 1\n1\n", "no 'KEY LENGTH' line");
	refuse_text(BUNDLE_HEAD "version 268435457\n1\n", "is no number");
	refuse_text(BUNDLE_HEAD "version 268435456\n1\n", "shorter or longer");
	refuse_text(BUNDLE_HEAD "version 18446744073709551617\n1\n", "is no number");
	refuse_text(BUNDLE_HEAD "version 4294967297\n1\n", "is no number");
	refuse_text(BUNDLE_HEAD "version -1\n1\n", "is no number");
	refuse_text(BUNDLE_HEAD "version +1\n1\n", "is no number");
	refuse_text(BUNDLE_HEAD "version 01\n1\n", "is no number");
	refuse_text(BUNDLE_HEAD "version 0x1\n1\n", "is no number");
	refuse_text(BUNDLE_HEAD "version 2\n1\n", "shorter or longer");
	refuse_text(BUNDLE_HEAD "version 1\n12\n", "shorter or longer");
	refuse_text(BUNDLE_HEAD "version 0\n\n", "no line of text");
}

/* ---- files ---- */

static int make_file(const struct buf *data)
{
	char path[] = "/tmp/mt-bundle-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, data->data, data->len), data->len);
	return fd;
}

static void join(struct buf *out)
{
	struct bundle *b = make_bundle();
	struct buf runtime = BUF_INIT, payload = BUF_INIT;

	buf_adds(&runtime, "#!/bin/sh\n");
	assert_int_equal(bundle_write(b, &payload, &err), 0);
	assert_int_equal(bundle_join(&runtime, &payload, out, &err), 0);
	bundle_free(b);
	buf_release(&runtime);
	buf_release(&payload);
}

static void test_file(void **state)
{
	struct buf file = BUF_INIT, again = BUF_INIT, payload = BUF_INIT;
	struct bundle *b = NULL;
	int fd;

	join(&file);
	fd = make_file(&file);
	assert_int_equal(bundle_open(fd, "b", &b, &err), 1);
	assert_string_equal(b->script.name, "a.lua");
	/* a bundle as the runtime of another gives up its payload */
	assert_int_equal(bundle_write(b, &payload, &err), 0);
	assert_int_equal(bundle_join(&file, &payload, &again, &err), 0);
	assert_int_equal(again.len, file.len);
	bundle_free(b);
	close(fd);
	buf_release(&file);
	buf_release(&again);
	buf_release(&payload);
}

static void refuse_file(struct buf *file, size_t flip, size_t size, const char *part)
{
	struct buf copy = BUF_INIT;
	struct bundle *b = NULL;
	int fd;

	buf_add(&copy, file->data, size);
	if (flip < size)
		copy.data[flip] ^= 4;
	fd = make_file(&copy);
	assert_int_equal(bundle_open(fd, "b", &b, &err), part ? -1 : 0);
	assert_null(b);
	if (part)
		expect("E-BUNDLE", part);
	close(fd);
	buf_release(&copy);
}

static void test_file_damage(void **state)
{
	struct buf file = BUF_INIT;
	size_t n, trailer;

	join(&file);
	n = file.len;
	trailer = n - BUNDLE_TRAILER;
	refuse_file(&file, 50, n, "checksum");
	refuse_file(&file, trailer - 1, n, "checksum");
	refuse_file(&file, n - 1, n, "checksum");
	refuse_file(&file, trailer + 16, n, "format 5");
	refuse_file(&file, trailer + 20, n, "damaged");
	refuse_file(&file, trailer + 24, n, "checksum");
	refuse_file(&file, trailer + 27, n, "its payload has");
	refuse_file(&file, trailer + 31, n, "its payload has");
	/* without its mark it is a file like any other */
	refuse_file(&file, trailer, n, NULL);
	refuse_file(&file, n, 10, NULL);
	refuse_file(&file, n, 0, NULL);
	buf_release(&file);
}

/* ---- which object ---- */

/* as long as an ELF header and its section headers say, the latter at the end */
static void make_runtime(struct buf *out)
{
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 }, .e_shoff = 200, .e_shnum = 2,
		.e_shentsize = 64,
	};
	static const char rest[328 - sizeof(eh)];

	buf_add(out, &eh, sizeof(eh));
	buf_add(out, rest, sizeof(rest));
}

/* behind an ELF executable every cut is seen, in the executable, too, and what is behind */
static void test_file_cut(void **state)
{
	struct bundle *b = make_bundle();
	struct buf runtime = BUF_INIT, payload = BUF_INIT, file = BUF_INIT;
	size_t i;

	make_runtime(&runtime);
	assert_int_equal(bundle_write(b, &payload, &err), 0);
	assert_int_equal(bundle_join(&runtime, &payload, &file, &err), 0);
	bundle_free(b);
	for (i = sizeof(Elf64_Ehdr); i < file.len; i++) {
		if (i != runtime.len)
			refuse_file(&file, file.len, i, "the end of the bundle is missing");
	}
	/* which is no bundle at all, and so are these */
	refuse_file(&file, file.len, runtime.len, NULL);
	refuse_file(&file, file.len, sizeof(Elf64_Ehdr) - 1, NULL);
	buf_adds(&file, "x");
	refuse_file(&file, file.len, file.len, "or something is behind it");
	buf_add(&file, payload.data, payload.len);
	refuse_file(&file, file.len, file.len, "or something is behind it");
	buf_adds(&runtime, "not a payload");
	refuse_file(&runtime, runtime.len, runtime.len, NULL);
	buf_release(&runtime);
	buf_release(&payload);
	buf_release(&file);
}

static void test_no_file(void **state)
{
	struct bundle *b = NULL;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "MOONTRACEBUNDLE", 16), 16);
	assert_int_equal(bundle_open(fds[0], "b", &b, &err), 0);
	close(fds[0]);
	close(fds[1]);
	fds[0] = open("/", O_RDONLY);
	assert_int_equal(bundle_open(fds[0], "b", &b, &err), 0);
	close(fds[0]);
	assert_null(b);
}

static void test_match(void **state)
{
	struct bundle *b = make_bundle();
	struct request req;
	struct object *obj;

	make_request(&req, "3.10.0");
	obj = bundle_object(b, &req, &err);
	assert_non_null(obj);
	assert_int_equal(obj->programs[2].insns[0].imm, 0);
	object_free(obj);
	request_add_define(&req, "PID", "42");
	obj = bundle_object(b, &req, &err);
	assert_non_null(obj);
	assert_int_equal(obj->programs[2].insns[0].imm, 1);
	assert_int_equal(obj->programs[2].insns[2].imm, 42);
	object_free(obj);
	set(&req.defines[0], "PID=x");
	assert_null(bundle_object(b, &req, &err));
	expect("E-BUNDLE", "define 'PID' is a whole number in this bundle, not 'x'");
	set(&req.defines[0], "TID=3");
	assert_null(bundle_object(b, &req, &err));
	expect("E-BUNDLE", "define 'TID' is absent in this bundle and cannot be 3");
	request_release(&req);
	bundle_free(b);
}

/* a request whose kernel differs in one thing */
static void refuse_kernel(void (*change)(struct request *), const char *part)
{
	struct bundle *b = make_bundle();
	struct request req;

	make_request(&req, "6.2.0");
	change(&req);
	assert_null(bundle_object(b, &req, &err));
	assert_string_equal(err.tag, "E-BUNDLE");
	assert_non_null(strstr(err.hint, "any kernel with the fields of c:e"));
	expect("E-BUNDLE", part);
	request_release(&req);
	bundle_free(b);
}

static void change_field(struct request *req)
{
	set(&req->formats[0].text, "\tfield:int a;\toffset:16;\n");
}

static void change_stack(struct request *req)
{
	req->zero_stack = 1;
}

static void change_machine(struct request *req)
{
	set(&req->machine, "aarch64");
}

static void change_config(struct request *req)
{
	request_add_define(req, "CONFIG_SMP", "1");
}

static void change_flag(struct request *req)
{
	*MEM_GROW(req->cflags, req->n_cflags) = mem_string("-DMOONTRACE_SYSCALL_WRAPPER=1");
}

static void change_arg(struct request *req)
{
	request_add_arg(req, "ip_rcv", "skb", 1, "struct sk_buff *");
}

static void test_other_kernels(void **state)
{
	static const char none[] = "no object for kernel 6.2.0";
	struct bundle *b = bundle_new();
	struct request req;

	refuse_kernel(change_field, none);
	refuse_kernel(change_stack, none);
	refuse_kernel(change_machine, none);
	refuse_kernel(change_config, none);
	refuse_kernel(change_flag, none);
	refuse_kernel(change_arg, none);
	make_request(&req, "6.2.0");
	assert_null(bundle_object(b, &req, &err));
	assert_string_equal(err.hint, "the bundle has no objects");
	expect("E-BUNDLE", "this text was not built");
	request_release(&req);
	bundle_free(b);
}

/* what was compiled with a kernel's types is for its release alone */
static void test_bound(void **state)
{
	struct bundle *b = make_bundle();
	struct request req, here;
	struct buf what = BUF_INIT;
	struct object *obj;

	bundle_free(b);
	b = bundle_new();
	set(&b->machine, "x86_64");
	make_request(&req, "6.1.0");
	set(&req.headers_id, "sha256:1");
	req.ringbuf = 1;
	assert_int_equal(bundle_add_object(b, "6.1", &req, sample_object(), &err), 0);
	bundle_describe(&b->objects[0], &what);
	assert_non_null(strstr(what.data, "6.1.0, ring buffers"));
	make_request(&here, "6.1.1");
	here.ringbuf = 1;
	assert_null(bundle_object(b, &here, &err));
	assert_non_null(strstr(err.hint, "6.1.0, ring buffers"));
	expect("E-BUNDLE", "no object for kernel 6.1.1");
	set(&here.release, "6.1.0");
	obj = bundle_object(b, &here, &err);
	assert_non_null(obj);
	object_free(obj);
	here.ringbuf = 0;
	assert_null(bundle_object(b, &here, &err));
	expect("E-BUNDLE", "no object for kernel 6.1.0");
	request_release(&req);
	request_release(&here);
	buf_release(&what);
	bundle_free(b);
}

static void test_version(void **state)
{
	struct request req, facts;

	make_request(&req, "6.1.0");
	set(&req.text, "#if LINUX_VERSION_CODE > 3\n#endif\n");
	bundle_facts(&req, &facts);
	assert_string_equal(facts.release, "6.1.0");
	request_release(&req);
	request_release(&facts);
}

/* two kernels with one object */
static void test_shared(void **state)
{
	struct bundle *b = make_bundle();
	struct request req;

	make_request(&req, "5.10.0");
	req.version_code = 0x50a00;
	request_add_param(&req, "PID", true);
	assert_int_equal(bundle_add_object(b, "5.10", &req, make_object(true), &err), 0);
	assert_int_equal(b->n_objects, 1);
	assert_int_equal(b->objects[0].n_targets, 2);
	req.zero_stack = 1;
	assert_int_equal(bundle_add_object(b, "el7", &req, make_object(true), &err), 0);
	assert_int_equal(b->n_objects, 2);
	request_release(&req);
	bundle_free(b);
}

static void test_fixed(void **state)
{
	struct bundle *b = bundle_new();
	struct object *obj = make_object(false);
	struct request req;

	set(&b->machine, "x86_64");
	object_add_fact(obj, "fixed", "MAX is fixed to 3: a loop");
	make_request(&req, "6.1.0");
	request_add_define(&req, "MAX", "3");
	request_add_param(&req, "PID", false);
	assert_int_equal(bundle_add_object(b, "6.1", &req, obj, &err), 0);
	assert_null(bundle_object(b, &req, &err));
	expect("E-BUNDLE", "define 'PID' must be given");
	request_add_define(&req, "PID", "7");
	set(&req.defines[0], "MAX=4");
	assert_null(bundle_object(b, &req, &err));
	assert_string_equal(err.hint, "MAX is fixed to 3: a loop");
	expect("E-BUNDLE", "define 'MAX' is fixed to 3 in this bundle and cannot be 4");
	set(&req.defines[0], "MAX=3");
	obj = bundle_object(b, &req, &err);
	assert_non_null(obj);
	object_free(obj);
	set(&req.defines[0], "PID=7");
	assert_null(bundle_object(b, &req, &err));
	expect("E-BUNDLE", "define 'MAX' is fixed to 3 in this bundle and cannot be absent");
	request_release(&req);
	bundle_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_params_round_trip),
		cmocka_unit_test(test_params_refused),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_contents_refused),
		cmocka_unit_test(test_records_refused),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_damage),
		cmocka_unit_test(test_file_cut),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_other_kernels),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
