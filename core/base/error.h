/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as values.
 *
 * A function that can fail takes a `struct error *` last and returns -1 or
 * NULL after it described there what failed.  Callers wrap the text with
 * what they were doing and pass it on; only core/app and core/lua show it.
 * Libraries never print.
 *
 * Each user-visible error has a tag, a row of the table in error.c: the tag
 * is stable, documented, has one negative test, and decides the exit status.
 */
#ifndef ERROR_H
#define ERROR_H

#include <stdarg.h>
#include <stddef.h>

/* exit statuses of moontrace; 128 + signal beside these */
enum {
	STATUS_OK = 0,
	STATUS_SCRIPT = 1,	/* the script or its text is wrong */
	STATUS_USAGE = 2,	/* the command line is wrong */
	STATUS_LOSS = 3,	/* --strict, and something was lost */
	STATUS_CANNOT = 4,	/* this machine, kernel or user cannot */
};

struct error {
	const char *tag;	/* "E-HEADERS"; NULL: no error */
	int sys;		/* errno of the failing call, or 0 */
	char *text;		/* one line, or several; no newline at the end */
	char *hint;		/* what to do about it, or NULL */
};

#define ERROR_INIT { NULL, 0, NULL, NULL }

struct error_tag {
	const char *tag;
	int status;
	const char *meaning;
};
extern const struct error_tag error_tags[];	/* ends with a NULL tag */

/* each returns -1; a former error in e is replaced. tag must be in the table */
int error_set(struct error *e, const char *tag, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* the same, with ": strerror(sys)" behind */
int error_sys(struct error *e, const char *tag, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* puts "what: " in front of the text */
int error_wrap(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int error_hint(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* takes hint, which may be NULL */
int error_take_hint(struct error *e, char *hint);

int error_status(const struct error *e);	/* exit status for the tag */
/* "error[E-X]: text\n  hint" without a newline at the end; caller owns */
char *error_format(const struct error *e);
void error_move(struct error *to, struct error *from);
void error_clear(struct error *e);		/* frees; e is "no error" */

#endif
