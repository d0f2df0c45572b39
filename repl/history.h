/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines that were typed, also those of former sessions.
 *
 * One entry a line, with \n for a newline in it and \\ for a backslash.
 * Each is appended as it is typed: several sessions share the file.  It is
 * private (0600) and never reached through a symbolic link.
 */
#ifndef REPL_HISTORY_H
#define REPL_HISTORY_H

#include "base/error.h"

struct line_history;

/*
 * MOONTRACE_HISTORY names the file (empty: none is kept), else it is
 * ~/.moontrace_history.  Always a history; err says why no file is kept.
 */
struct line_history *line_history_open(struct error *err);
void line_history_close(struct line_history *h);
/* not kept: what begins with a blank, and the same line once more */
void line_history_add(struct line_history *h, const char *line);
/* the entry so many before the newest one, lent until the next call; NULL if there is none */
const char *line_history_entry(struct line_history *h, unsigned before);
/* libedit's */
void *line_history_editline(struct line_history *h);

#endif
