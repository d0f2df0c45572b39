/* SPDX-License-Identifier: Apache-2.0 */
/* What keys do that libedit has no command for: several lines, paste, completion. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "repl/editor_internal.h"
#include "repl/layout.h"

static struct editor *editor_of(EditLine *line)
{
	struct editor *e;

	el_get(line, EL_CLIENTDATA, &e);
	return e;
}

/* the line as text, and the byte that the cursor is at */
static char *copy_line(EditLine *line, size_t *ret_cursor)
{
	const LineInfo *info = el_line(line);

	*ret_cursor = info->cursor - info->buffer;
	return mem_string_n(info->buffer, info->lastchar - info->buffer);
}

static unsigned char on_enter(EditLine *line, int key)
{
	static const wchar_t accept[] = { KEY_ACCEPT, 0 };
	struct editor *e = editor_of(line);
	size_t cursor;
	char *text = copy_line(line, &cursor);
	/* a terminal that cannot go up shows one line at a time */
	bool more = e->up && e->hooks->goes_on(e->hooks->arg, text);

	(void)key;
	free(text);
	e->listed = false;
	if (more) {
		el_insertstr(line, "\n");
		return CC_REFRESH;
	}
	el_wpush(line, accept);
	return CC_NORM;
}

static unsigned char on_paste(EditLine *line, int key)
{
	struct editor *e = editor_of(line);

	(void)key;
	el_insertstr(line, e->paste.data);
	buf_clear(&e->paste);
	return CC_REFRESH;
}

/* ---- up and down in a text of several lines ---- */

static const wchar_t *line_start(const LineInfoW *info, const wchar_t *at)
{
	while (at > info->buffer && at[-1] != L'\n')
		at--;
	return at;
}

static const wchar_t *line_end(const LineInfoW *info, const wchar_t *at)
{
	while (at < info->lastchar && *at != L'\n')
		at++;
	return at;
}

/* moves into the line that begins at `start`, to the same column */
static unsigned char move_to(EditLine *line, const wchar_t *start, size_t column)
{
	const LineInfoW *info = el_wline(line);
	const wchar_t *end = line_end(info, start);
	const wchar_t *to = (size_t)(end - start) < column ? end : start + column;

	el_cursor(line, to - info->cursor);
	return CC_REFRESH;
}

static unsigned char on_up(EditLine *line, int key)
{
	const LineInfoW *info = el_wline(line);
	const wchar_t *start = line_start(info, info->cursor);

	(void)key;
	if (start == info->buffer) {
		el_wpush(line, L"\x10");
		return CC_NORM;
	}
	return move_to(line, line_start(info, start - 1), info->cursor - start);
}

static unsigned char on_down(EditLine *line, int key)
{
	const LineInfoW *info = el_wline(line);
	const wchar_t *end = line_end(info, info->cursor);

	(void)key;
	if (end == info->lastchar) {
		el_wpush(line, L"\x0e");
		return CC_NORM;
	}
	return move_to(line, end + 1, info->cursor - line_start(info, info->cursor));
}

/* the line of the text that the cursor is in, not the whole text */
static unsigned char on_home(EditLine *line, int key)
{
	const LineInfoW *info = el_wline(line);

	(void)key;
	el_cursor(line, line_start(info, info->cursor) - info->cursor);
	return CC_REFRESH;
}

static unsigned char on_end(EditLine *line, int key)
{
	const LineInfoW *info = el_wline(line);

	(void)key;
	el_cursor(line, line_end(info, info->cursor) - info->cursor);
	return CC_REFRESH;
}

/* ---- completion ---- */

void completion_release(struct completion *c)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		free(c->words[i]);
		if (c->shown)
			free(c->shown[i]);
	}
	free(c->words);
	free(c->shown);
	free(c->note);
	memset(c, 0, sizeof(*c));
}

/* bytes that all words have in common, whole characters */
static size_t common_prefix(const struct completion *c)
{
	size_t n = strlen(c->words[0]), i, k;

	for (i = 1; i < c->n; i++) {
		for (k = 0; k < n && c->words[i][k] == c->words[0][k]; k++)
			;
		n = k;
	}
	while (n > 0 && ((unsigned char)c->words[0][n] & 0xc0) == 0x80)
		n--;
	return n;
}

static size_t count_chars(const char *s, size_t n)
{
	size_t count = 0;

	for (; n--; s++)
		count += ((unsigned char)*s & 0xc0) != 0x80;
	return count;
}

/* puts the first n bytes of word in the place of what stands before the cursor */
static bool replace(EditLine *line, const char *text, size_t start, size_t cursor,
	const char *word, size_t n)
{
	char *part;

	if (n == cursor - start && strncmp(text + start, word, n) == 0)
		return false;
	part = mem_string_n(word, n);
	el_deletestr(line, count_chars(text + start, cursor - start));
	el_insertstr(line, part);
	free(part);
	return true;
}

static const char *shown_as(const struct completion *c, size_t i)
{
	return c->shown && c->shown[i] ? c->shown[i] : c->words[i];
}

static size_t widest(const struct completion *c, size_t n, unsigned columns)
{
	size_t width = 0, i;

	for (i = 0; i < n; i++) {
		size_t one = count_chars(shown_as(c, i), strlen(shown_as(c, i)));

		width = one > width ? one : width;
	}
	return width + 2 < columns ? width + 2 : columns;
}

/* in columns, down and then right, as much as fits on the screen */
static void list(struct editor *e, const struct completion *c)
{
	unsigned columns, rows;
	size_t width, across, down, most, i, k;
	struct buf out = BUF_INIT;

	terminal_size(&columns, &rows);
	most = rows > 6 ? rows - 4 : 2;
	width = widest(c, c->n < 2000 ? c->n : 2000, columns);
	across = columns / width ? columns / width : 1;
	down = (c->n + across - 1) / across;
	down = down < most ? down : most;
	for (i = 0; i < down; i++) {
		for (k = i; k < c->n && k < down * across; k += down) {
			const char *s = shown_as(c, k);
			size_t n = layout_clip(s, strlen(s), columns - 1);

			buf_add(&out, s, n);
			if (k + down < c->n && k + down < down * across)
				buf_addf(&out, "%*s", (int)(width - count_chars(s, n)), "");
		}
		buf_addc(&out, '\n');
	}
	if (c->n > down * across)
		buf_addf(&out, "... and %zu more\n", c->n - down * across);
	editor_write(e, out.data, out.len);
	buf_release(&out);
}

static unsigned char complete(struct editor *e, const char *text, size_t cursor,
	const struct completion *c)
{
	size_t n;

	if (c->n == 0 && !c->note)
		return CC_ERROR;
	if (c->n == 0) {
		editor_write(e, c->note, strlen(c->note));
		editor_write(e, "\n", 1);
		return CC_NORM;
	}
	n = c->n == 1 ? strlen(c->words[0]) : common_prefix(c);
	if ((c->n == 1 || n > cursor - c->start) &&
		replace(e->line, text, c->start, cursor, c->words[0], n))
		return CC_REFRESH;
	if (c->n > 1 || (c->shown && c->shown[0]))
		list(e, c);
	return CC_NORM;
}

static unsigned char on_tab(EditLine *line, int key)
{
	struct editor *e = editor_of(line);
	struct completion c = { 0 };
	unsigned char what = CC_ERROR;
	size_t cursor;
	char *text = copy_line(line, &cursor);

	(void)key;
	if (e->hooks->complete(e->hooks->arg, text, cursor, &c) && c.start <= cursor)
		what = complete(e, text, cursor, &c);
	completion_release(&c);
	free(text);
	/* a line that was hidden meanwhile is drawn whole */
	if (e->hidden) {
		editor_show(e);
		return CC_NORM;
	}
	return what;
}

/* ---- binding ---- */

static const struct {
	const char *name, *help;
	unsigned char (*function)(EditLine *line, int key);
} functions[] = {
	{ "mt-enter", "end of the line, or another line", on_enter },
	{ "mt-paste", "insert what was pasted", on_paste },
	{ "mt-up", "up a line, or to the last one of the history", on_up },
	{ "mt-down", "down a line, or to the next one of the history", on_down },
	{ "mt-complete", "complete the word", on_tab },
	{ "mt-home", "to the beginning of the line", on_home },
	{ "mt-end", "to the end of the line", on_end },
};

static const struct { const char *key, *function; } bindings[] = {
	{ "\n", "mt-enter" }, { "\r", "mt-enter" }, { "^^", "ed-newline" }, { "^_", "mt-paste" },
	{ "\t", "mt-complete" }, { "^P", "ed-prev-history" }, { "^N", "ed-next-history" },
	{ "^A", "mt-home" }, { "^E", "mt-end" },
	{ "^R", "em-inc-search-prev" }, { "^W", "ed-delete-prev-word" },
	{ "\033[A", "mt-up" }, { "\033OA", "mt-up" },
	{ "\033[B", "mt-down" }, { "\033OB", "mt-down" },
	{ "\033[C", "ed-next-char" }, { "\033OC", "ed-next-char" },
	{ "\033[D", "ed-prev-char" }, { "\033OD", "ed-prev-char" },
	{ "\033[H", "mt-home" }, { "\033OH", "mt-home" },
	{ "\033[F", "mt-end" }, { "\033OF", "mt-end" },
	{ "\033[1~", "mt-home" }, { "\033[4~", "mt-end" },
	{ "\033[7~", "mt-home" }, { "\033[8~", "mt-end" },
	{ "\033[3~", "ed-delete-next-char" },
	{ "\033[1;5C", "em-next-word" }, { "\033[1;5D", "ed-prev-word" },
	{ "\033[1;3C", "em-next-word" }, { "\033[1;3D", "ed-prev-word" },
	{ "\033[5~", "ed-search-prev-history" }, { "\033[6~", "ed-search-next-history" },
};

void keys_bind(struct editor *e)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(functions); i++)
		el_set(e->line, EL_ADDFN, functions[i].name, functions[i].help,
			functions[i].function);
	for (i = 0; i < ARRAY_SIZE(bindings); i++)
		el_set(e->line, EL_BIND, bindings[i].key, bindings[i].function, NULL);
}
