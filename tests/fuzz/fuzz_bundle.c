/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the payload of a bundle.  What is accepted must be usable:
 * searched for an object with any defines, described, and written to the
 * same bytes again.  The checksums of objects are made right first.
 *
 *	fuzz_bundle -max_total_time=60 CORPUS
 *
 * corpus/bundle.tar.xz holds a corpus, minimised by -merge=1; unpack it first.
 * With a path in MOONTRACE_SEED a first corpus file is written there.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/object_sample.h"
#include "cache/bundle.h"
#include "object/object_format.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void set(char **field, const char *value)
{
	free(*field);
	*field = mem_string(value);
}

static struct object *seed_object(void)
{
	static const struct bpf_insn insns[] = {
		{ BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 0 }, { 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	static const struct object_patch patches[] = {
		{ PATCH_VALUE, 0, 2, 0 }, { PATCH_ENTRIES, 0, 0, 0 },
	};
	struct object *obj = sample_object();
	struct object_program *p = object_add_program(obj, "patched");

	p->insns = mem_copy(insns, sizeof(insns));
	p->n_insns = ARRAY_SIZE(insns);
	object_add_param(obj, "PID", true);
	obj->patches = mem_copy(patches, sizeof(patches));
	obj->n_patches = ARRAY_SIZE(patches);
	return obj;
}

static void seed(struct buf *out)
{
	struct bundle *b = bundle_new();
	struct error err = ERROR_INIT;
	struct request req;

	set(&b->version, "1");
	set(&b->machine, "x86_64");
	set(&b->script.name, "a.lua");
	bundle_add_module(b, "m", "return 1\n");
	bundle_add_file(b, "t.c", "int f;\n");
	request_init(&req);
	set(&req.machine, "x86_64");
	request_add_param(&req, "PID", true);
	request_add_define(&req, "MAX", "3");
	request_add_format(&req, "c", "e", "\tfield:int a;\n");
	if (bundle_add_object(b, "6.1", &req, seed_object(), &err))
		abort();
	set(&req.headers_id, "id");
	set(&req.release, "6.1.0");
	if (bundle_add_object(b, "6.1", &req, sample_object(), &err) ||
		bundle_write(b, out, &err))
		abort();
	request_release(&req);
	bundle_free(b);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *path = getenv("MOONTRACE_SEED");
	struct buf payload = BUF_INIT;
	FILE *f;

	if (!path)
		return 0;
	seed(&payload);
	f = fopen(path, "wb");
	if (!f)
		abort();
	fwrite(payload.data, 1, payload.len, f);
	fclose(f);
	buf_release(&payload);
	return 0;
}

/* "object LENGTH\n": the bytes behind it get their checksum */
static void seal_objects(uint8_t *data, size_t size)
{
	static const char mark[] = "\nobject ";
	uint8_t *at = data, *end = data + size;

	while ((at = memmem(at, end - at, mark, sizeof(mark) - 1)) != NULL) {
		size_t n = 0;

		at += sizeof(mark) - 1;
		while (at < end && *at >= '0' && *at <= '9' && n < size)
			n = n * 10 + (*at++ - '0');
		if (at < end && *at == '\n' && n <= (size_t)(end - at - 1) &&
			n >= FORMAT_AT + sizeof(struct format_record))
			object_seal(at + 1, n);
	}
}

static void use(const struct bundle *b)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	size_t i, j;

	for (i = 0; i < b->n_objects; i++) {
		const struct bundle_object *o = &b->objects[i];
		struct request req;
		struct object *obj;

		bundle_describe(o, &text);
		request_init(&req);
		set(&req.release, o->facts.release);
		set(&req.machine, o->facts.machine);
		for (j = 0; j < o->object->n_params; j++)
			request_add_define(&req, o->object->params[j].name, "5");
		obj = bundle_object(b, &req, &err);
		object_free(obj);
		request_release(&req);
		error_clear(&err);
	}
	buf_release(&text);
}

static void write_again(const struct bundle *b)
{
	struct error err = ERROR_INIT;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct bundle *back;

	if (bundle_write(b, &first, &err))
		abort();
	back = bundle_read(first.data, first.len, &err);
	if (!back || bundle_write(back, &second, &err))
		abort();
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	bundle_free(back);
	buf_release(&first);
	buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	uint8_t *copy = mem_copy(data, size);
	struct bundle *b;

	seal_objects(copy, size);
	b = bundle_read(copy, size, &err);
	if (!b != (err.tag != NULL))
		abort();
	if (b) {
		use(b);
		write_again(b);
	}
	bundle_free(b);
	error_clear(&err);
	free(copy);
	return 0;
}
