/* SPDX-License-Identifier: Apache-2.0 */
/* Is the tracer at the top level anybody's? */
#include "load/ftrace_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

/* ---- which process ---- */

static bool is_number(const char *name)
{
	return *name && name[strspn(name, "0123456789")] == '\0';
}

static bool is_below(const char *file, const char *dir)
{
	return str_starts(file, dir) && file[strlen(dir)] == '/';
}

/* does the process have a file below path open, or one by tracefs' usual names? */
static bool has_open(const char *pid, const char *path)
{
	char dir[300], at[600], target[600];
	struct dirent *d;
	bool found = false;
	ssize_t n;
	DIR *fds;

	snprintf(dir, sizeof(dir), "/proc/%s/fd", pid);
	fds = opendir(dir);
	while (fds && !found && (d = readdir(fds)) != NULL) {
		snprintf(at, sizeof(at), "%s/%s", dir, d->d_name);
		n = readlink(at, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		found = is_below(target, path) || is_below(target, "/sys/kernel/tracing") ||
			is_below(target, "/sys/kernel/debug/tracing");
	}
	if (fds)
		closedir(fds);
	return found;
}

static void add_name(const char *pid, struct buf *out)
{
	char path[300], comm[32] = "?\n";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	f = fopen(path, "re");
	if (f && !fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	if (f)
		fclose(f);
	comm[strcspn(comm, "\n")] = '\0';
	str_clean(comm);
	buf_addf(out, " (by %s, process %s)", comm, pid);
}

void ftrace_add_user(const char *path, struct buf *out)
{
	DIR *proc = opendir("/proc");
	bool found = false;
	struct dirent *d;

	while (proc && !found && (d = readdir(proc)) != NULL) {
		if (!is_number(d->d_name) || strtol(d->d_name, NULL, 10) == getpid())
			continue;
		found = has_open(d->d_name, path);
		if (found)
			add_name(d->d_name, out);
	}
	if (proc)
		closedir(proc);
}

/* ---- what for ---- */

static const struct {
	const char *file, *free;	/* its value where nobody uses it */
	const char *what;
} uses[] = {
	{ "current_tracer", "nop", "the tracer is on" },
	{ "set_event", "", "events are on" },
	{ "set_graph_function", "", "functions are chosen" },
	{ "set_graph_notrace", "", "functions are excluded" },
	{ "set_ftrace_filter", "", "functions are chosen" },
	{ "set_ftrace_notrace", "", "functions are excluded" },
	{ "set_ftrace_notrace_pid", "", "processes are excluded" },
	{ "set_ftrace_pid", "", "processes are chosen" },
	{ "tracing_thresh", "0", "a threshold is set" },
	{ "max_graph_depth", "0", "a depth is set" },
};

static int busy(struct error *err, const char *path, const char *what, const char *file,
	const char *value)
{
	struct buf who = BUF_INIT;

	ftrace_add_user(path, &who);
	error_set(err, "E-BUSY", "the kernel's tracer is in use%s: %s, %s is '%.*s'", who.data,
		what, file, (int)strcspn(value, "\n"), value);
	error_hint(err, "two at once would spoil both; if it is a leftover, reset it in %s", path);
	buf_release(&who);
	return -1;
}

static int full(struct error *err, const char *path, uint64_t entries)
{
	error_set(err, "E-BUSY", "the kernel's trace buffer holds %llu records of somebody, "
		"which would be lost", (unsigned long long)entries);
	return error_hint(err, "empty it: echo > %s/trace", path);
}

int ftrace_free(int dir, const char *path, bool force, struct error *err)
{
	struct buf value = BUF_INIT;
	uint64_t entries;
	int bad = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(uses) && !bad; i++) {
		buf_clear(&value);
		/* not every kernel has every file */
		if (ftrace_file_get(dir, uses[i].file, &value))
			continue;
		if (strcmp(value.data, uses[i].free) != 0)
			bad = busy(err, path, uses[i].what, uses[i].file, value.data);
	}
	buf_release(&value);
	if (bad || force)
		return bad;
	entries = ftrace_stat(dir, "entries");
	return entries ? full(err, path, entries) : 0;
}
