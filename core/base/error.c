/* SPDX-License-Identifier: Apache-2.0 */
#include "error.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

const struct error_tag error_tags[] = {
	{ "E-ARGS", STATUS_USAGE, "an option or argument is wrong" },
	{ "E-ATTACH", STATUS_CANNOT, "the kernel refused to attach a probe" },
	{ "E-BUNDLE", STATUS_CANNOT, "a bundle is damaged, or has nothing for this kernel" },
	{ "E-BUSY", STATUS_CANNOT, "the kernel's tracer is in use by another" },
	{ "E-CACHE", STATUS_CANNOT, "the object cache cannot be used" },
	{ "E-COMPILE", STATUS_SCRIPT, "the C text does not compile" },
	{ "E-COMPILER", STATUS_CANNOT, "the compiler process is missing or died" },
	{ "E-DEBUGINFO", STATUS_CANNOT, "debug information is missing, or of another build" },
	{ "E-EXPR", STATUS_SCRIPT, "an expression of a one-liner is wrong" },
	{ "E-FEATURE", STATUS_CANNOT, "this kernel lacks what the script needs" },
	{ "E-FIELD", STATUS_SCRIPT, "no such field in a key, value or event" },
	{ "E-FILE", STATUS_CANNOT, "a file cannot be read or written" },
	{ "E-HEADERS", STATUS_CANNOT, "kernel headers are needed and were not found" },
	{ "E-LIMIT", STATUS_CANNOT, "a resource limit of the system was reached" },
	{ "E-LUA", STATUS_SCRIPT, "the script raised a Lua error" },
	{ "E-MAP", STATUS_SCRIPT, "no such map, or a map operation that it does not have" },
	{ "E-OBJECT", STATUS_CANNOT, "a program object is damaged or of another format" },
	{ "E-PERM", STATUS_CANNOT, "a capability is missing" },
	{ "E-PROBE", STATUS_SCRIPT, "no such probe on this kernel" },
	{ "E-PROGRAM", STATUS_SCRIPT, "no such function in the program" },
	{ "E-REQUEST", STATUS_USAGE, "a compile request is malformed" },
	{ "E-SCRIPT", STATUS_USAGE, "no such script, or one that must not be run" },
	{ "E-SIGNATURE", STATUS_SCRIPT,
		"the arguments of a kernel function are not known or not as declared" },
	{ "E-TRACEFS", STATUS_CANNOT, "tracefs is not mounted or not readable" },
	{ "E-TYPE", STATUS_SCRIPT, "a value does not fit the C type" },
	{ "E-VERIFIER", STATUS_SCRIPT, "the kernel's verifier refused a program" },
	{ NULL, 0, NULL },
};

static const struct error_tag *find_tag(const char *tag)
{
	const struct error_tag *t;

	for (t = error_tags; t->tag; t++) {
		if (strcmp(t->tag, tag) == 0)
			return t;
	}
	return NULL;
}

static int set_text(struct error *e, const char *tag, int sys, char *text)
{
	const struct error_tag *t = find_tag(tag);

	assert(t);
	error_clear(e);
	e->tag = t->tag;
	e->sys = sys;
	e->text = text;
	return -1;
}

int error_set(struct error *e, const char *tag, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = mem_vformat(fmt, ap);
	va_end(ap);
	return set_text(e, tag, 0, text);
}

int error_sys(struct error *e, const char *tag, int sys, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	buf_addf(&b, ": %s", strerror(sys));
	return set_text(e, tag, sys, buf_take(&b, NULL));
}

int error_wrap(struct error *e, const char *fmt, ...)
{
	va_list ap;
	char *what, *text;

	va_start(ap, fmt);
	what = mem_vformat(fmt, ap);
	va_end(ap);
	text = mem_format("%s: %s", what, e->text ? e->text : "failed");
	free(what);
	free(e->text);
	e->text = text;
	return -1;
}

int error_hint(struct error *e, const char *fmt, ...)
{
	va_list ap;

	free(e->hint);
	va_start(ap, fmt);
	e->hint = mem_vformat(fmt, ap);
	va_end(ap);
	return -1;
}

int error_take_hint(struct error *e, char *hint)
{
	free(e->hint);
	e->hint = hint;
	return -1;
}

int error_status(const struct error *e)
{
	const struct error_tag *t = e->tag ? find_tag(e->tag) : NULL;

	return t ? t->status : STATUS_OK;
}

char *error_format(const struct error *e)
{
	if (!e->tag)
		return mem_string("no error");
	return mem_format("error[%s]: %s%s%s", e->tag, e->text, e->hint ? "\n  " : "",
		e->hint ? e->hint : "");
}

void error_move(struct error *to, struct error *from)
{
	error_clear(to);
	*to = *from;
	*from = (struct error)ERROR_INIT;
}

void error_clear(struct error *e)
{
	free(e->text);
	free(e->hint);
	*e = (struct error)ERROR_INIT;
}
