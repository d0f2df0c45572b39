/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/types_header.h"

#include <string.h>

#include "kernel/types_header_internal.h"

/* a tag that the text names, does not define, and that the BTF has not */
static bool lacks_tag(const struct type_set *ts, const struct table *names, const char *name)
{
	unsigned bits = names_of(names, name);

	return bits & NAME_TAG && !(bits & NAME_OWN_TAG) &&
		btf__find_by_name_kind(ts->files[0].btf, name, BTF_KIND_STRUCT) < 0 &&
		btf__find_by_name_kind(ts->files[0].btf, name, BTF_KIND_UNION) < 0 &&
		btf__find_by_name_kind(ts->files[0].btf, name, BTF_KIND_ENUM) < 0;
}

/* tracepoint structs are made from their formats, not from BTF */
static bool needs_modules(const struct type_set *ts, const struct table *names)
{
	const char *name;
	size_t at = 0;

	while (table_next(names, &at, &name, NULL)) {
		if (lacks_tag(ts, names, name) &&
		    strncmp(name, "tracepoint__", strlen("tracepoint__")) != 0)
			return true;
	}
	return false;
}

static struct table *read_names(const struct types_wanted *wanted)
{
	struct table *names = names_new();
	size_t i;

	names_scan(names, wanted->text);
	for (i = 0; i < wanted->n_types; i++)
		names_scan(names, wanted->types[i]);
	names_add_macros(names);
	return names;
}

static int add_types(const struct type_set *ts, const struct table *names, struct buf *out,
	struct error *err)
{
	struct selection s = { .ts = ts, .names = names, .err = err };
	size_t start = out->len;
	int bad;

	buf_adds(out, "/* made from the kernel's BTF for one text */\n");
	bad = select_types(&s) || print_types(&s, out);
	if (bad)
		out->data[out->len = start] = 0;
	selection_release(&s);
	return bad ? -1 : 0;
}

int types_header(const char *btf, const struct types_wanted *wanted, struct buf *out,
	struct error *err)
{
	struct type_set ts = { 0 };
	struct table *names;
	int bad;

	error_clear(err);
	if (type_set_open(&ts, btf, err))
		return -1;
	names = read_names(wanted);
	if (needs_modules(&ts, names))
		type_set_add_modules(&ts);
	bad = add_types(&ts, names, out, err);
	table_free(names, NULL);
	type_set_close(&ts);
	return bad;
}
