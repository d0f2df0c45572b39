/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that belong to no error: one line each, "moontrace: " in front.
 * Libraries report through struct error; only core/app and core/lua call
 * these.
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>

enum log_level {
	LOG_QUIET,	/* warnings */
	LOG_NORMAL,	/* and information; the default */
	LOG_VERBOSE,	/* and what was tried and why */
};

void log_set_level(enum log_level level);
enum log_level log_level(void);

/* fmt without a newline at the end; errno is kept */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* where whole lines, with their newline, go; NULL: standard error.  A line
 * editor hides its prompt around them. */
typedef void (*log_fn)(void *arg, const char *line, size_t len);
void log_redirect(log_fn fn, void *arg);

#endif
