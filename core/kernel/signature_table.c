/* SPDX-License-Identifier: Apache-2.0 */
/* The table of signatures: reads its text, finds rows. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/table.h"
#include "kernel/signature_internal.h"

struct entry {
	char *function;
	struct signature_row *rows;
	size_t n;
};

static const char *table_text;
static struct table *entries;		/* function to entry; NULL: not parsed yet */

struct reader {
	struct entry *entry;		/* of the function in hand, or NULL */
	struct buf row;			/* its lines so far, joined; "" if none is open */
	unsigned line, row_line;
	struct error *err;
};

static char *trimmed(const char *p, size_t len)
{
	while (len > 0 && isspace((unsigned char)*p))
		p++, len--;
	while (len > 0 && isspace((unsigned char)p[len - 1]))
		len--;
	return mem_string_n(p, len);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool is_type_word(const char *s)
{
	static const char *const words[] = { "int", "long", "short", "char", "unsigned",
		"signed", "bool", "void" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(s, words[i]) == 0)
			return true;
	}
	return false;
}

/* where the name is in "TYPE NAME" or "TYPE (*NAME)(...)"; its length may be 0 */
static size_t find_name(const char *text, size_t *ret_len)
{
	const char *star = strstr(text, "(*");
	size_t end = strlen(text), at;

	if (star) {
		at = star + 2 - text;
		for (end = at; is_word(text[end]); end++)
			;
		*ret_len = end - at;
		return at;
	}
	for (at = end; at > 0 && is_word(text[at - 1]); at--)
		;
	*ret_len = end - at;
	if (at == 0 || is_type_word(text + at)) {
		*ret_len = 0;
		return end;
	}
	return at;
}

static bool add_param(struct signature *s, const char *start, size_t len)
{
	char *text = trimmed(start, len), *type, *joined;
	size_t at, name_len;
	bool ok;

	if (strcmp(text, "...") == 0) {
		s->variadic = true;
		free(text);
		return true;
	}
	at = find_name(text, &name_len);
	joined = mem_format("%.*s%s", (int)at, text, text + at + name_len);
	type = trimmed(joined, strlen(joined));
	ok = *type != '\0' && !s->variadic;
	signature_add_param(s, type, mem_string_n(text + at, name_len));
	free(joined);
	free(text);
	return ok;
}

/* p is behind the opening parenthesis, end at the closing one */
static bool read_params(struct signature *s, const char *p, const char *end)
{
	const char *start = p;
	int depth = 0;

	if (end - p == 4 && memcmp(p, "void", 4) == 0)
		return true;
	for (; p <= end; p++) {
		if (*p == '(' && p < end)
			depth++;
		if ((p == end || *p == ',') && depth == 0) {
			if (!add_param(s, start, p - start))
				return false;
			start = p + 1;
		}
		if (*p == ')' && p < end)
			depth--;
	}
	return depth == 0;
}

/* "RETURN (PARAMS)": the parenthesis that the last one closes opens the list */
static bool read_prototype(struct signature *s, const char *text)
{
	const char *end = text + strlen(text), *p;
	int depth = 0;

	if (end == text || end[-1] != ')')
		return false;
	for (p = end; p > text; p--) {
		if (p[-1] == ')')
			depth++;
		if (p[-1] == '(' && --depth == 0)
			break;
	}
	if (p == text)
		return false;
	s->type = trimmed(text, p - 1 - text);
	return *s->type != '\0' && read_params(s, p, end - 1);
}

static int bad_row(struct reader *r, const char *what)
{
	return error_set(r->err, "E-SIGNATURE", "table of signatures, line %u: %s",
		r->row.len ? r->row_line : r->line, what);
}

static void release_row(struct signature_row *row)
{
	free((char *)row->range);
	free((char *)row->source);
	free((char *)row->remarks);
	signature_release(&row->sig);
}

/* "RANGE: PROTOTYPE | SOURCE [| REMARKS]" into an empty row; NULL, or what is wrong */
static const char *split_row(struct signature_row *row, const char *text)
{
	const char *colon = strpbrk(text, ": "), *bar = strchr(text, '|'), *remarks;
	struct signature_range range;
	char *prototype;
	bool ok;

	if (colon && str_starts(text, "el7:") && isdigit((unsigned char)text[4]))
		colon = strpbrk(colon + 1, ": ");
	if (!colon || *colon != ':' || !bar || bar < colon)
		return "not 'RANGE: RETURN (TYPE NAME, ...) | SOURCE'";
	remarks = strchr(bar + 1, '|');
	row->range = trimmed(text, colon - text);
	row->source = trimmed(bar + 1, remarks ? (size_t)(remarks - bar - 1) : strlen(bar + 1));
	row->remarks = remarks ? trimmed(remarks + 1, strlen(remarks + 1)) : mem_string("");
	if (!signature_range_read(row->range, &range))
		return "not a range of kernels";
	if (!*row->source)
		return "no source";
	prototype = trimmed(colon + 1, bar - colon - 1);
	ok = read_prototype(&row->sig, prototype);
	free(prototype);
	return ok ? NULL : "not a prototype: 'RETURN (TYPE NAME, ...)'";
}

static bool overlaps(const struct signature_row *a, const struct signature_row *b)
{
	struct signature_range x, y;

	return signature_range_read(a->range, &x) && signature_range_read(b->range, &y) &&
		x.el7 == y.el7 && x.low <= y.high && y.low <= x.high;
}

/* the row's lines are together: read it */
static int finish_row(struct reader *r)
{
	struct signature_row row = { 0 };
	const char *wrong;
	size_t i;

	if (r->row.len == 0)
		return 0;
	row.function = r->entry->function;
	wrong = split_row(&row, r->row.data);
	for (i = 0; !wrong && i < r->entry->n; i++) {
		if (overlaps(&row, &r->entry->rows[i]))
			wrong = "a kernel that a former row of this function is for";
	}
	if (wrong) {
		bad_row(r, wrong);
		release_row(&row);
		return -1;
	}
	row.sig.function = mem_string(r->entry->function);
	row.sig.source = mem_string(row.source);
	*MEM_GROW(r->entry->rows, r->entry->n) = row;
	buf_clear(&r->row);
	return 0;
}

static int start_function(struct reader *r, const char *line)
{
	struct entry *e;
	const char *p;

	for (p = line; is_word(*p); p++)
		;
	if (*p || p == line)
		return bad_row(r, "not the name of a function");
	if (table_get(entries, line))
		return bad_row(r, "a function that was there before");
	if (r->entry && r->entry->n == 0)
		return bad_row(r, "the function before has no row");
	e = mem_alloc(sizeof(*e));
	e->function = mem_string(line);
	table_set(entries, line, e);
	r->entry = e;
	return 0;
}

static int read_line(struct reader *r, const char *line)
{
	bool more = str_starts(line, "\t\t");

	if (more && r->row.len) {
		buf_addf(&r->row, " %s", line + 2);
		return 0;
	}
	if (finish_row(r) < 0)
		return -1;
	if (*line == '#' || *line == '\0')
		return 0;
	if (more)
		return bad_row(r, "continues no row");
	if (*line != '\t')
		return start_function(r, line);
	if (!r->entry)
		return bad_row(r, "a row before the first function");
	r->row_line = r->line;
	buf_adds(&r->row, line + 1);
	return 0;
}

static void free_entry(void *value)
{
	struct entry *e = value;
	size_t i;

	for (i = 0; i < e->n; i++)
		release_row(&e->rows[i]);
	free(e->rows);
	free(e->function);
	free(e);
}

static int read_lines(struct reader *r)
{
	const char *p = table_text, *end;
	char *line;
	int bad = 0;

	for (; *p && !bad; p = *end ? end + 1 : end) {
		end = strchrnul(p, '\n');
		line = mem_string_n(p, end - p);
		r->line++;
		bad = read_line(r, line);
		free(line);
	}
	if (!bad)
		bad = finish_row(r);
	if (!bad && r->entry && r->entry->n == 0)
		bad = bad_row(r, "the function before has no row");
	return bad;
}

static int load(struct error *err)
{
	struct reader r = { .row = BUF_INIT, .err = err };
	int bad;

	if (entries || !table_text)
		return 0;
	entries = table_new();
	bad = read_lines(&r);
	buf_release(&r.row);
	if (bad) {
		table_free(entries, free_entry);
		entries = NULL;
	}
	return bad;
}

void signature_table_set(const char *text)
{
	table_free(entries, free_entry);
	entries = NULL;
	table_text = text;
}

int signature_table_each(bool (*fn)(void *arg, const struct signature_row *row), void *arg,
	struct error *err)
{
	struct entry *e;
	size_t at = 0, i;
	void *value;

	if (load(err) < 0)
		return -1;
	while (entries && table_next(entries, &at, NULL, &value)) {
		e = value;
		for (i = 0; i < e->n; i++) {
			if (!fn(arg, &e->rows[i]))
				return 0;
		}
	}
	return 0;
}

static struct entry *find_entry(const char *function)
{
	return entries ? table_get(entries, function) : NULL;
}

static void copy_row(const struct signature_row *row, struct signature *ret)
{
	size_t i;

	memset(ret, 0, sizeof(*ret));
	ret->type = mem_string(row->sig.type);
	ret->variadic = row->sig.variadic;
	ret->source = mem_format("table of signatures, %s: %s", row->range, row->source);
	for (i = 0; i < row->sig.n; i++) {
		signature_add_param(ret, mem_string(row->sig.params[i].type),
			mem_string(row->sig.params[i].name));
	}
}

int signature_from_table(const char *function, const struct signature_target *target,
	struct signature *ret, struct error *err)
{
	const struct entry *e;
	size_t i;

	if (load(err) < 0)
		return -1;
	e = find_entry(function);
	for (i = 0; e && i < e->n; i++) {
		if (signature_row_covers(&e->rows[i], target)) {
			copy_row(&e->rows[i], ret);
			return 1;
		}
	}
	return 0;
}

int signature_ranges(const char *function, struct buf *out, struct error *err)
{
	const struct entry *e;
	size_t i;

	if (load(err) < 0)
		return -1;
	e = find_entry(function);
	for (i = 0; e && i < e->n; i++)
		buf_addf(out, "%s%s", i ? ", " : "", e->rows[i].range);
	return 0;
}

char *signature_nearest(const char *function)
{
	struct nearest n;
	const char *name;
	size_t at = 0;

	nearest_init(&n, function);
	while (entries && table_next(entries, &at, &name, NULL))
		nearest_offer(&n, name);
	return nearest_hint(&n);
}
