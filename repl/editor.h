/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line editor: libedit, fed by the event loop.
 *
 * While it waits for a key it runs turns of the loop, so that all else goes
 * on in each of libedit's modes.  stdout and stderr of the process are
 * streams of the editor: what is printed appears above the line that is
 * being typed, which is erased before and drawn again after the turn.
 */
#ifndef REPL_EDITOR_H
#define REPL_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "loop/loop.h"
#include "repl/terminal.h"

struct editor;

struct completion {
	char **words;		/* what may stand from `start` to the cursor */
	char **shown;		/* what is listed for each, or NULL: the word */
	size_t n;
	size_t start;		/* byte in the line */
	char *note;		/* shown if there is no word, or NULL */
};
void completion_release(struct completion *c);

struct editor_hooks {
	void *arg;
	bool (*stops)(void *arg);	/* a signal came: the line is given up */
	/* does Enter go on to another line? */
	bool (*goes_on)(void *arg, const char *text);
	/* ret is empty; false: nothing is known */
	bool (*complete)(void *arg, const char *line, size_t cursor, struct completion *ret);
};

enum editor_result { EDITOR_LINE, EDITOR_END, EDITOR_STOPPED };

/*
 * One at a time: it takes over stdout and stderr until editor_free, which
 * gives back the terminal as it was.  Borrows hooks.  NULL and E-LIMIT if
 * the terminal cannot be had; why there is no history is printed later.
 */
struct editor *editor_new(struct loop *loop, const struct editor_hooks *hooks, struct error *err);
void editor_free(struct editor *e);		/* NULL is fine */
const struct terminal *editor_terminal(const struct editor *e);

/* A line, which may have newlines in it, without the last one. It is put into the history */
enum editor_result editor_read(struct editor *e, const char *prompt, struct buf *ret);
/* A key, or 0 when timeout_ms (-1: never) are over, -1: stopped or at an end */
int editor_key(struct editor *e, int timeout_ms);

/* erases the line from the screen until the end of the turn, or editor_show */
void editor_hide(struct editor *e);
void editor_show(struct editor *e);
/* what stdout and stderr do; n, or 0 with errno */
size_t editor_write(struct editor *e, const char *data, size_t n);
/*
 * Lines that stand below all output in the place of the last ones; they are
 * clipped to the terminal.  NULL: the last ones stay where they are.
 */
void editor_panel(struct editor *e, const char *text);
void editor_clear_screen(struct editor *e);
/* ends the output's last line if it has not ended */
void editor_fresh_line(struct editor *e);

#endif
