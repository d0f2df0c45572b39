/* SPDX-License-Identifier: Apache-2.0 */
#include "repl/editor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "repl/editor_internal.h"
#include "repl/layout.h"

static unsigned columns_of(const struct editor *e)
{
	unsigned columns, rows;

	terminal_size(&columns, &rows);
	return columns;
}

static unsigned rows_of(const struct editor *e)
{
	unsigned columns, rows;

	terminal_size(&columns, &rows);
	return rows;
}

/* ---- the line on the screen ---- */

/* row of the cursor, from that of the prompt */
static unsigned cursor_row(struct editor *e)
{
	const LineInfoW *info = el_wline(e->line);
	unsigned rows = rows_of(e);
	struct layout l;

	layout_begin(&l, columns_of(e));
	layout_add_prompt(&l, e->prompt);
	layout_add_line(&l, info->buffer, info->cursor - info->buffer);
	return l.row < rows ? l.row : rows - 1;
}

/* rows below the cursor that the line takes */
static unsigned rows_below(struct editor *e)
{
	const LineInfoW *info = el_wline(e->line);
	struct layout l;

	layout_begin(&l, columns_of(e));
	layout_add_prompt(&l, e->prompt);
	layout_add_line(&l, info->buffer, info->lastchar - info->buffer);
	return l.row - (cursor_row(e) < l.row ? cursor_row(e) : l.row);
}

/* from `rows` further down to column 0, and nothing stands behind */
static void erase(struct editor *e, unsigned rows)
{
	unsigned below = e->reading && !(e->up && e->clear_down) ? rows_below(e) : 0;

	if (!e->up || !e->clear_down) {
		do
			fputc('\n', e->tty);
		while (below--);
		return;
	}
	fputc('\r', e->tty);
	while (rows--)
		fputs(e->up, e->tty);
	fputs(e->clear_down, e->tty);
}

/* output goes on where its last line ended, above the prompt */
static void resume_line(struct editor *e)
{
	if (e->resume && e->up)
		fprintf(e->tty, "%s\033[%uC", e->up, e->resume);
	e->column = e->up ? e->resume : 0;
	e->resume = 0;
}

void editor_hide(struct editor *e)
{
	if (e->hidden || !(e->reading || e->panel))
		return;
	e->hidden = true;
	erase(e, e->reading ? cursor_row(e) : e->panel_rows);
	resume_line(e);
}

static void draw_panel(struct editor *e)
{
	unsigned columns, rows;
	const char *at = e->panel, *end;

	terminal_size(&columns, &rows);
	for (e->panel_rows = 0; *at && e->panel_rows + 1 < rows; e->panel_rows++) {
		end = at + strcspn(at, "\n");
		fwrite(at, 1, layout_clip(at, end - at, columns), e->tty);
		fputs(e->terminal.colours ? "\033[0m\n" : "\n", e->tty);
		at = *end ? end + 1 : end;
	}
}

/* the prompt does not stand behind output that has not ended its line */
static void end_line(struct editor *e)
{
	if (!e->column)
		return;
	/* one that fills the row goes on where the prompt stands now */
	e->resume = e->column < columns_of(e) ? e->column : 0;
	e->column = 0;
	fputc('\n', e->tty);
}

void editor_show(struct editor *e)
{
	if (!e->hidden)
		return;
	e->hidden = false;
	end_line(e);
	if (e->reading)
		el_set(e->line, EL_REFRESH);
	else if (e->panel)
		draw_panel(e);
	fflush(e->tty);
}

void editor_redraw(struct editor *e)
{
	editor_hide(e);
	if (e->reading)
		el_resize(e->line);
	editor_show(e);
}

static void on_turn(void *arg)
{
	struct editor *e = arg;

	fflush(stdout);
	editor_show(e);
}

size_t editor_write(struct editor *e, const char *data, size_t n)
{
	size_t written;

	editor_hide(e);
	errno = 0;
	written = fwrite(data, 1, n, e->tty);
	layout_print(&e->column, columns_of(e), data, n);
	if (!e->reading && !e->panel && fflush(e->tty) != 0)
		return 0;
	return written;
}

void editor_panel(struct editor *e, const char *text)
{
	if (text)
		editor_hide(e);
	else
		editor_show(e);
	free(e->panel);
	e->panel = mem_string(text);
	e->hidden = text != NULL;
	e->panel_rows = 0;
	editor_show(e);
	fflush(e->tty);
}

void editor_clear_screen(struct editor *e)
{
	editor_hide(e);
	fputs(e->clear_down ? "\033[H\033[2J" : "\n", e->tty);
	e->column = 0;
	fflush(e->tty);
}

void editor_fresh_line(struct editor *e)
{
	fflush(stdout);
	editor_hide(e);
	if (e->column)
		editor_write(e, "\n", 1);
}

/* ---- reading ---- */

static char *give_prompt(EditLine *line)
{
	struct editor *e;

	el_get(line, EL_CLIENTDATA, &e);
	return (char *)e->prompt;
}

/* behind the line, whatever row the cursor is in */
static void leave_line(struct editor *e)
{
	const LineInfoW *info = el_wline(e->line);

	editor_hide(e);
	el_cursor(e->line, info->lastchar - info->cursor);
	editor_show(e);
	fputs(e->stopped ? "^C\n" : "\n", e->tty);
	fflush(e->tty);
}

static void set_marks(struct editor *e, bool on)
{
	if (e->terminal.paste)
		fputs(on ? "\033[?2004h" : "\033[?2004l", e->tty);
	fflush(e->tty);
}

static enum editor_result take_line(struct editor *e, const char *text, int n, struct buf *ret)
{
	if (e->stopped)
		return EDITOR_STOPPED;
	if (!text || n <= 0)
		return EDITOR_END;
	buf_add(ret, text, n);
	while (ret->len && (ret->data[ret->len - 1] == '\n' || ret->data[ret->len - 1] == '\r'))
		ret->data[--ret->len] = '\0';
	line_history_add(e->history, ret->data);
	return EDITOR_LINE;
}

enum editor_result editor_read(struct editor *e, const char *prompt, struct buf *ret)
{
	struct error err = ERROR_INIT;
	const char *text;
	int n = 0;

	fflush(stdout);
	end_line(e);
	e->resume = 0;
	e->prompt = prompt;
	e->stopped = e->end = e->hidden = e->listed = false;
	if (input_begin(e, &err)) {
		error_clear(&err);
		return EDITOR_END;
	}
	set_marks(e, true);
	e->reading = true;
	text = el_gets(e->line, &n);
	if (!text || n <= 0)
		leave_line(e);
	/* what is left to draw was drawn, libedit has gone to a row of its own */
	e->reading = false;
	e->hidden = false;
	e->column = e->resume = 0;
	set_marks(e, false);
	terminal_quiet();
	input_end(e);
	/* a stop in one of libedit's modes looks like the end of input */
	return take_line(e, text, n, ret);
}

int editor_key(struct editor *e, int timeout_ms)
{
	struct error err = ERROR_INIT;
	int key = 0;

	e->stopped = e->end = false;
	if (input_begin(e, &err)) {
		error_clear(&err);
		return -1;
	}
	el_set(e->line, EL_PREP_TERM, 1);
	if (input_pending(e) || input_wait(e, timeout_ms))
		key = input_key(e);
	if (e->stopped || e->end)
		key = -1;
	el_set(e->line, EL_PREP_TERM, 0);
	terminal_quiet();
	input_end(e);
	return key;
}

/* ---- life ---- */

/* what terminfo wants waited, "$<50>", is for tputs: a terminal would show it */
static void strip_padding(char *s)
{
	char *end;

	while ((s = strstr(s, "$<")) && (end = strchr(s, '>')))
		memmove(s, end + 1, strlen(end + 1) + 1);
}

static const char *capability(struct editor *e, const char *name)
{
	char *value = NULL;

	if (e->terminal.dumb || el_get(e->line, EL_GETTC, name, &value) != 0)
		return NULL;
	if (value)
		strip_padding(value);
	return value && *value ? value : NULL;
}

/* terminfo may not be there, or not know this terminal: nearly all are alike */
static void set_usual(struct editor *e, EditLine *line)
{
	static const char *const usual[][2] = {
		{ "up", "\033[A" }, { "cd", "\033[J" }, { "ce", "\033[K" },
		{ "cl", "\033[H\033[J" }, { "am", "yes" }, { "xn", "yes" },
	};
	char *up = NULL;
	size_t i;

	if (e->terminal.dumb || (el_get(line, EL_GETTC, "up", &up) == 0 && up && *up))
		return;
	for (i = 0; i < ARRAY_SIZE(usual); i++)
		el_set(line, EL_SETTC, usual[i][0], usual[i][1], NULL);
}

static EditLine *open_line(struct editor *e)
{
	FILE *null = fopen("/dev/null", "we");
	EditLine *line = el_init_fd("moontrace", stdin, e->tty, null ? null : e->tty,
		STDIN_FILENO, fileno(e->tty), STDERR_FILENO);

	if (line) {
		set_usual(e, line);
		el_set(line, EL_SETFP, 2, e->tty);
	}
	if (null)
		fclose(null);
	return line;
}

static void set_up(struct editor *e)
{
	HistEvent ev;

	el_set(e->line, EL_CLIENTDATA, e);
	el_set(e->line, EL_PROMPT_ESC, give_prompt, '\1');
	el_set(e->line, EL_EDITOR, "emacs");
	el_set(e->line, EL_SIGNAL, 0);
	el_set(e->line, EL_HIST, history, line_history_editline(e->history));
	el_set(e->line, EL_GETCFN, input_char);
	keys_bind(e);
	el_source(e->line, NULL);
	e->up = capability(e, "up");
	e->clear_down = capability(e, "cd");
	(void)ev;
}

struct editor *editor_new(struct loop *loop, const struct editor_hooks *hooks, struct error *err)
{
	struct editor *e = mem_alloc(sizeof(*e));
	struct error why = ERROR_INIT;
	int fd = dup(STDOUT_FILENO);

	e->loop = loop;
	e->hooks = hooks;
	buf_init(&e->queue);
	buf_init(&e->paste);
	terminal_ask(&e->terminal);
	terminal_keep();
	e->tty = fd < 0 ? NULL : fdopen(fd, "w");
	e->line = e->tty ? open_line(e) : NULL;
	if (!e->line || input_open(e, err) || streams_take(&e->streams, e)) {
		if (!err->tag)
			error_set(err, "E-LIMIT", "the terminal cannot be used");
		editor_free(e);
		return NULL;
	}
	setvbuf(e->tty, NULL, _IOFBF, 64 << 10);
	e->turn = loop_add_turn(loop, on_turn, e);
	e->history = line_history_open(&why);
	if (why.tag)
		fprintf(stderr, "moontrace: %s\n", why.text);
	error_clear(&why);
	set_up(e);
	return e;
}

void editor_free(struct editor *e)
{
	if (!e)
		return;
	streams_give_back(&e->streams);
	source_remove(e->turn);
	input_close(e);
	if (e->line)
		el_end(e->line);
	if (e->tty)
		fclose(e->tty);
	terminal_restore();
	line_history_close(e->history);
	buf_release(&e->queue);
	buf_release(&e->paste);
	free(e->panel);
	free(e);
}

const struct terminal *editor_terminal(const struct editor *e)
{
	return &e->terminal;
}
