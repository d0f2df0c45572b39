/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "buf.h"

static enum log_level current_level = LOG_NORMAL;
static log_fn redirect_fn;
static void *redirect_arg;

void log_set_level(enum log_level level)
{
	current_level = level;
}

enum log_level log_level(void)
{
	return current_level;
}

void log_redirect(log_fn fn, void *arg)
{
	redirect_fn = fn;
	redirect_arg = arg;
}

static void put_line(const char *line, size_t len)
{
	ssize_t n;

	if (redirect_fn) {
		redirect_fn(redirect_arg, line, len);
		return;
	}
	/* one write, so that lines of several processes do not mix */
	n = write(STDERR_FILENO, line, len);
	(void)n;
}

static void put(enum log_level level, const char *fmt, va_list ap)
{
	struct buf line = BUF_INIT;
	int saved = errno;

	if (level > current_level)
		return;
	buf_adds(&line, "moontrace: ");
	errno = saved;		/* for %m */
	buf_vaddf(&line, fmt, ap);
	buf_addc(&line, '\n');
	put_line(line.data, line.len);
	buf_release(&line);
	errno = saved;
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_QUIET, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_NORMAL, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put(LOG_VERBOSE, fmt, ap);
	va_end(ap);
}
