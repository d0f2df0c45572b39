/* SPDX-License-Identifier: Apache-2.0 */
/* Where the characters of a prompt and a line stand on a terminal. */
#ifndef REPL_LAYOUT_H
#define REPL_LAYOUT_H

#include <stddef.h>
#include <wchar.h>

struct layout {
	unsigned columns;	/* of the terminal, at least 1 */
	unsigned row, column;	/* of the next character */
};

void layout_begin(struct layout *l, unsigned columns);
/* one character, as libedit shows it: control characters as ^X, tabs to the next stop */
void layout_add(struct layout *l, wchar_t c);
void layout_add_line(struct layout *l, const wchar_t *s, size_t n);
/* a prompt; what stands between two \1 takes no room */
void layout_add_prompt(struct layout *l, const char *prompt);

/*
 * Bytes that a program prints, which move the cursor from *column: escape
 * sequences take no room.  *column may be `columns`: the next one wraps.
 */
void layout_print(unsigned *column, unsigned columns, const char *s, size_t n);
/* bytes of s that fit into so many columns; escape sequences are free */
size_t layout_clip(const char *s, size_t n, unsigned columns);

#endif
