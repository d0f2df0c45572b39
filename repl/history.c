/* SPDX-License-Identifier: Apache-2.0 */
#include "repl/history.h"

#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { KEPT = 2000, MAX_FILE = 8 << 20 };

struct line_history {
	History *lines;
	int fd;			/* of the file, to append; -1: none */
	char *last;
};

static char *file_name(void)
{
	const char *told = getenv("MOONTRACE_HISTORY"), *home = getenv("HOME");

	if (told)
		return *told ? mem_string(told) : NULL;
	return home && *home == '/' ? mem_format("%s/.moontrace_history", home) : NULL;
}

/* a descriptor of a file that is ours alone, or -1 */
static int open_private(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
		O_NOCTTY, 0600);
	struct stat st;

	if (fd < 0)
		return error_sys(err, "E-FILE", errno, "history '%s'", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
		st.st_nlink == 1 && ((st.st_mode & 077) == 0 || fchmod(fd, 0600) == 0))
		return fd;
	close(fd);
	return error_set(err, "E-FILE", "history '%s': not a file of this user alone", path);
}

static void enter(struct line_history *h, const char *line)
{
	HistEvent ev;

	history(h->lines, &ev, H_ENTER, line);
}

/* an entry as it was typed; changes it */
static char *decode(char *line)
{
	char *from = line, *to = line;

	for (; *from; from++) {
		if (from[0] == '\\' && from[1]) {
			from++;
			*to++ = *from == 'n' ? '\n' : *from;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
	return line;
}

static void encode(const char *line, struct buf *out)
{
	for (; *line; line++) {
		if (*line == '\n')
			buf_adds(out, "\\n");
		else if (*line == '\\')
			buf_adds(out, "\\\\");
		else
			buf_addc(out, *line);
	}
	buf_addc(out, '\n');
}

/* where the last KEPT lines begin */
static char *last_lines(char *text, size_t n)
{
	char *at = text + n;
	size_t lines = 0;

	while (at > text && lines <= KEPT) {
		at--;
		lines += *at == '\n' && at + 1 < text + n;
	}
	return *at == '\n' ? at + 1 : at;
}

/* reads the file and drops what is too old */
static void load(struct line_history *h, const char *path)
{
	struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	char *rest, *line;

	if (file_read_fd(h->fd, path, MAX_FILE, &text, &err)) {
		error_clear(&err);
		buf_release(&text);
		return;
	}
	rest = last_lines(text.data, text.len);
	/* not at each start: other sessions write to the same file */
	if ((size_t)(rest - text.data) > text.len / 2 && ftruncate(h->fd, 0) == 0 &&
		write(h->fd, rest, text.data + text.len - rest) < 0)
		error_clear(&err);
	if (text.len && text.data[text.len - 1] != '\n' && write(h->fd, "\n", 1) < 0)
		error_clear(&err);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line)
			enter(h, decode(line));
	}
	buf_release(&text);
}

struct line_history *line_history_open(struct error *err)
{
	struct line_history *h = mem_alloc(sizeof(*h));
	char *path = file_name();
	HistEvent ev;

	h->lines = history_init();
	history(h->lines, &ev, H_SETSIZE, KEPT);
	history(h->lines, &ev, H_SETUNIQUE, 1);
	h->fd = path ? open_private(path, err) : -1;
	if (h->fd >= 0)
		load(h, path);
	free(path);
	return h;
}

void line_history_close(struct line_history *h)
{
	if (!h)
		return;
	history_end(h->lines);
	if (h->fd >= 0)
		close(h->fd);
	free(h->last);
	free(h);
}

void line_history_add(struct line_history *h, const char *line)
{
	struct buf entry = BUF_INIT;

	if (!*line || *line == ' ' || (h->last && strcmp(h->last, line) == 0))
		return;
	free(h->last);
	h->last = mem_string(line);
	enter(h, line);
	encode(line, &entry);
	/* a full disk costs the entry, not the session */
	if (h->fd >= 0 && write(h->fd, entry.data, entry.len) < 0) {
		close(h->fd);
		h->fd = -1;
	}
	buf_release(&entry);
}

const char *line_history_entry(struct line_history *h, unsigned before)
{
	HistEvent ev;
	int found = history(h->lines, &ev, H_FIRST);

	while (found >= 0 && before--)
		found = history(h->lines, &ev, H_NEXT);
	return found >= 0 ? ev.str : NULL;
}

void *line_history_editline(struct line_history *h)
{
	return h->lines;
}
