/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a program object.  The checksum is made right first, so that
 * what lies behind it is reached; what is accepted must be usable: shown,
 * decoded, and written to the same object again.
 *
 *	fuzz_object -max_total_time=60 CORPUS
 *
 * With a path in MOONTRACE_SEED a first corpus file is written there.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/object_sample.h"
#include "object/object_format.h"
#include "object/plan.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *path = getenv("MOONTRACE_SEED");
	struct error err = ERROR_INIT;
	struct buf file = BUF_INIT;
	struct object *obj;
	FILE *f;

	if (!path)
		return 0;
	obj = sample_object();
	f = fopen(path, "wb");
	if (!f || object_write(obj, &file, &err))
		abort();
	fwrite(file.data, 1, file.len, f);
	fclose(f);
	object_free(obj);
	buf_release(&file);
	return 0;
}

static void use_types(const struct types *t)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	uint32_t id;

	for (id = 0; id < types_count(t) && id < 200; id++) {
		struct plan *plan = plan_new(t, id, 0, &err);

		if (plan && plan->size > 0x7fffffff)
			abort();
		plan_free(plan);
		buf_clear(&text);
		types_declare(t, id, &text);
	}
	buf_release(&text);
	error_clear(&err);
}

static void write_again(const struct object *obj)
{
	struct error err = ERROR_INIT;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct object *back;

	if (object_write(obj, &first, &err))
		abort();
	back = object_read(first.data, first.len, &err);
	if (!back || object_write(back, &second, &err))
		abort();
	if (first.len != second.len || memcmp(first.data, second.data, first.len) != 0)
		abort();
	object_free(back);
	buf_release(&first);
	buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	struct buf text = BUF_INIT;
	uint8_t *copy = mem_copy(data, size);
	struct object *obj;

	if (size >= FORMAT_AT + sizeof(struct format_record))
		object_seal(copy, size);
	obj = object_read(copy, size, &err);
	if (!obj != (err.tag != NULL))
		abort();
	if (obj) {
		object_dump(obj, &text);
		write_again(obj);
		if (obj->types)
			use_types(obj->types);
	}
	object_free(obj);
	error_clear(&err);
	buf_release(&text);
	free(copy);
	return 0;
}
