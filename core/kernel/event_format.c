/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/event_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static bool is_word(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
		(c >= 'A' && c <= 'Z');
}

static void trim_end(char *s)
{
	size_t n = strlen(s);

	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
		s[--n] = '\0';
}

/* "unsigned long args[6]" is "unsigned long[6]" and "args": takes decl apart */
static bool split(char *decl, struct event_field *f)
{
	size_t len, end;

	trim_end(decl);
	len = strlen(decl);
	end = len;
	if (len && decl[len - 1] == ']')
		end = strrchr(decl, '[') ? (size_t)(strrchr(decl, '[') - decl) : 0;
	for (len = end; len > 0 && is_word(decl[len - 1]); len--)
		;
	if (len == end || len == 0)
		return false;
	f->name = mem_string_n(decl + len, end - len);
	f->type = mem_string_n(decl, len);
	trim_end(f->type);
	if (decl[end]) {
		char *type = mem_format("%s%s", f->type, decl + end);

		free(f->type);
		f->type = type;
	}
	return true;
}

/* 1: a field; 0: another line; -1: damaged. The caller frees type and name */
static int parse_line(const char *line, struct event_field *f)
{
	const char *at = line + strspn(line, " \t"), *semicolon;
	char *decl;
	bool good;

	memset(f, 0, sizeof(*f));
	if (!str_starts(at, "field:"))
		return 0;
	at += strlen("field:");
	semicolon = strchr(at, ';');
	if (!semicolon || sscanf(semicolon, "; offset:%u; size:%u;", &f->offset, &f->size) < 2)
		return -1;
	decl = mem_string_n(at, semicolon - at);
	good = split(decl, f);
	free(decl);
	return good ? 1 : -1;
}

int event_format_each(const char *format, bool (*fn)(void *arg, const struct event_field *f),
	void *arg, struct error *err)
{
	char *text = mem_string(format), *rest = text, *line;
	bool more = true, any = false;
	struct event_field f;
	int is = 0;

	while (more && is >= 0 && (line = strsep(&rest, "\n")) != NULL) {
		is = parse_line(line, &f);
		any |= is > 0;
		if (is > 0 && !str_starts(f.name, "common_"))
			more = fn(arg, &f);
		free(f.type);
		free(f.name);
	}
	free(text);
	if (is >= 0 && any)
		return 0;
	return error_set(err, "E-TRACEFS", "the format of the tracepoint is not understood");
}
