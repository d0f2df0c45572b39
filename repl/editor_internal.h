/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the editor share; not for others. */
#ifndef REPL_EDITOR_INTERNAL_H
#define REPL_EDITOR_INTERNAL_H

#include <histedit.h>
#include <stdio.h>

#include "repl/editor.h"
#include "repl/history.h"
#include "repl/stream.h"

/* keys that nobody types: libedit's macros and our own input use them */
#define KEY_ACCEPT L'\x1e'		/* ^^: end of the line, whatever stands in it */
#define KEY_PASTE L'\x1f'		/* ^_: what was pasted */

struct editor {
	EditLine *line;
	FILE *tty;			/* buffered; only the editor writes to it */
	struct loop *loop;
	struct source *turn, *wake_source;
	const struct editor_hooks *hooks;
	struct line_history *history;
	struct streams streams;
	struct terminal terminal;
	const char *up, *clear_down;	/* how it does it, or NULL */

	const char *prompt;		/* while a line is read */
	bool reading;
	bool hidden;			/* the line or panel is not on the screen */
	bool stopped, end;		/* how the reading ended */
	unsigned column;		/* where the output's last line ends */
	unsigned resume;		/* the same, of a line above the prompt; 0: none */
	char *panel;
	unsigned panel_rows;		/* as it is on the screen */

	struct source *input;		/* descriptor 0, while a key is waited for */
	struct buf queue;		/* bytes that were read */
	size_t taken;			/* of them, used up */
	bool readable;
	struct buf paste;
	bool listed;			/* the last key was a Tab that listed */
};

/* ---- editor.c ---- */
/* draws what it took from the screen at a change of size, and the like */
void editor_redraw(struct editor *e);

/* ---- editor_input.c ---- */
/* a handler of signals that concern the terminal, while keys are read; E-LIMIT */
int input_begin(struct editor *e, struct error *err);
void input_end(struct editor *e);
/* libedit's source of characters */
int input_char(EditLine *line, wchar_t *ret);
/* waits for a byte; false at the time, the end or a stop */
bool input_wait(struct editor *e, int timeout_ms);
int input_key(struct editor *e);		/* takes one of them, and what belongs to it */
bool input_pending(const struct editor *e);	/* more bytes were read already */
int input_open(struct editor *e, struct error *err);	/* once, at the beginning */
void input_close(struct editor *e);

/* ---- editor_keys.c ---- */
void keys_bind(struct editor *e);

#endif
