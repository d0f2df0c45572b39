/* SPDX-License-Identifier: Apache-2.0 */
#include "repl/layout.h"

#include <stdbool.h>
#include <string.h>
#include <wctype.h>

enum { TAB = 8 };

void layout_begin(struct layout *l, unsigned columns)
{
	l->columns = columns ? columns : 1;
	l->row = 0;
	l->column = 0;
}

static void new_row(struct layout *l)
{
	l->row++;
	l->column = 0;
}

static void advance(struct layout *l, unsigned width)
{
	/* a wide character does not stand across the margin */
	if (width <= l->columns && l->column + width > l->columns)
		new_row(l);
	for (l->column += width; l->column >= l->columns; ) {
		unsigned rest = l->column - l->columns;

		new_row(l);
		l->column = rest;
	}
}

static unsigned shown_width(wchar_t c)
{
	int width;

	if (c < 0x100 && iswcntrl(c))
		return 2;
	if (!iswprint(c))
		return c > 0xffff ? 8 : 7;	/* \U+1234 */
	width = wcwidth(c);
	return width > 0 ? width : 0;
}

void layout_add(struct layout *l, wchar_t c)
{
	unsigned width, i;

	if (c == L'\n') {
		new_row(l);
		return;
	}
	if (c == L'\t') {
		do
			advance(l, 1);
		while (l->column % TAB);
		return;
	}
	width = shown_width(c);
	if (iswprint(c)) {
		advance(l, width);
		return;
	}
	for (i = 0; i < width; i++)
		advance(l, 1);
}

void layout_add_line(struct layout *l, const wchar_t *s, size_t n)
{
	while (n--)
		layout_add(l, *s++);
}

/* the next character of s; bytes that are none count for one column each */
static size_t next_char(const char *s, size_t n, wchar_t *ret)
{
	mbstate_t state;
	size_t used;

	memset(&state, 0, sizeof(state));
	used = mbrtowc(ret, s, n, &state);
	if (used == 0 || used > n) {
		*ret = L'?';
		return 1;
	}
	return used;
}

void layout_add_prompt(struct layout *l, const char *prompt)
{
	bool silent = false;
	wchar_t c;

	while (*prompt) {
		if (*prompt == '\1') {
			silent = !silent;
			prompt++;
			continue;
		}
		prompt += next_char(prompt, strlen(prompt), &c);
		if (!silent)
			layout_add(l, c);
	}
}

/* bytes of the escape sequence at s, which begins with ESC */
static size_t escape_len(const char *s, size_t n)
{
	size_t i = 1;

	if (n < 2)
		return n;
	if (s[1] != '[')
		return 2;
	for (i = 2; i < n && (unsigned char)s[i] < 0x40; i++)
		;
	return i < n ? i + 1 : n;
}

void layout_print(unsigned *column, unsigned columns, const char *s, size_t n)
{
	const char *end = s + n;
	wchar_t c;
	int width;

	while (s < end) {
		if (*s == '\033') {
			s += escape_len(s, end - s);
			continue;
		}
		s += next_char(s, end - s, &c);
		if (c == L'\n' || c == L'\r')
			*column = 0;
		else if (c == L'\t')
			*column = *column / TAB * TAB + TAB < columns ?
				*column / TAB * TAB + TAB : columns - 1;
		else if (c == L'\b')
			*column -= *column > 0;
		else if ((width = wcwidth(c)) > 0)
			*column = *column + width > columns ? (unsigned)width : *column + width;
	}
}

size_t layout_clip(const char *s, size_t n, unsigned columns)
{
	size_t at = 0, used;
	unsigned column = 0;
	wchar_t c;
	int width;

	while (at < n) {
		if (s[at] == '\033') {
			at += escape_len(s + at, n - at);
			continue;
		}
		used = next_char(s + at, n - at, &c);
		width = c == L'\t' ? (int)(TAB - column % TAB) : wcwidth(c);
		if (width > 0 && column + width > columns)
			break;
		column += width > 0 ? width : 0;
		at += used;
	}
	return at;
}
