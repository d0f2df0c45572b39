/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/diagnose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* a line of the user's text, lent; line from 1. NULL behind the end */
static const char *user_line(const struct request *req, uint32_t line, size_t *ret_len)
{
	const char *s = req->text;

	while (--line) {
		s = strchr(s, '\n');
		if (!s++)
			return NULL;
	}
	*ret_len = strcspn(s, "\n");
	return s;
}

/* what stands under byte i of a source line: its tab, else a space */
static char under(char c)
{
	return c == '\t' ? '\t' : ' ';
}

static void add_source(struct buf *out, const struct request *req, uint32_t line, uint32_t column)
{
	size_t len, i;
	const char *s = user_line(req, line, &len);

	if (!s)
		return;
	buf_add(out, s, len);
	buf_addc(out, '\n');
	for (i = 0; i + 1 < column; i++)
		buf_addc(out, i < len ? under(s[i]) : ' ');
	buf_adds(out, "^\n");
}

void diagnose(struct buf *out, const struct request *req, uint32_t line, uint32_t column,
	const char *fmt, ...)
{
	va_list ap;

	buf_addf(out, "%s:%u:%u: error: ", req->file, req->line - 1 + line, column);
	va_start(ap, fmt);
	buf_vaddf(out, fmt, ap);
	va_end(ap);
	buf_addc(out, '\n');
	add_source(out, req, line, column);
}

void diagnose_file(struct buf *out, const struct request *req, const char *fmt, ...)
{
	va_list ap;

	buf_addf(out, "%s: error: ", req->file);
	va_start(ap, fmt);
	buf_vaddf(out, fmt, ap);
	va_end(ap);
	buf_addc(out, '\n');
}

/* ---- clang's output ---- */

struct translation {
	struct buf *out;
	const struct request *req;
	const struct prepared *p;
	const char *hidden;
	const struct tree_list *trees;
	struct buf stack;	/* "In file included from" lines not yet used */
	bool dropping;		/* the current diagnostic and its notes are not shown */
	bool headers_missing;
	/* the last diagnostic in the text: where clang saw it, and where it is */
	unsigned seen_line, seen_column, actual;
	char *seen_text;
};

/* "PATH:LINE:COLUMN: kind: message", taken apart in place */
struct message {
	char *path, *text;
	const char *kind;
	unsigned line, column;	/* 0: none */
	bool script;
};

static bool split_number(char *path, unsigned *ret)
{
	char *colon = strrchr(path, ':');
	uint64_t n;

	if (!colon || !str_to_u64(colon + 1, 1, UINT32_MAX, &n))
		return false;
	*ret = n;
	*colon = 0;
	return true;
}

static bool split_place(struct message *m)
{
	if (!split_number(m->path, &m->column))
		return false;
	if (!split_number(m->path, &m->line)) {
		m->line = m->column;
		m->column = 0;
	}
	m->script = strcmp(m->path, SCRIPT_NAME) == 0;
	return true;
}

static bool split_message(char *line, struct message *m)
{
	static const char *const kinds[] = { "fatal error", "error", "warning", "note" };
	char mark[32], *at;
	size_t i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(mark, sizeof(mark), ": %s: ", kinds[i]);
		at = strstr(line, mark);
		if (!at)
			continue;
		*at = 0;
		m->path = line;
		m->text = at + strlen(mark);
		m->kind = i == 0 ? "error" : kinds[i];
		if (split_place(m))
			return true;
		*at = ':';
	}
	return false;
}

/* the code generator's: "error: PATH:LINE:COLUMN: in function f i32 (...): message" */
static bool split_backend(char *line, struct message *m)
{
	char *at;

	memset(m, 0, sizeof(*m));
	if (!str_starts(line, "error: "))
		return false;
	m->path = line + strlen("error: ");
	at = strstr(m->path, ": in function ");
	if (!at)
		return false;
	*at = 0;
	m->text = at + 2;
	m->kind = "error";
	if (!split_place(m))
		m->path = NULL;
	return true;
}

static bool is_summary(const char *line)
{
	size_t digits = strspn(line, "0123456789");

	return digits && (str_starts(line + digits, " error") ||
		str_starts(line + digits, " warning")) && str_ends(line, " generated.");
}

static bool users_file(const struct translation *t, const struct message *m)
{
	const struct tree *tree = tree_of(t->trees, m->path);
	const char *path = tree ? tree->path : m->path;
	size_t i;

	for (i = 0; i < t->req->n_includes; i++) {
		if (str_starts(path, t->req->includes[i]))
			return true;
	}
	return m->script;
}

static void add_path(const struct translation *t, const char *path)
{
	const struct tree *tree = tree_of(t->trees, path);
	size_t n = strlen(t->hidden);

	if (strcmp(path, SCRIPT_NAME) == 0)
		buf_adds(t->out, t->req->file);
	else if (strcmp(path, "/virtual/main.c") == 0)
		buf_adds(t->out, "<prelude>");
	else if (n && strncmp(path, t->hidden, n) == 0)
		buf_addf(t->out, "<stub>%s", path + n);
	else if (tree)
		buf_addf(t->out, "%s%s", tree->path, path + strlen(tree->at));
	else
		buf_adds(t->out, path);
}

/* "In file included from PATH:LINE:" lines, with the user's name */
static void add_stack(struct translation *t)
{
	char *line, *rest = t->stack.data, *colon;

	while ((line = strsep(&rest, "\n"))) {
		const char *path = line + strlen("In file included from ");

		if (!*line || !str_starts(path, SCRIPT_NAME ":"))
			continue;
		colon = strchr(line, ':');
		buf_addf(t->out, "In file included from %s%s\n", t->req->file, colon);
	}
}

static bool no_headers(const struct request *req)
{
	return !*req->headers && !*req->headers_source;
}

/* "GFP_KERNEL": spelled as macros and enumerators are */
static bool is_upper(const char *name)
{
	return *name && !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")];
}

/* what clang says of a name, with what can be done about it; NULL: nothing to add */
static char *explain_name(struct translation *t, const char *text, const char *name,
	const char *behind)
{
	static const char opaque[] = "incomplete definition of type 'struct ";
	const char *release = t->req->release;

	if (strcmp(behind, "' file not found") == 0 && request_kernel_header(name)) {
		t->headers_missing = true;
		return mem_format("'%s' is not in the stub header tree: "
			"no kernel headers for %s were found", name, release);
	}
	if (str_starts(text, opaque) && *t->req->types)
		return mem_format("%s: the BTF of %s does not define it", text, release);
	if (str_starts(text, opaque)) {
		t->headers_missing = true;
		return mem_format("%s: no kernel headers for %s were found", text, release);
	}
	if (*t->req->types && str_starts(text, "use of undeclared identifier") && is_upper(name))
		return mem_format("%s: if it is a macro of the kernel, only headers have it",
			text);
	return NULL;
}

/* the stub tree lacks what the text wants: say so besides clang's words */
static char *explain(struct translation *t, const char *text)
{
	const char *quote = strchr(text, '\''), *end = quote ? strchr(quote + 1, '\'') : NULL;
	char *name, *ret;

	if (!no_headers(t->req) || !end)
		return NULL;
	name = mem_string_n(quote + 1, end - quote - 1);
	ret = explain_name(t, text, name, end);
	free(name);
	return ret;
}

static void add_message(struct translation *t, struct message *m)
{
	char *text = explain(t, m->text);

	if (m->path) {
		add_path(t, m->path);
		buf_addf(t->out, ":%u", m->line);
		if (m->column)
			buf_addf(t->out, ":%u", m->column);
	} else {
		buf_adds(t->out, t->req->file);
	}
	buf_addf(t->out, ": %s: %s\n", m->kind, text ? text : m->text);
	free(text);
}

static bool edited(const struct prepared *p, uint32_t line)
{
	size_t i;

	for (i = 0; i < p->n_edits; i++) {
		if (p->edits[i].line == line && !p->edits[i].resync)
			return true;
	}
	return false;
}

/*
 * The '{' of a function is one line off inside, and the head of one that a
 * macro makes up to four (see resync_function): clang's source line then is
 * that of a later line.
 */
static uint32_t actual_line(const struct translation *t, const struct message *m,
	const char *source)
{
	const char *seen = source + strspn(source, " \t");
	uint32_t line = m->line < t->req->line ? 1 : m->line - (t->req->line - 1), i;
	size_t len;

	for (i = line; *seen && i <= line + 4; i++) {
		const char *s = user_line(t->req, i, &len);

		if (edited(t->p, i))
			return line;
		if (s && memmem(s, len, seen, strlen(seen)))
			return i;
	}
	return line;
}

/* clang's line of marks, which counts tabs as up to 8 columns, for the raw line */
static void add_marks(struct buf *out, const char *source, size_t len, const char *marks)
{
	size_t width = strlen(marks), shown = 0, i, end = out->len;

	for (i = 0; shown < width; i++) {
		char mark = marks[shown];

		if (mark == ' ')
			mark = i < len ? under(source[i]) : ' ';
		buf_addc(out, mark);
		if (mark != ' ' && mark != '\t')
			end = out->len;
		shown = i < len && source[i] == '\t' ? (shown | 7) + 1 : shown + 1;
	}
	out->data[out->len = end] = 0;
	buf_addc(out, '\n');
}

/* clang shows the source of a place only once; a macro may lead to it twice */
static uint32_t place(struct translation *t, const struct message *m, const char *source,
	bool *ret_repeated)
{
	bool same = m->line == t->seen_line && m->column == t->seen_column;

	*ret_repeated = same && t->seen_text && strcmp(t->seen_text, m->text) == 0;
	if (source)
		t->actual = actual_line(t, m, source);
	else if (m->line < t->req->line)
		t->actual = 1;
	else if (!same)
		t->actual = m->line - (t->req->line - 1);
	t->seen_line = m->line;
	t->seen_column = m->column;
	free(t->seen_text);
	t->seen_text = mem_string(m->text);
	return t->actual;
}

/* a diagnostic in the user's text, with its source and marks if clang gave them */
static void add_in_script(struct translation *t, struct message *m, const char *source,
	const char *marks)
{
	bool repeated;
	uint32_t line = place(t, m, source, &repeated), column = m->column;
	const char *text;
	size_t len;

	if (repeated)
		return;
	m->line = t->req->line - 1 + line;
	if (column)
		m->column = prepared_column(t->p, line, column);
	add_message(t, m);
	text = user_line(t->req, line, &len);
	if (!text)
		return;
	if (column && (edited(t->p, line) || !marks)) {
		add_source(t->out, t->req, line, m->column);
		return;
	}
	buf_add(t->out, text, len);
	buf_addc(t->out, '\n');
	if (marks)
		add_marks(t->out, text, len, marks);
}

/* clang's tabs are spaces: the source line as printed, and as it is */
static bool is_marks(const char *line)
{
	return strchr(line, '^') && strspn(line, " \t~^") == strlen(line);
}

static bool shown(struct translation *t, const struct message *m)
{
	if (strcmp(m->kind, "note") == 0)
		return !t->dropping && users_file(t, m);
	t->dropping = strcmp(m->kind, "warning") == 0 && m->path && !users_file(t, m);
	return !t->dropping;
}

static void add_foreign(struct translation *t, struct message *m, const char *source,
	const char *marks)
{
	add_stack(t);
	add_message(t, m);
	if (source && marks)
		buf_addf(t->out, "%s\n%s\n", source, marks);
}

/* what libbcc says although nothing is wrong, and how clang shortens what is dropped here */
static bool is_noise(const char *line)
{
	static const char *const noise[] = {
		"bpf: ", "Program too large", "could not open bpf map",
		"note: (skipping ",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(noise); i++) {
		if (str_starts(line, noise[i]))
			return true;
	}
	return !*line || is_summary(line);
}

static size_t translate(struct translation *t, char **lines, size_t n)
{
	char *source = NULL, *marks = NULL;
	struct message m;
	size_t used = 1;

	if (str_starts(lines[0], "In file included from ")) {
		buf_addf(&t->stack, "%s\n", lines[0]);
		return 1;
	}
	if (!split_message(lines[0], &m) && !split_backend(lines[0], &m)) {
		if (!is_noise(lines[0]))
			buf_addf(t->out, "%s\n", lines[0]);
		return 1;
	}
	if (n > 2 && is_marks(lines[2])) {
		source = lines[1];
		marks = lines[2];
		used = 3;
		/* a suggestion, indented below the marks */
		if (n > 3 && lines[3][0] == ' ')
			used = 4;
	} else if (n > 1 && is_marks(lines[1])) {
		used = 2;	/* of an empty line */
	}
	if (shown(t, &m)) {
		if (m.script)
			add_in_script(t, &m, source, marks);
		else
			add_foreign(t, &m, source, marks);
	}
	buf_clear(&t->stack);
	return used;
}

static void add_tag(struct translation *t, size_t at)
{
	char *tag = mem_format("error[E-HEADERS]: no kernel headers for %s were found\n",
		t->req->release);

	buf_insert(t->out, at, tag, strlen(tag));
	free(tag);
}

void diagnose_output(struct buf *out, const struct request *req, const struct prepared *p,
	const char *hidden, const struct tree_list *trees, char *output)
{
	struct translation t = {
		.out = out, .req = req, .p = p, .hidden = hidden, .trees = trees,
		.stack = BUF_INIT,
	};
	size_t start = out->len, n = 0, i;
	char **lines = NULL, *line;

	while ((line = strsep(&output, "\n")))
		*MEM_GROW(lines, n) = line;
	for (i = 0; i < n; )
		i += translate(&t, lines + i, n - i);
	if (t.headers_missing)
		add_tag(&t, start);
	buf_release(&t.stack);
	free(t.seen_text);
	free(lines);
}
