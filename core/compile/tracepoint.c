/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/tracepoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ctoken.h"
#include "base/mem.h"
#include "base/str.h"

/* one line: "field:unsigned int vec;	offset:8;	size:4;	signed:0;" */
struct field {
	char type[128], name[64];
	unsigned offset, size, is_signed;
	bool array;
	unsigned count;		/* of an array, as written; 0: not a number */
};

/* bytes of one element, of the types that tracepoints have arrays of; or 0 */
static unsigned element_size(const char *type)
{
	static const struct { const char *name; unsigned size; } known[] = {
		{ "char", 1 }, { "unsigned char", 1 }, { "signed char", 1 },
		{ "u8", 1 }, { "s8", 1 }, { "__u8", 1 }, { "__s8", 1 },
		{ "uint8_t", 1 }, { "int8_t", 1 }, { "bool", 1 },
		{ "short", 2 }, { "unsigned short", 2 }, { "u16", 2 }, { "s16", 2 },
		{ "__u16", 2 }, { "__s16", 2 }, { "__be16", 2 }, { "__le16", 2 },
		{ "uint16_t", 2 }, { "int16_t", 2 },
		{ "int", 4 }, { "unsigned int", 4 }, { "unsigned", 4 }, { "u32", 4 },
		{ "s32", 4 }, { "__u32", 4 }, { "__s32", 4 }, { "__be32", 4 },
		{ "__le32", 4 }, { "uint32_t", 4 }, { "int32_t", 4 },
		{ "long", 8 }, { "unsigned long", 8 }, { "long long", 8 },
		{ "unsigned long long", 8 }, { "u64", 8 }, { "s64", 8 },
		{ "__u64", 8 }, { "__s64", 8 }, { "uint64_t", 8 }, { "int64_t", 8 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, type) == 0)
			return known[i].size;
	}
	return 0;
}

static void trim(char *s)
{
	size_t n = strlen(s);

	while (n && strchr(" \t", s[n - 1]))
		s[--n] = 0;
}

/* splits "unsigned long args[6]" */
static bool split_declaration(const char *decl, struct field *f)
{
	char copy[192], *bracket, *name;
	uint64_t count;

	snprintf(copy, sizeof(copy), "%s", decl);
	bracket = strchr(copy, '[');
	/* "__data_loc char[] name" has its bracket in the type */
	if (bracket && !strchr(bracket, ' ')) {
		*bracket++ = 0;
		bracket[strcspn(bracket, "]")] = 0;
		f->array = true;
		f->count = str_to_u64(bracket, 1, 1 << 20, &count) ? count : 0;
	}
	trim(copy);
	name = copy + strlen(copy);
	while (name > copy && !strchr(" \t*", name[-1]))
		name--;
	if (name == copy || !ctoken_is_name(name) || strlen(name) >= sizeof(f->name))
		return false;
	strcpy(f->name, name);
	*name = 0;
	trim(copy);
	snprintf(f->type, sizeof(f->type), "%s", copy);
	return true;
}

/* 1: a field; 0: another line; -1: damaged */
static int parse_line(const char *line, struct field *f)
{
	char decl[192];
	const char *at = line + strspn(line, " \t"), *semicolon;

	if (!str_starts(at, "field:"))
		return 0;
	at += strlen("field:");
	semicolon = strchr(at, ';');
	if (!semicolon || (size_t)(semicolon - at) >= sizeof(decl))
		return -1;
	memset(f, 0, sizeof(*f));
	memcpy(decl, at, semicolon - at);
	decl[semicolon - at] = 0;
	if (sscanf(semicolon, "; offset:%u; size:%u; signed:%u;", &f->offset, &f->size,
		   &f->is_signed) < 2)
		return -1;
	if (f->offset > 1 << 20 || f->size > 1 << 20 || !split_declaration(decl, f))
		return -1;
	return 1;
}

static const char *integer(unsigned size, unsigned is_signed)
{
	static const char *const names[2][4] = {
		{ "u8", "u16", "u32", "u64" }, { "s8", "s16", "s32", "s64" },
	};

	switch (size) {
	case 1: return names[!!is_signed][0];
	case 2: return names[!!is_signed][1];
	case 4: return names[!!is_signed][2];
	case 8: return names[!!is_signed][3];
	}
	return NULL;
}

/* "struct sk_buff *" stays, as does a pointer to char; others lose their type */
static const char *pointer_type(const char *type)
{
	const char *star = strchr(type, '*');
	struct ctoken_reader r;
	struct ctoken t;

	if (star[1] == 0) {
		ctoken_start(&r, type);
		ctoken_next(&r, &t);
		if (ctoken_is(&t, "const"))
			ctoken_next(&r, &t);
		if (ctoken_is(&t, "struct") || ctoken_is(&t, "char"))
			return type;
	}
	return "void *";
}

/* a member of the natural alignment `align`, which its offset may not have */
static void add_member(struct buf *out, const struct field *f, unsigned align,
	const char *type, const char *prefix, unsigned count)
{
	buf_addf(out, " %s %s%s", type, prefix, f->name);
	if (count)
		buf_addf(out, "[%u]", count);
	if (align && f->offset % align)
		buf_adds(out, " __attribute__((packed))");
	buf_addc(out, ';');
}

static void add_array(struct buf *out, const struct field *f)
{
	unsigned element = element_size(f->type);

	/* the kernel may have written a macro's name for the count */
	if (!element && f->count && f->size % f->count == 0)
		element = f->size / f->count;
	if (!element || f->size % element || !integer(element, 0))
		add_member(out, f, 1, "u8", "", f->size);
	else if (strcmp(f->type, "char") == 0)
		add_member(out, f, 1, "char", "", f->size);
	else
		add_member(out, f, element, integer(element, f->is_signed), "", f->size / element);
}

static void add_field(struct buf *out, const struct field *f)
{
	const char *type = integer(f->size, f->is_signed);

	if (f->array)
		add_array(out, f);
	else if (str_starts(f->type, "__data_loc") && f->size == 4)
		add_member(out, f, 4, "int", "data_loc_", 0);
	else if (str_starts(f->type, "__rel_loc") && f->size == 4)
		add_member(out, f, 4, "int", "rel_loc_", 0);
	else if (strchr(f->type, '*') && f->size == 8)
		add_member(out, f, 8, pointer_type(f->type), "", 0);
	else if (strcmp(f->type, "bool") == 0 && f->size == 1)
		add_member(out, f, 1, "bool", "", 0);
	else if (type)
		add_member(out, f, f->size, type, "", 0);
	else
		add_member(out, f, 1, "u8", "", f->size);
}

/* fields behind the first 8 bytes, which all events have in common */
static int add_fields(struct buf *out, char *text)
{
	unsigned at = 8;
	char *line, *rest = text;
	struct field f;

	while ((line = strsep(&rest, "\n"))) {
		int is = parse_line(line, &f);

		if (is < 0)
			return -1;
		if (!is || f.offset < 8 || !f.size || str_starts(f.name, "common_"))
			continue;
		if (f.offset < at)
			return -1;
		if (f.offset > at)
			buf_addf(out, " char __pad_%u[%u];", at, f.offset - at);
		add_field(out, &f);
		at = f.offset + f.size;
	}
	return 0;
}

int tracepoint_struct(const struct request_format *format, struct buf *out, struct error *err)
{
	char *text = mem_string(format->text);
	int ret;

	buf_addf(out, "struct tracepoint__%s__%s { u64 __do_not_use__;", format->category,
		format->event);
	ret = add_fields(out, text);
	buf_adds(out, " };\n");
	free(text);
	if (ret)
		return error_set(err, "E-TRACEFS", "format of tracepoint %s:%s not understood",
			format->category, format->event);
	return 0;
}
