/* SPDX-License-Identifier: Apache-2.0 */
/* The files of tracefs: many do not read as they are written. */
#include "load/ftrace_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- what a file says, as it is written ---- */

/* "X": the values of its CPUs or events differ */
static bool plain_value(char *text, struct buf *ret)
{
	text[strcspn(text, "\n")] = '\0';
	buf_adds(ret, text);
	return strcmp(text, "X") != 0;
}

/*
 * "#### all functions enabled ####" and "no pid" are nothing. Functions of
 * modules are "name [module]", which cannot be written: the name is enough.
 */
static bool list_value(char *text, struct buf *ret)
{
	char *line, *module;

	while ((line = strsep(&text, "\n")) != NULL) {
		if (!*line || *line == '#' || strcmp(line, "no pid") == 0)
			continue;
		module = strstr(line, " [");
		if (module)
			*module = '\0';
		buf_addf(ret, "%s%s", ret->len ? "\n" : "", line);
	}
	return true;
}

/* "[local] global counter" */
static bool chosen_value(char *text, struct buf *ret)
{
	char *begin = strchr(text, '['), *end = begin ? strchr(begin, ']') : NULL;

	if (end)
		buf_add(ret, begin + 1, end - begin - 1);
	return end != NULL;
}

/* "7 (expanded: 1408)" until it is used first; written back, 7 would shrink it for good */
static bool size_value(char *text, struct buf *ret)
{
	char *expanded = strstr(text, "(expanded: ");

	if (expanded)
		text = expanded + strlen("(expanded: ");
	text[strcspn(text, ")\n ")] = '\0';
	buf_adds(ret, text);
	return *text >= '0' && *text <= '9';
}

/* "none" */
static bool filter_value(char *text, struct buf *ret)
{
	text[strcspn(text, "\n")] = '\0';
	buf_adds(ret, strcmp(text, "none") == 0 ? "0" : text);
	return true;
}

/* its content; opening it to write empties it */
static bool no_value(char *text, struct buf *ret)
{
	return text && ret;
}

static const struct ftrace_kind kinds[] = {
	{ "buffer_size_kb", size_value, false },
	{ "current_tracer", plain_value, false },
	{ "events/*enable", plain_value, false },
	{ "events/*filter", filter_value, false },
	{ "max_graph_depth", plain_value, false },
	{ "options/*", plain_value, false },
	{ "set_event", list_value, true },
	{ "set_event_pid", list_value, true },
	{ "set_ftrace_filter", list_value, true },
	{ "set_ftrace_notrace", list_value, true },
	{ "set_ftrace_notrace_pid", list_value, true },
	{ "set_ftrace_pid", list_value, true },
	{ "set_graph_function", list_value, true },
	{ "set_graph_notrace", list_value, true },
	{ "trace", no_value, true },
	{ "trace_clock", chosen_value, false },
	{ "tracing_cpumask", plain_value, false },
	{ "tracing_on", plain_value, false },
	{ "tracing_thresh", plain_value, false },
};

const struct ftrace_kind *ftrace_kind(const char *file)
{
	size_t i;

	if (str_starts(file, FTRACE_TOP))
		file += strlen(FTRACE_TOP);
	if (file[0] == '/' || strstr(file, ".."))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (fnmatch(kinds[i].glob, file, 0) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* ---- reading ---- */

static int read_all(int fd, struct buf *ret)
{
	ssize_t n;
	int err;

	do {
		n = read(fd, buf_reserve(ret, 65536), 65536);
		err = n < 0 ? errno : 0;
		if (n > 0)
			ret->len += n;
	} while (n > 0 || err == EINTR);
	ret->data[ret->len] = '\0';
	return err;
}

int ftrace_file_text(int dir, const char *file, struct buf *ret)
{
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC), err = fd < 0 ? errno : 0;

	if (err)
		return err;
	err = read_all(fd, ret);
	close(fd);
	return err;
}

int ftrace_file_get(int dir, const char *file, struct buf *ret)
{
	const struct ftrace_kind *kind = ftrace_kind(file);
	struct buf text = BUF_INIT;
	int err = 0;

	if (kind->value != no_value)
		err = ftrace_file_text(dir, file, &text);
	buf_addc(&text, '\n');
	if (!err && !kind->value(text.data, ret))
		err = EDOM;
	buf_release(&text);
	return err;
}

/* ---- writing ---- */

/* each word by a write of its own: the kernel may take no more, 3.10's of set_ftrace_pid */
static int write_words(int fd, const char *value)
{
	int err = 0;

	while (!err && *(value += strspn(value, " \t\n"))) {
		size_t n = strcspn(value, " \t\n");
		char *word = mem_format("%.*s\n", (int)n, value);

		err = file_write_all(fd, word, strlen(word));
		free(word);
		value += n;
	}
	return err;
}

int ftrace_file_put(int dir, const char *file, const char *value)
{
	/* a list is emptied by this; the others do not care */
	int fd = openat(dir, file, O_WRONLY | O_TRUNC | O_CLOEXEC), err = fd < 0 ? errno : 0;
	char *line;

	if (err)
		return err;
	if (ftrace_kind(file)->list) {
		err = write_words(fd, value);
	} else {
		line = mem_format("%s\n", value);
		err = file_write_all(fd, line, strlen(line));
		free(line);
	}
	if (close(fd) < 0 && !err)
		err = errno;
	return err;
}

/* ---- counters ---- */

uint64_t ftrace_row(const char *stats, const char *row)
{
	const char *text = stats;
	size_t n = strlen(row);

	for (; text; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (strncmp(text, row, n) == 0 && text[n] == ':')
			return strtoull(text + n + 1, NULL, 10);
	}
	return 0;
}

void ftrace_each_cpu(int dir, void (*fn)(void *arg, unsigned cpu, const char *stats), void *arg)
{
	int fd = openat(dir, "per_cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct buf text = BUF_INIT;
	struct dirent *entry;
	char name[300];

	if (!d && fd >= 0)
		close(fd);
	while (d && (entry = readdir(d)) != NULL) {
		if (!str_starts(entry->d_name, "cpu"))
			continue;
		snprintf(name, sizeof(name), "%s/stats", entry->d_name);
		buf_clear(&text);
		if (ftrace_file_text(fd, name, &text) == 0)
			fn(arg, strtoul(entry->d_name + strlen("cpu"), NULL, 10), text.data);
	}
	if (d)
		closedir(d);
	buf_release(&text);
}

struct sum {
	const char *row;
	uint64_t of_all;
};

static void add_row(void *arg, unsigned cpu, const char *stats)
{
	struct sum *sum = arg;

	(void)cpu;
	sum->of_all += ftrace_row(stats, sum->row);
}

uint64_t ftrace_stat(int dir, const char *row)
{
	struct sum sum = { row, 0 };

	ftrace_each_cpu(dir, add_row, &sum);
	return sum.of_all;
}
