/* SPDX-License-Identifier: Apache-2.0 */
#include "repl/stream.h"

#include "repl/editor.h"

static ssize_t write_out(void *cookie, const char *data, size_t n)
{
	return editor_write(cookie, data, n);
}

static FILE *open_stream(struct editor *e, int mode)
{
	cookie_io_functions_t functions = { .write = write_out };
	FILE *f = fopencookie(e, "w", functions);

	if (f)
		setvbuf(f, NULL, mode, BUFSIZ);
	return f;
}

int streams_take(struct streams *s, struct editor *e)
{
	FILE *out = open_stream(e, _IOLBF), *err = open_stream(e, _IONBF);

	if (!out || !err) {
		if (out)
			fclose(out);
		if (err)
			fclose(err);
		return -1;
	}
	fflush(stdout);
	s->out = stdout;
	s->err = stderr;
	stdout = out;
	stderr = err;
	return 0;
}

void streams_give_back(struct streams *s)
{
	FILE *out = stdout, *err = stderr;

	if (!s->out)
		return;
	fflush(out);
	stdout = s->out;
	stderr = s->err;
	s->out = NULL;
	fclose(out);
	fclose(err);
}
