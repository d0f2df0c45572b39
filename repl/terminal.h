/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal on descriptors 0 and 1: what it is, what it can, and how it
 * was found, which it is again however the process ends (SIGKILL aside).
 *
 * repl may use core/base and core/loop; it knows no Lua.
 */
#ifndef REPL_TERMINAL_H
#define REPL_TERMINAL_H

#include <stdbool.h>

struct terminal {
	bool dumb;		/* cannot move its cursor */
	bool utf8;		/* what it shows is UTF-8 */
	bool colours;
	bool paste;		/* may be told to mark what is pasted */
	bool reflows;		/* wraps old lines anew when its width changes */
};

/* both 0 and 1 are terminals */
bool terminal_is_there(void);
/* by TERM, NO_COLOR and the locale, which it sets for characters */
void terminal_ask(struct terminal *ret);
/* are we in the foreground of it? Where nobody tells, yes */
bool terminal_is_ours(void);
/* columns and rows, 80 and 24 if it does not say */
void terminal_size(unsigned *ret_columns, unsigned *ret_rows);

/* remembers its modes; a signal that ends the process by a fault restores them */
void terminal_keep(void);
/* what is typed while a line runs is shown when it is read, not twice */
void terminal_quiet(void);
/*
 * The whole screen is ours, without a cursor, until terminal_restore; and if 0 is a terminal,
 * too, its keys come one by one and are not shown.  Of a terminal that is not dumb
 */
void terminal_take(void);
/*
 * As it was before both; may be called in a signal handler, and in vain.  In the background
 * only the screen is given back
 */
void terminal_restore(void);

#endif
