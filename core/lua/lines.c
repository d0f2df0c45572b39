/* SPDX-License-Identifier: Apache-2.0 */
/* sys.lines: lines of a file or of standard input; a signal ends the wait for them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "lua/internal.h"

#define TYPE_LINES "moontrace.lines"

enum { CHUNK = 64 * 1024, MAX_LINE = 16 * 1024 * 1024 };

/* text[at] begins the next line; up to `seen` there is no end of it */
struct lines {
	int fd;
	char *name;
	bool end;
	struct buf text;
	size_t at, seen;
};

static void lines_close(struct lines *l)
{
	if (l->fd > STDIN_FILENO)
		close(l->fd);
	l->fd = -1;
	l->end = true;
	buf_release(&l->text);
	l->at = l->seen = 0;
	free(l->name);
	l->name = NULL;
}

static int lines_gc(lua_State *L)
{
	lines_close(luaL_checkudata(L, 1, TYPE_LINES));
	return 0;
}

/* until there is something to read, or a signal has come: its handler writes to wake_fd */
static int wait_for_text(struct host *h, int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
		{ .fd = h->wake_fd, .events = POLLIN } };
	uint64_t count;

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
		errno = EBADF;		/* poll would wait for ever */
		return -1;
	}
	while (!host_signal()) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return -1;
		if (fds[0].revents)
			return 0;
		/* of a signal that has been answered already */
		if (fds[1].revents && !host_signal() &&
		    read(h->wake_fd, &count, sizeof(count)) < 0)
			return -1;
	}
	errno = EINTR;
	return -1;
}

/* what is read is done away with first */
static int read_more(struct host *h, struct lines *l)
{
	size_t left = l->text.len - l->at;
	ssize_t n;

	if (l->at > 0) {
		memmove(l->text.data, l->text.data + l->at, left);
		l->text.len = left;
		l->seen -= l->at;
		l->at = 0;
	}
	do {
		if (wait_for_text(h, l->fd))
			return -1;
		n = read(l->fd, buf_reserve(&l->text, CHUNK), CHUNK);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	if (n < 0)
		return -1;
	l->end = n == 0;
	l->text.len += n;
	return 0;
}

static int push_line(lua_State *L, struct lines *l, size_t end)
{
	lua_pushlstring(L, l->text.data + l->at, end - l->at);
	l->at = l->seen = end + 1;
	return 1;
}

/* raises, since a loop over the lines would take nil for the end */
static int fail(lua_State *L, struct lines *l, int sys)
{
	struct error err = ERROR_INIT;

	if (sys)
		error_sys(&err, "E-FILE", sys, "%s", l->name);
	else
		error_set(&err, "E-FILE", "%s: a line is longer than 16 MiB", l->name);
	lines_close(l);
	return raise_error(L, &err);
}

/* the next line without its end; nil behind the last */
static int lines_next(lua_State *L)
{
	struct lines *l = luaL_checkudata(L, 1, TYPE_LINES);
	const char *end;

	for (;;) {
		if (host_signal())
			return raise_interrupted(L);
		end = l->text.len > l->seen ?
			memchr(l->text.data + l->seen, '\n', l->text.len - l->seen) : NULL;
		if (end)
			return push_line(L, l, end - l->text.data);
		l->seen = l->text.len;
		if (l->seen - l->at > MAX_LINE)
			return fail(L, l, 0);
		if (l->end && l->at < l->text.len)
			break;
		if (l->end)
			return 0;
		if (read_more(host_of(L), l) && !host_signal())
			return fail(L, l, errno);
	}
	push_line(L, l, l->text.len);
	lines_close(l);
	return 1;
}

/* sys.lines([path]) -> an iterator of the lines of it or standard input; nil, message, tag */
int sys_lines(lua_State *L)
{
	const char *path = luaL_optstring(L, 1, NULL);
	struct error err = ERROR_INIT;
	struct lines *l = lua_newuserdatauv(L, sizeof(*l), 0);

	*l = (struct lines){ .text = BUF_INIT };
	luaL_setmetatable(L, TYPE_LINES);
	l->name = mem_string(path ? path : "-");
	/* a FIFO is not waited for here, but where a signal is seen */
	if (path)
		l->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (l->fd < 0) {
		error_sys(&err, "E-FILE", errno, "%s", path);
		return push_failure(L, &err);
	}
	return 1;
}

void open_lines(lua_State *L)
{
	static const luaL_Reg meta[] = {
		{ "__call", lines_next },
		{ "__gc", lines_gc },
		{ "__close", lines_gc },
		{ NULL, NULL },
	};

	luaL_newmetatable(L, TYPE_LINES);
	luaL_setfuncs(L, meta, 0);
	lua_pop(L, 1);
}
