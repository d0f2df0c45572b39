/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C text as tokens, without preprocessing: enough to find what a text
 * declares, includes and calls.  Comments and spliced lines are skipped;
 * a preprocessor line, with its continuations, is one token.
 */
#ifndef CTOKEN_H
#define CTOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ctoken_kind {
	CTOKEN_END,		/* the end of the text; len 0 */
	CTOKEN_IDENT,
	CTOKEN_NUMBER,
	CTOKEN_STRING,		/* with its quotes; runs to the line's end if unterminated */
	CTOKEN_CHAR,
	CTOKEN_PUNCT,		/* one character, but "->" is one token */
	CTOKEN_DIRECTIVE,	/* "#include <x>" without the last newline */
};

struct ctoken {
	enum ctoken_kind kind;
	const char *at;		/* into the text */
	size_t len;
	uint32_t line, column;	/* from 1; columns count bytes */
};

struct ctoken_reader {
	const char *at, *line_start;
	uint32_t line;
	bool fresh;		/* only space since the line began */
};

/* text is NUL-terminated and borrowed */
void ctoken_start(struct ctoken_reader *r, const char *text);
void ctoken_next(struct ctoken_reader *r, struct ctoken *ret);
/* all tokens with the CTOKEN_END; *ret_n counts that too. Caller frees */
struct ctoken *ctoken_all(const char *text, size_t *ret_n);

/* the token's text is s */
bool ctoken_is(const struct ctoken *t, const char *s);
/* caller owns */
char *ctoken_string(const struct ctoken *t);
/* index of the bracket that closes tokens[open]; the index of CTOKEN_END if none does */
size_t ctoken_close(const struct ctoken *tokens, size_t open);
/*
 * The name in an #include, without its brackets; *ret_angle tells <> from "".
 * NULL if the token is no #include, or one of a macro. Caller owns.
 */
char *ctoken_include(const struct ctoken *t, bool *ret_angle);
/* a C identifier, as a whole */
bool ctoken_is_name(const char *s);

#endif
