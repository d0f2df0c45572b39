/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ctoken.h"

#include <string.h>

#include "base/mem.h"

static bool name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool name_char(char c)
{
	return name_start(c) || digit(c);
}

/* one byte forward, which is not the NUL */
static void step(struct ctoken_reader *r)
{
	if (*r->at++ == '\n') {
		r->line++;
		r->line_start = r->at;
		r->fresh = true;
	}
}

/* length of a backslash-newline at p, or 0 */
static size_t splice(const char *p)
{
	if (p[0] != '\\')
		return 0;
	if (p[1] == '\n')
		return 2;
	return p[1] == '\r' && p[2] == '\n' ? 3 : 0;
}

static void steps(struct ctoken_reader *r, size_t n)
{
	while (n--)
		step(r);
}

static bool skip_comment(struct ctoken_reader *r)
{
	if (r->at[0] != '/')
		return false;
	if (r->at[1] == '/') {
		while (*r->at && *r->at != '\n')
			steps(r, splice(r->at) ? splice(r->at) : 1);
		return true;
	}
	if (r->at[1] != '*')
		return false;
	steps(r, 2);
	while (*r->at && !(r->at[0] == '*' && r->at[1] == '/'))
		step(r);
	if (*r->at)
		steps(r, 2);
	return true;
}

static void skip_space(struct ctoken_reader *r)
{
	for (;;) {
		if (*r->at && strchr(" \t\r\n\v\f", *r->at))
			step(r);
		else if (splice(r->at))
			steps(r, splice(r->at));
		else if (!skip_comment(r))
			return;
	}
}

static void read_quoted(struct ctoken_reader *r, char quote)
{
	step(r);
	while (*r->at && *r->at != quote && *r->at != '\n') {
		if (splice(r->at))
			steps(r, splice(r->at));
		else if (r->at[0] == '\\' && r->at[1] && r->at[1] != '\n')
			steps(r, 2);
		else
			step(r);
	}
	if (*r->at == quote)
		step(r);
}

/* to the end of the logical line; a comment may span lines */
static void read_directive(struct ctoken_reader *r)
{
	while (*r->at && *r->at != '\n') {
		if (splice(r->at))
			steps(r, splice(r->at));
		else if (*r->at == '"')
			read_quoted(r, '"');
		else if (!skip_comment(r))
			step(r);
	}
}

/* a preprocessing number: 0x1fULL, 1.5e+3 */
static void read_number(struct ctoken_reader *r)
{
	do {
		step(r);
		if ((*r->at == '+' || *r->at == '-') && strchr("eEpP", r->at[-1]))
			step(r);
	} while (name_char(*r->at) || *r->at == '.');
}

static enum ctoken_kind read_token(struct ctoken_reader *r)
{
	const char *p = r->at;

	if (!*p)
		return CTOKEN_END;
	if (*p == '#' && r->fresh)
		return read_directive(r), CTOKEN_DIRECTIVE;
	if (*p == '"')
		return read_quoted(r, '"'), CTOKEN_STRING;
	if (*p == '\'')
		return read_quoted(r, '\''), CTOKEN_CHAR;
	if (digit(*p) || (*p == '.' && digit(p[1])))
		return read_number(r), CTOKEN_NUMBER;
	if (name_start(*p)) {
		while (name_char(*r->at))
			step(r);
		return CTOKEN_IDENT;
	}
	steps(r, p[0] == '-' && p[1] == '>' ? 2 : 1);
	return CTOKEN_PUNCT;
}

void ctoken_start(struct ctoken_reader *r, const char *text)
{
	r->at = r->line_start = text;
	r->line = 1;
	r->fresh = true;
}

void ctoken_next(struct ctoken_reader *r, struct ctoken *ret)
{
	skip_space(r);
	ret->at = r->at;
	ret->line = r->line;
	ret->column = r->at - r->line_start + 1;
	ret->kind = read_token(r);
	ret->len = r->at - ret->at;
	if (ret->kind != CTOKEN_DIRECTIVE)
		r->fresh = false;
}

struct ctoken *ctoken_all(const char *text, size_t *ret_n)
{
	struct ctoken_reader r;
	struct ctoken *all = NULL, *t;
	size_t n = 0;

	ctoken_start(&r, text);
	do {
		t = MEM_GROW(all, n);
		ctoken_next(&r, t);
	} while (t->kind != CTOKEN_END);
	*ret_n = n;
	return all;
}

bool ctoken_is(const struct ctoken *t, const char *s)
{
	return strlen(s) == t->len && memcmp(t->at, s, t->len) == 0;
}

char *ctoken_string(const struct ctoken *t)
{
	return mem_string_n(t->at, t->len);
}

size_t ctoken_close(const struct ctoken *tokens, size_t open)
{
	size_t depth = 0, i;

	for (i = open; tokens[i].kind != CTOKEN_END; i++) {
		if (tokens[i].kind != CTOKEN_PUNCT)
			continue;
		if (strchr("([{", *tokens[i].at))
			depth++;
		else if (strchr(")]}", *tokens[i].at) && --depth == 0)
			return i;
	}
	return i;
}

char *ctoken_include(const struct ctoken *t, bool *ret_angle)
{
	const char *p = t->at, *end = t->at + t->len, *name;
	char close;

	if (t->kind != CTOKEN_DIRECTIVE)
		return NULL;
	for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	if (end - p < 8 || memcmp(p, "include", 7) != 0 || name_char(p[7]))
		return NULL;
	for (p += 7; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	if (p == end || (*p != '<' && *p != '"'))
		return NULL;
	close = *p == '<' ? '>' : '"';
	name = ++p;
	p = memchr(name, close, end - name);
	if (!p)
		return NULL;
	*ret_angle = close == '>';
	return mem_string_n(name, p - name);
}

bool ctoken_is_name(const char *s)
{
	if (!name_start(*s) || *s == '$')
		return false;
	while (name_char(*s) && *s != '$')
		s++;
	return !*s;
}
